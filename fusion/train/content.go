package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/onnx/graph"
)

// measuredProducts bounds the products that the model card's figures of content are taken on.
const measuredProducts = 2000

// fitContent makes the head of the content output of the products of the train part, and measures how such heads do on
// products that they were not fitted on. Without categories and with a single modality there is nothing to learn it from,
// and none is made: content is then what the tower's features say.
func (t *training) fitContent(ctx context.Context) error {
	modalities, categories := t.Data.Content()
	wide := slices.DeleteFunc(slices.Clone(modalities), func(m dataset.Modality) bool { return m.Dim == 1 })
	kinds := slices.Compact(slices.Sorted(slices.Values(categories)))
	kinds = slices.DeleteFunc(kinds, func(k string) bool { return k == "" })
	if len(wide) == 0 || len(wide) < 2 && len(kinds) < 2 {
		return nil
	}
	t.Watch.stage("content")
	var from []int32
	for i, n := range dataset.Counts(t.Data.Train, len(t.Data.Items)) {
		if n > 0 {
			from = append(from, int32(i))
		}
	}
	head, err := content.Fit(ctx, t.products, modalities, categories, from)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	if slices.ContainsFunc(head.Sides, func(s content.Side) bool { return !s.Used && s.Dim > 1 }) {
		return nil // features of a modality are too few to find axes by: the tower reads them all the same
	}
	t.content = head
	at := slices.IndexFunc(wide, func(m dataset.Modality) bool { return m.Name != textName })
	if at < 0 || head.Shared == 0 {
		return nil
	}
	t.summary.Content, err = content.Measure(ctx, t.products, modalities, categories, wide[at].Name,
		content.Trial{Seeds: 1, Most: measuredProducts, Seed: t.Config.Seed})
	if errors.Is(err, content.ErrContent) { // too few products to leave any out
		return nil
	}
	return err
}

// textName is the modality whose axes the others are led to; see package content.
const textName = "text"

// head is content.Head.Encode as a graph.
func (e *exporter) head(h *content.Head, raw, has values) graph.Value {
	var parts values
	var shared graph.Value
	for k, s := range h.Sides {
		if !s.Used {
			continue
		}
		x := raw[k]
		if s.Root {
			x = e.mul(e.Op("Sign", values{x}), e.Op("Sqrt", values{e.Op("Abs", values{x})}))
		}
		z := e.Op("MatMul", values{e.sub(e.exactly(x), e.weight(1, s.Dim, s.Center)), e.weight(s.Axes.Rows, s.Axes.Cols, s.Axes.Data)})
		if s.Own > 0 {
			own := e.Op("Slice", values{z, e.list(0), e.list(int64(s.Own)), e.list(1)})
			parts = append(parts, e.mul(e.mul(e.exactly(own), has[k]), e.number(h.Own)))
		}
		if s.Map.Rows > 0 {
			share := e.mul(e.exactly(e.Op("MatMul", values{z, e.weight(s.Map.Rows, s.Map.Cols, s.Map.Data)})), has[k])
			if shared == "" {
				shared = share
			} else {
				shared = e.add(shared, share)
			}
		}
	}
	if shared != "" {
		parts = append(parts, e.mul(e.exactly(shared), e.number(1-h.Own)))
	}
	return e.exactly(e.concat(parts...))
}

// cardContent says in the model card what content is and how it did.
func (t *training) cardContent(line func(format string, args ...any)) {
	if t.content == nil {
		return
	}
	var names []string
	for _, s := range t.content.Sides {
		if s.Used {
			names = append(names, s.Name)
		}
	}
	line("\n## Content\n")
	line("`content` of product.onnx, %d numbers, says what a product looks like and says (%s), whatever people did with it. It is closed form:", t.content.Dim(), strings.Join(names, ", "))
	line("each modality's own geometry, weight %g, beside %d numbers that all modalities share, led there by texts and categories of the products of the train part.", t.content.Own, t.content.Shared)
	q := t.summary.Content
	if q == nil {
		return
	}
	line("\nOn products that were left out (%d products, five heads, each fitted with its settings on four fifths; 95 %% intervals over products):\n", q.Products)
	line("| | mean | 95 %% | by chance |\n|---|---|---|---|")
	row := func(name string, f, chance *content.Figure) {
		if f == nil {
			return
		}
		by := "–"
		if chance != nil {
			by = fmt.Sprintf("%.3f", chance.Mean)
		}
		line("| %s | %.3f | %.3f to %.3f | %s |", name, f.Mean, f.CI95[0], f.CI95[1], by)
	}
	row("the ten nearest by one modality vote for its category, content", q.KNN, nil)
	row("the same, raw features", q.RawKNN, nil)
	row("difference", q.Gain, nil)
	row("its text finds others of its category, precision@10", q.Precision, q.RandomPrecision)
	row("recall@10", q.Recall, q.RandomRecall)
	row(fmt.Sprintf("its text finds itself among %d, first ten", q.Candidates), q.Own, q.RandomOwn)
}
