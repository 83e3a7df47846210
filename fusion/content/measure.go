package content

import (
	"context"
	"math/rand/v2"
	"slices"

	"weft/fusion/dataset"
	"weft/fusion/linear"
)

// Trial says how content is measured.
type Trial struct {
	K         int // neighbours that vote, and places of a list; 0 is 10
	Seeds     int // divisions into five parts, each of which is left out in turn; 0 is 3
	Resamples int // of the bootstrap over products; 0 is 1,000
	Seed      uint64
	Most      int                  // products that take part, drawn at random; 0 is 4,000
	Words     map[string][]float32 // features of the bare name of a category, as the text encoder gives them; may be nil
	Watch     func(done, of int)   // if set, is told of every head that was asked
}

// Quality is how content does on products that its head was not fitted on: neither maps nor settings saw them. Figures are
// from 0 to 1, with 95 % bootstrap intervals over products; a product's value is the mean over the seeds. What could not be
// asked is nil.
type Quality struct {
	Products int `json:"products"`
	Classes  int `json:"classes"`
	K        int `json:"k"`
	Fits     int `json:"fits"` // heads, each fitted on four fifths

	// Do the K products nearest by the photo vote for the product's own class? Everything but the photo is masked.
	KNN    *Figure `json:"knn,omitempty"`
	RawKNN *Figure `json:"raw_knn,omitempty"` // cosine of the encoder's features
	Gain   *Figure `json:"gain,omitempty"`    // KNN - RawKNN, product by product

	// Words find photos: the text of a left-out product ranks the photos of the other left-out products (about Candidates).
	Candidates      int     `json:"candidates,omitempty"`
	Precision       *Figure `json:"words_precision,omitempty"` // of the first K of its class
	RandomPrecision *Figure `json:"words_precision_random,omitempty"`
	Recall          *Figure `json:"words_recall,omitempty"` // of its class, among the first K
	RandomRecall    *Figure `json:"words_recall_random,omitempty"`
	Own             *Figure `json:"words_own,omitempty"` // its own photo among the first K of all left-out ones
	RandomOwn       *Figure `json:"words_own_random,omitempty"`
	Word            *Figure `json:"class_word_precision,omitempty"` // the same with the bare name of the category as the words
}

// Figure is a mean with its interval.
type Figure struct {
	Mean float64    `json:"mean"`
	CI95 [2]float64 `json:"ci95"`
}

// Measure fits heads on four fifths of the products and asks about the others. photo is the name of the modality that
// neighbours are looked for by. Fewer than 25 products with a photo are too few: ErrContent.
func Measure(ctx context.Context, by linear.Multiplier, modalities []dataset.Modality, categories []string, photo string, t Trial) (*Quality, error) {
	if t.K == 0 {
		t.K = neighbours
	}
	if t.Seeds == 0 {
		t.Seeds = 3
	}
	if t.Resamples == 0 {
		t.Resamples = 1000
	}
	if t.Most == 0 {
		t.Most = 4000
	}
	seen := slices.IndexFunc(modalities, func(m dataset.Modality) bool { return m.Name == photo })
	if seen < 0 {
		return nil, fault("there is no modality %q to look for neighbours by", photo)
	}
	if categories == nil {
		categories = make([]string, len(modalities[seen].Present))
	}
	e := &examination{Trial: t, by: by, modalities: modalities, photo: seen, text: -1, categories: categories, tallies: map[string]*tally{}}
	random := rand.New(rand.NewPCG(t.Seed, 0xc047))
	for i, on := range modalities[seen].Present {
		if on {
			e.items = append(e.items, int32(i))
		}
	}
	random.Shuffle(len(e.items), func(i, j int) { e.items[i], e.items[j] = e.items[j], e.items[i] })
	e.items = e.items[:min(len(e.items), t.Most)]
	if len(e.items) < 5*folds || len(e.items) <= t.K*folds/(folds-1) {
		return nil, fault("%d products have features of %s: too few to leave any out", len(e.items), photo)
	}
	for k, m := range modalities {
		if m.Name == pivotName && k != seen {
			e.text = k
		}
	}
	e.class()
	if e.classes >= 2 {
		e.raw()
	}
	q := &Quality{Products: len(e.items), Classes: e.classes, K: t.K}
	for range t.Seeds {
		random.Shuffle(len(e.items), func(i, j int) { e.items[i], e.items[j] = e.items[j], e.items[i] })
		for fold := range folds {
			if err := e.ask(ctx, fold); err != nil {
				return nil, err
			}
			if q.Fits++; t.Watch != nil {
				t.Watch(q.Fits, t.Seeds*folds)
			}
		}
	}
	e.fill(q)
	return q, ctx.Err()
}

// examination is a measurement under way.
type examination struct {
	Trial
	by          linear.Multiplier
	modalities  []dataset.Modality
	photo, text int // places among the modalities; text is -1 without
	categories  []string
	items       []int32 // that take part, in the order that folds are cut from
	label       map[int32]int
	classes     int
	tallies     map[string]*tally
	candidates  int
}

// tally gathers the values of a metric by what was asked.
type tally struct{ sum, asked map[string]float64 }

func (e *examination) count(metric, asked string, value float64) {
	t := e.tallies[metric]
	if t == nil {
		t = &tally{map[string]float64{}, map[string]float64{}}
		e.tallies[metric] = t
	}
	t.sum[asked] += value
	t.asked[asked]++
}

// class numbers the categories of two products and more.
func (e *examination) class() {
	sizes := map[string]int{}
	for _, i := range e.items {
		sizes[e.categories[i]]++
	}
	number := map[string]int{}
	e.label = map[int32]int{}
	for _, i := range slices.Sorted(slices.Values(e.items)) {
		c := e.categories[i]
		if c == "" || sizes[c] < 2 {
			continue
		}
		if _, ok := number[c]; !ok {
			number[c] = len(number)
		}
		e.label[i] = number[c]
	}
	e.classes = len(number)
}
