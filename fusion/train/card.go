package train

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// card is the model card: what the model is, what it was made from, how well it did on validation, and what to mind.
func (t *training) card(m *served) string {
	s, r := &t.summary, t.Report
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Model card\n")
	line("Ranks products for shoppers: the product of a user's and an item's vector (%d numbers each, unit length) is the score.\n", Dim)
	line("## Made from\n")
	line("- %d users, %d items (%d without an interaction to learn from), split `%s`: %d train, %d validation, %d test interactions.",
		len(t.Data.Users), len(t.Data.Items), r.ColdItems, t.Data.Split, len(t.Data.Train), len(t.Data.Val), len(t.Data.Test))
	for _, mod := range r.Modalities {
		line("- Modality `%s`: %d numbers; present for %d items (%d without a row, %d all zero, %d with a number that is not finite: masked).", mod.Name, mod.Dim, mod.Present, mod.Missing, mod.Zero, mod.NotFinite)
	}
	if len(r.Modalities) == 0 {
		line("- No features: interactions alone.")
	}
	for _, w := range r.Warnings {
		line("- Mind: %s.", w)
	}
	if s := t.Config.Strength; s.Full > 0 {
		line("- Looks and purchases: what was bought for the first time is asked for, looked at before or not; an interaction counts (weight/%g)^%g, at most 1.", s.Full, s.Power)
	}
	line("- Seed %d, %d towers, %d steps, %.2f s an epoch, %.0f s in all on %d threads, %d MiB at most.\n", t.Config.Seed, t.Config.Towers, s.Steps, perEpoch(s.Epochs), s.Seconds, t.Config.Threads, s.PeakMiB)
	line("## What serves\n")
	line("Chosen on validation (Recall@20 + NDCG@20; all items ranked, known items left out, %d users). The test part was not looked at.\n", s.Choice.Validation.Users)
	line("| | weight | Recall@20 | NDCG@20 |\n|---|---|---|---|")
	for _, name := range slices.Sorted(maps.Keys(s.Choice.Alone)) {
		weight := "–"
		if w := s.Choice.weight(name); w != 0 {
			weight = fmt.Sprintf("%.3g", w)
		}
		line("| %s, alone | %s | %.4f | %.4f |", name, weight, s.Choice.Alone[name].Recall, s.Choice.Alone[name].NDCG)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Choice.Baselines)) {
		line("| %s (cannot serve as it is) | – | %.4f | %.4f |", name, s.Choice.Baselines[name].Recall, s.Choice.Baselines[name].NDCG)
	}
	line("| weighted sum | | %.4f | %.4f |", s.Choice.Validation.Recall, s.Choice.Validation.NDCG)
	line("| **folded to %d dimensions, as served** | | **%.4f** | **%.4f** |\n", m.rank, s.Composed.Recall, s.Composed.NDCG)
	if name, best, ok := bestOf(s.Choice.Baselines); ok && best.better(s.Composed) {
		line("**This model is below %s on validation: do not serve it.**\n", name)
	}
	if s.Choice.Pooled.Users > 0 {
		line("Weights were chosen on this part and on an earlier cut of the train part together (%d users: Recall@20 %.4f, NDCG@20 %.4f).", s.Choice.Pooled.Users, s.Choice.Pooled.Recall, s.Choice.Pooled.NDCG)
	}
	line("The tower was trained for %d epochs, the best of %d.", s.Choice.Epochs, len(s.Epochs))
	if len(s.Refit) > 0 {
		line("What serves was fitted again, with the same choices, on %s together.", s.FittedOn)
	}
	if cold := s.Choice.Cold; m.like.Dim > 0 {
		line("Items that nobody had are placed by their features (weight %g) and their likeness to the history (%.3g, in %d dimensions of their own).", cold.Tower, cold.Content, m.like.Dim)
		if cold.Users > 0 {
			line("Among their like, for %d users of validation: Recall@20 %.4f; features alone %.4f, likeness alone %.4f.", cold.Users, cold.Recall, cold.TowerAlone, cold.Likeness)
		}
		line("Among all items they take %.1f %% of the places of lists of 20, where %.4f of the new targets are found (%.4f if they were not helped), for %.2f %% of Recall + NDCG.", 100*cold.Share, cold.Reached, cold.ReachedBefore, 100*cold.Cost)
	}
	t.cardContent(line)
	line("\n## Limits\n")
	line("- Figures are of the validation part that also chose; expect a little less elsewhere. `weft evaluate` measures the test part.")
	line("- Served item vectors are padded to unit length; their mutual cosine is not likeness. Use `content` of product.onnx for that.")
	line("- Popularity is of the moment of training. Train again as the shop moves on.")
	return b.String()
}

// perEpoch is the middle of the seconds that epochs took.
func perEpoch(all []Epoch) float64 {
	var seconds []float64
	for _, e := range all {
		seconds = append(seconds, e.Seconds)
	}
	slices.Sort(seconds)
	if len(seconds) == 0 {
		return 0
	}
	return seconds[len(seconds)/2]
}

func bestOf(all map[string]Metrics) (name string, best Metrics, ok bool) {
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if !ok || all[n].better(best) {
			name, best, ok = n, all[n], true
		}
	}
	return name, best, ok
}
