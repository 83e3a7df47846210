package content

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"weft/fusion/dataset"
	"weft/fusion/linear"
)

// kinds makes products of four kinds: photos tell the kind beside much that has nothing to do with it, texts tell it plainly,
// every ninth product has no text, and the price tells nothing.
func kinds(n int) (modalities []dataset.Modality, categories []string) {
	random := rand.New(rand.NewPCG(7, 7))
	image := dataset.Modality{Name: "image", Dim: 24, Rows: make([]float32, n*24), Present: make([]bool, n)}
	text := dataset.Modality{Name: "text", Dim: 12, Rows: make([]float32, n*12), Present: make([]bool, n)}
	price := dataset.Modality{Name: "price", Dim: 1, Rows: make([]float32, n), Present: make([]bool, n)}
	for i := range n {
		image.Present[i], text.Present[i], price.Present[i] = true, i%9 != 4, true
		price.Rows[i] = random.Float32()
		row := image.Row(int32(i))
		for k := range row {
			row[k] = float32(math.Abs(random.NormFloat64()))
		}
		row[i%4] += .8
		if text.Present[i] {
			row := text.Row(int32(i))
			for k := range row {
				row[k] = float32(random.NormFloat64()) * .2
			}
			row[i%4] += 1
		}
		categories = append(categories, fmt.Sprint("kind ", i%4))
	}
	return []dataset.Modality{image, text, price}, categories
}

func TestHead(t *testing.T) {
	modalities, categories := kinds(240)
	h, err := Fit(context.Background(), linear.Portable{}, modalities, categories, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h.Shared == 0 || h.Dim() == 0 || h.Choice.Products == 0 {
		t.Fatalf("no shared part: %+v", h.Choice)
	}
	same, other := 0., 0.
	photos := h.Items(modalities, func(name string) bool { return name == "image" })
	texts := h.Items(modalities, func(name string) bool { return name == "text" })
	for i := range photos.Rows {
		for what, row := range map[string][]float32{"photo": photos.Row(i), "text": texts.Row(i)} {
			want := 1.
			if what == "text" && i%9 == 4 {
				want = 0
			}
			if n := float64(linear.Dot(row, row)); math.Abs(n-want) > 1e-4 {
				t.Fatalf("the content of the %s of product %d has length² %g, want %g", what, i, n, want)
			}
		}
		if i%9 == 4 {
			continue
		}
		same += float64(linear.Dot(texts.Row(i), photos.Row((i+4)%photos.Rows)))
		other += float64(linear.Dot(texts.Row(i), photos.Row((i+1)%photos.Rows)))
	}
	if same <= other {
		t.Errorf("words lie no nearer to photos of their kind (%.2f) than to others (%.2f)", same, other)
	}
	again, err := Fit(context.Background(), linear.Portable{}, modalities, categories, nil)
	if err != nil || again.Choice != h.Choice {
		t.Errorf("%v: fitted again %+v, first %+v", err, again.Choice, h.Choice)
	}
}

// Without texts and categories content is the features' own geometry.
func TestHeadWithoutTeachers(t *testing.T) {
	modalities, _ := kinds(60)
	h, err := Fit(context.Background(), linear.Portable{}, modalities[:1], nil, nil)
	if err != nil || h.Shared != 0 || h.Own != 1 || h.Dim() == 0 {
		t.Errorf("%v: %d shared numbers, own weight %g", err, h.Shared, h.Own)
	}
	h, err = Fit(context.Background(), linear.Portable{}, modalities[2:], nil, nil)
	if err != nil || h.Dim() != 0 {
		t.Errorf("%v: a price alone gives %d numbers", err, h.Dim())
	}
}

func TestMeasure(t *testing.T) {
	modalities, categories := kinds(160)
	trial := Trial{Seeds: 1, Resamples: 200}
	q, err := Measure(context.Background(), linear.Portable{}, modalities, categories, "image", trial)
	if err != nil {
		t.Fatal(err)
	}
	if q.Fits != 5 || q.KNN.Mean < q.RawKNN.Mean || q.Precision.CI95[0] <= q.RandomPrecision.CI95[1] {
		t.Errorf("k-NN %+v, by the encoder %+v; words %+v, by chance %+v", *q.KNN, *q.RawKNN, *q.Precision, *q.RandomPrecision)
	}
	// Categories and texts that have nothing to do with the photos must not look as if they had: nothing leaks.
	random := rand.New(rand.NewPCG(1, 1))
	random.Shuffle(len(categories), func(i, j int) { categories[i], categories[j] = categories[j], categories[i] })
	if q, err = Measure(context.Background(), linear.Portable{}, modalities[:1], categories, "image", trial); err != nil || q.KNN.Mean > .4 || q.Precision != nil {
		t.Errorf("%v: k-NN %+v of four kinds at random", err, q.KNN)
	}
	if _, err := Measure(context.Background(), linear.Portable{}, modalities, nil, "film", trial); !errors.Is(err, ErrContent) {
		t.Errorf("a modality that is not there: %v", err)
	}
}
