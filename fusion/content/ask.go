package content

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"weft/fusion/linear"
	"weft/fusion/rank"
)

// raw asks the encoder's own features, which no fold changes.
func (e *examination) raw() {
	rows := linear.Zeros(len(e.items), e.modalities[e.photo].Dim)
	for r, i := range e.items {
		copy(rows.Row(r), e.modalities[e.photo].Row(i))
		unit(rows.Row(r), 1)
	}
	all := where(len(e.items), func(int) bool { return true })
	e.vote("raw", rows, all)
}

// vote asks of each place whether its nearest others elect its class.
func (e *examination) vote(metric string, rows linear.Matrix, places []int) {
	right := make([]bool, len(places))
	inParallel(len(places), func(from, to int) {
		scores := make([]float32, rows.Rows)
		for p := from; p < to; p++ {
			r := places[p]
			own, known := e.label[e.items[r]]
			if !known {
				continue
			}
			for o := range scores {
				scores[o] = -2
				if _, known := e.label[e.items[o]]; known && o != r {
					scores[o] = linear.Dot(rows.Row(r), rows.Row(o))
				}
			}
			right[p] = elected(rank.Top(scores, e.K), func(o int32) int { return e.label[e.items[o]] }) == own
		}
	})
	for p, r := range places {
		if _, known := e.label[e.items[r]]; known {
			e.count(metric, strconv.Itoa(int(e.items[r])), number(right[p]))
		}
	}
}

// elected is the class with most votes; of equal votes that of the nearest wins.
func elected(near []int32, class func(int32) int) int {
	votes, most, won := map[int]int{}, 0, -1
	for _, o := range near {
		votes[class(o)]++
	}
	for _, o := range near {
		if v := votes[class(o)]; v > most {
			most, won = v, class(o)
		}
	}
	return won
}

// ask fits a head without a fold and asks about the fold.
func (e *examination) ask(ctx context.Context, fold int) error {
	var learned []int32
	var out []int
	for r, i := range e.items {
		if r%folds == fold {
			out = append(out, r)
		} else {
			learned = append(learned, i)
		}
	}
	h, err := Fit(ctx, e.by, e.modalities, e.categories, learned)
	if err != nil {
		return err
	}
	if h.Dim() == 0 {
		return fault("no modality has features that tell products apart")
	}
	photos := e.encode(h, e.photo)
	if e.classes >= 2 {
		e.vote("knn", photos, out)
	}
	if e.text < 0 || h.Shared == 0 {
		return nil
	}
	words := e.encode(h, e.text)
	e.candidates = len(out)
	scores := make([]float32, len(out))
	for p, r := range out {
		i := e.items[r]
		if !e.modalities[e.text].Present[i] {
			continue
		}
		for k, o := range out {
			scores[k] = linear.Dot(words.Row(r), photos.Row(o))
		}
		id := strconv.Itoa(int(i))
		e.count("own", id, number(slices.Contains(rank.Top(scores, e.K), int32(p))))
		e.count("random own", id, min(1, float64(e.K)/float64(len(out))))
		scores[p] = -2 // of its class means another than itself
		if own, known := e.label[i]; known {
			e.found("", id, own, scores, out, p)
		}
	}
	return e.askWords(h, photos, out)
}

// found counts how many of the first of the candidates are of a class; own is a place among them that does not count, or -1.
func (e *examination) found(kind, id string, class int, scores []float32, out []int, own int) {
	of := func(k int) bool {
		c, known := e.label[e.items[out[k]]]
		return known && c == class && k != own
	}
	all, hits := 0, 0
	for k := range out {
		if of(k) {
			all++
		}
	}
	if all == 0 {
		return
	}
	first := rank.Top(scores, e.K)
	for _, k := range first {
		if of(int(k)) {
			hits++
		}
	}
	n := len(out)
	if own >= 0 {
		n--
	}
	places := float64(min(e.K, n))
	e.count(kind+"precision", id, float64(hits)/places)
	e.count("random "+kind+"precision", id, float64(all)/float64(n))
	e.count(kind+"recall", id, float64(hits)/float64(all))
	e.count("random "+kind+"recall", id, places/float64(n))
}

// askWords asks for each category by its bare name.
func (e *examination) askWords(h *Head, photos linear.Matrix, out []int) error {
	scores := make([]float32, len(out))
	rows, v := make([][]float32, len(e.modalities)), make([]float32, h.Dim())
	asked := map[string]bool{}
	for _, r := range out {
		i := e.items[r]
		name := e.categories[i]
		class, known := e.label[i]
		if raw := e.Words[name]; known && raw != nil && !asked[name] {
			if len(raw) != e.modalities[e.text].Dim {
				return fault("the words %q have %d features, texts have %d", name, len(raw), e.modalities[e.text].Dim)
			}
			asked[name] = true
			rows[e.text] = raw
			h.Encode(rows, v)
			for k, o := range out {
				scores[k] = linear.Dot(v, photos.Row(o))
			}
			e.found("word ", name, class, scores, out, -1)
		}
	}
	return nil
}

// encode is the content of all that take part, by one modality alone.
func (e *examination) encode(h *Head, modality int) linear.Matrix {
	m := &e.modalities[modality]
	out := linear.Zeros(len(e.items), h.Dim())
	inParallel(len(e.items), func(from, to int) {
		rows := make([][]float32, len(e.modalities))
		for r := from; r < to; r++ {
			rows[modality] = nil
			if i := e.items[r]; m.Present[i] {
				rows[modality] = m.Row(i)
			}
			h.Encode(rows, out.Row(r))
		}
	})
	return out
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// fill takes the means over what was asked.
func (e *examination) fill(q *Quality) {
	values := func(metric string) []float32 {
		t := e.tallies[metric]
		if t == nil {
			return nil
		}
		var all []float32
		for _, id := range slices.Sorted(maps.Keys(t.sum)) {
			all = append(all, float32(t.sum[id]/t.asked[id]))
		}
		return all
	}
	figure := func(x []float32) *Figure {
		if len(x) == 0 {
			return nil
		}
		m := rank.Estimates(map[string][]float32{"": x}, e.Resamples, e.Seed)[""]
		return &Figure{Mean: m.Mean, CI95: [2]float64{m.Low, m.High}}
	}
	knn, raw := values("knn"), values("raw")
	q.KNN, q.RawKNN = figure(knn), figure(raw)
	if len(knn) == len(raw) {
		gain := make([]float32, len(knn))
		for i := range gain {
			gain[i] = knn[i] - raw[i]
		}
		q.Gain = figure(gain)
	}
	q.Candidates = e.candidates
	q.Precision, q.RandomPrecision = figure(values("precision")), figure(values("random precision"))
	q.Recall, q.RandomRecall = figure(values("recall")), figure(values("random recall"))
	q.Own, q.RandomOwn = figure(values("own")), figure(values("random own"))
	q.Word = figure(values("word precision"))
}
