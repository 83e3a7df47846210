package evaluation

import (
	"fmt"
	"io"
	"text/tabwriter"

	"weft/fusion"
	"weft/fusion/content"
)

// Neighbours is how well nearest neighbours agree with classes and, where it could be asked, how content does on products
// that were left out when it was fitted.
type Neighbours struct {
	fusion.Neighbourhood
	Content *content.Quality `json:"content,omitempty"`
}

// Print writes the tables a person reads.
func (n *Neighbours) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "class\titems\tk-NN(%d)\tsame class\n", n.K)
	for _, l := range n.Classes {
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\n", l.Label, l.Items, l.Accuracy, l.Same)
	}
	fmt.Fprintf(w, "all\t%d\t%.3f\t%.3f\n", n.Items, n.Accuracy, n.Same)
	if err := w.Flush(); err != nil || n.Content == nil {
		return err
	}
	return printContent(out, n.Content)
}

func printContent(out io.Writer, q *content.Quality) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\ncontent, on products left out (%d products, %d heads)\tmean\t95 %% interval\tby chance\n", q.Products, q.Fits)
	line := func(name string, f, chance *content.Figure) {
		if f == nil {
			return
		}
		by := ""
		if chance != nil {
			by = fmt.Sprintf("%.3f", chance.Mean)
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.3f to %.3f\t%s\n", name, f.Mean, f.CI95[0], f.CI95[1], by)
	}
	line(fmt.Sprintf("k-NN(%d) by the photo, content", q.K), q.KNN, nil)
	line(fmt.Sprintf("k-NN(%d) by the photo, encoder", q.K), q.RawKNN, nil)
	line("difference", q.Gain, nil)
	line(fmt.Sprintf("its text finds photos of its class, precision@%d", q.K), q.Precision, q.RandomPrecision)
	line(fmt.Sprintf("its text finds photos of its class, recall@%d", q.K), q.Recall, q.RandomRecall)
	line(fmt.Sprintf("its text finds its own photo, first %d of %d", q.K, q.Candidates), q.Own, q.RandomOwn)
	line(fmt.Sprintf("the name of a class finds photos of it, precision@%d", q.K), q.Word, q.RandomPrecision)
	return w.Flush()
}
