package evaluation

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"weft/fusion/dataset"
	"weft/fusion/rank"
)

// Comparison is models side by side. As JSON it is what `weft evaluate --json` prints.
type Comparison struct {
	Protocol Protocol          `json:"protocol"`
	Results  []json.RawMessage `json:"results"`
	Profile  json.RawMessage   `json:"profile"` // as weft train measured its profile heads; an empty list without
	// Ablation is each model without some of what it reads; an empty list where nothing can be withheld.
	Ablation []json.RawMessage `json:"ablation"`

	ablations []*Ablation
	rows      []Row
	against   Row // the opponent
	seed      uint64
	draws     int
}

// Protocol says how the figures came about, so that a reader can judge and repeat them.
type Protocol struct {
	Split     dataset.Split     `json:"split"`
	Targets   string            `json:"targets"`
	Ranked    string            `json:"ranked"`
	ChosenBy  string            `json:"chosen_by"`
	Fitted    string            `json:"fitted"`
	Weights   string            `json:"weights,omitempty"` // of interactions, where they differ in kind
	Test      string            `json:"test"`
	Intervals string            `json:"intervals"`
	Opponent  string            `json:"opponent"` // the baseline that differences are to
	Seed      uint64            `json:"seed"`
	Lengths   []int             `json:"lengths"`
	Slices    map[string]string `json:"slices"`
	Data      dataset.Report    `json:"data"`
}

// Compare puts rows beside each other; differences are to the best baseline among them.
func (e *Evaluation) Compare(rows []Row) (*Comparison, error) {
	out := &Comparison{rows: rows, seed: e.c.Seed, draws: e.c.Resamples, Profile: json.RawMessage("[]"), Ablation: []json.RawMessage{}, Protocol: Protocol{
		Split: e.c.Data.Split, Targets: e.c.Report.Targets, Ranked: "all items; what is in the user's history is left out",
		ChosenBy: chosenBy + " on val, slice " + rank.All, Fitted: "train", Seed: e.c.Seed, Lengths: e.onTest.K, Slices: rank.Descriptions(), Data: e.c.Report,
		Test:      "each model was measured on test once, after its setting was chosen on val",
		Intervals: fmt.Sprintf("95 %%, bootstrap over users, %d resamples; differences are paired on the same users", e.c.Resamples),
	}}
	if e.c.Refit {
		out.Protocol.Fitted = "train to choose, train and val together for the test"
	}
	if s := e.final.Strength; s.Power > 0 {
		out.Protocol.Ranked = "all items; what the user had bought is left out, what was only looked at is not"
		out.Protocol.Weights = fmt.Sprintf("baselines count an interaction by (weight/%g)^%g, at most 1", s.Full, s.Power)
	}
	best := -1.
	for _, r := range rows {
		if all, ok := r.Result.Slice(rank.All); r.Baseline && ok && all.Mean(chosenBy) > best {
			best, out.against = all.Mean(chosenBy), r
		}
	}
	out.Protocol.Opponent = out.against.Name + ": the baseline with the greatest " + chosenBy + " on test, the hardest to beat"
	for _, r := range rows {
		for _, s := range r.Result.Slices {
			line, err := out.line(r, s)
			if err != nil {
				return nil, err
			}
			out.Results = append(out.Results, line)
		}
	}
	return out, nil
}

// difference of a model to the opponent in one slice; ok is false for the opponent itself and where nobody was measured.
func (o *Comparison) difference(r Row, s rank.SliceResult, metric string) (_ rank.Estimate, ok bool, err error) {
	if r.Name == o.against.Name && r.Baseline || len(s.Users) == 0 {
		return rank.Estimate{}, false, nil
	}
	other, found := o.against.Result.Slice(s.Name)
	if !found {
		return rank.Estimate{}, false, nil
	}
	e, err := rank.Difference(s, other, metric, o.draws, o.seed)
	return e, err == nil, err
}

