package fusion

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// Photos weigh by their direction alone and the main one double; what is missing is absent, not zero.
func TestPool(t *testing.T) {
	price := 12.5
	rows, err := Pool(ProductParts{ID: "p", Price: &price, Parts: []Part{
		{Modality: "image", Weight: 1, Vector: []float32{30, 0}}, {Modality: "image", Weight: 1, Vector: []float32{0, .1}},
		{Modality: ReviewModality, Weight: 3, Vector: []float32{0, 7}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := float32(1 / math.Sqrt(5))
	if got, want := rows["image"], []float32{2 * s, s}; !close32(got, want) {
		t.Errorf("photos %v, want %v", got, want)
	}
	if !slices.Equal(rows["price"], []float32{12.5}) || !slices.Equal(rows[ReviewModality], []float32{0, 1}) {
		t.Errorf("%v", rows)
	}
	if _, there := rows["text"]; there || len(rows) != 3 {
		t.Errorf("%d modalities: %v", len(rows), rows)
	}
	opposite, err := Pool(ProductParts{Parts: []Part{{Modality: "text", Weight: 1, Vector: []float32{1}}, {Modality: "text", Weight: 1, Vector: []float32{-1}}}})
	if err != nil || len(opposite) > 0 {
		t.Errorf("parts that cancel out say %v, %v", opposite, err)
	}
	for want, bad := range map[error]Part{
		ErrNotFinite: {Modality: "text", Weight: 1, Vector: []float32{float32(math.NaN())}},
		ErrZero:      {Modality: "text", Weight: 1, Vector: []float32{0}},
		ErrWeight:    {Modality: "text", Weight: -1, Vector: []float32{1}},
	} {
		if _, err := Pool(ProductParts{Parts: []Part{bad}}); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", bad, err, want)
		}
	}
}

func close32(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-6 })
}