// line is one result of the JSON: flat, since the names of metrics depend on the lengths.
func (o *Comparison) line(r Row, s rank.SliceResult) (json.RawMessage, error) {
	line := map[string]any{"model": r.Name, "setting": r.Setting, "baseline": r.Baseline, "slice": s.Name, "users": len(s.Users)}
	if r.Validation >= 0 {
		line["validation"] = map[string]float64{chosenBy: r.Validation}
	}
	intervals := map[string][2]float64{}
	for name, e := range s.Estimates {
		line[name], intervals[name] = e.Mean, [2]float64{e.Low, e.High}
	}
	for name, v := range s.Coverage {
		line[name] = v
	}
	line["ci95"] = intervals
	if r.Name != o.against.Name || !r.Baseline {
		difference := map[string]any{"to": o.against.Name}
		for _, metric := range []string{"recall@20", "ndcg@20"} {
			d, ok, err := o.difference(r, s, metric)
			if err != nil {
				return nil, err
			}
			if ok {
				difference[metric] = map[string]any{"mean": d.Mean, "ci95": [2]float64{d.Low, d.High}}
			}
		}
		line["difference"] = difference
	}
	return json.Marshal(line)
}

// Print writes the tables a person reads.
func (o *Comparison) Print(out io.Writer) error {
	p := o.Protocol
	fmt.Fprintf(out, "%s\n", p.Data.Summary())
	fmt.Fprintf(out, "Ranked: %s. Targets: %s.\nChosen by %s; fitted on %s; %s.\n", p.Ranked, p.Targets, p.ChosenBy, p.Fitted, p.Test)
	if p.Weights != "" {
		fmt.Fprintf(out, "Weights: %s.\n", p.Weights)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "model\tsetting\tval R@20\trecall@20\t95 %%\tndcg@20\t95 %%\thit@20\tcoverage@20\tΔ recall@20 to %s\t95 %%\n", o.against.Name)
	for _, r := range o.rows {
		all, ok := r.Result.Slice(rank.All)
		if !ok || len(all.Users) == 0 {
			continue
		}
		val := "–"
		if r.Validation >= 0 {
			val = fmt.Sprintf("%.4f", r.Validation)
		}
		recall, ndcg := all.Estimates["recall@20"], all.Estimates["ndcg@20"]
		fmt.Fprintf(w, "%s\t%s\t%s\t%.4f\t%s\t%.4f\t%s\t%.4f\t%.3f", r.Name, r.Setting, val, recall.Mean, span(recall), ndcg.Mean, span(ndcg), all.Mean("hit@20"), all.Coverage["coverage@20"])
		d, ok, err := o.difference(r, all, "recall@20")
		if err != nil {
			return err
		}
		if ok {
			fmt.Fprintf(w, "\t%+.4f\t%+.4f … %+.4f\n", d.Mean, d.Low, d.High)
		} else {
			fmt.Fprint(w, "\t\t\n")
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprint(out, "\nrecall@20 by slice\n")
	names := []string{}
	for _, s := range o.rows[0].Result.Slices {
		names = append(names, s.Name)
	}
	fmt.Fprintf(w, "model\t%s\n", strings.Join(names, "\t"))
	for _, r := range o.rows {
		fmt.Fprint(w, r.Name)
		for _, s := range r.Result.Slices {
			if len(s.Users) == 0 {
				fmt.Fprint(w, "\t–")
			} else {
				fmt.Fprintf(w, "\t%.4f", s.Mean("recall@20"))
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "users")
	for _, s := range o.rows[0].Result.Slices {
		fmt.Fprintf(w, "\t%d", len(s.Users))
	}
	fmt.Fprintln(w)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, x := range o.ablations {
		if err := o.printAblation(out, x); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	for _, name := range slices.Sorted(maps.Keys(p.Slices)) {
		fmt.Fprintf(out, "%s: %s\n", name, p.Slices[name])
	}
	return nil
}

func span(e rank.Estimate) string { return fmt.Sprintf("%.4f–%.4f", e.Low, e.High) }
