package fusion

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"
)

// photos reads features of 1,000 clothing photos and their classes; see testdata/SOURCE.md.
func photos(t testing.TB) (vectors [][]float32, labels []string) {
	t.Helper()
	f, err := os.Open("testdata/photos.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil || len(data) != 1000*1280 {
		t.Fatalf("%d bytes: %v", len(data), err)
	}
	classes := []string{"dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"}
	for i := range 1000 {
		v := make([]float32, 1280)
		for j, b := range data[i*1280 : (i+1)*1280] {
			v[j] = float32(b) * float32(b)
		}
		vectors, labels = append(vectors, v), append(labels, classes[i/100])
	}
	return vectors, labels
}

// TestProjectionKeepsPhotoNeighbours holds the default fusion to its promise: under a point of accuracy lost. It takes
// every second photo, to be short under the race detector; BenchmarkNeighbours reports the figures of all.
func TestProjectionKeepsPhotoNeighbours(t *testing.T) {
	all, classes := photos(t)
	var raw [][]float32
	var labels []string
	for i := 0; i < len(all); i += 2 {
		raw, labels = append(raw, all[i]), append(labels, classes[i])
	}
	f := concat(t, DefaultConfig(1280, 384))
	before, after := make([][]float32, len(raw)), make([][]float32, len(raw))
	for i, v := range raw {
		var err error
		if before[i], err = Unit(v); err != nil {
			t.Fatal(err)
		}
		after[i] = fuse(t, f, Part{"image", 1, v})
	}
	ctx := context.Background()
	a, err := Neighbours(ctx, before, labels, 10)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Neighbours(ctx, after, labels, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("accuracy %.3f before, %.3f after; same class %.3f, %.3f", a.Accuracy, b.Accuracy, a.Same, b.Same)
	if a.Accuracy != 0.758 { // as numpy computes it
		t.Errorf("accuracy of the features is %v, want 0.758", a.Accuracy)
	}
	if b.Accuracy < a.Accuracy-0.01 {
		t.Errorf("the projection loses %.3f of accuracy", a.Accuracy-b.Accuracy)
	}
	if len(a.Classes) != 10 || a.Classes[0].Label != "dress" || a.Classes[0].Items != 50 {
		t.Errorf("classes %+v", a.Classes)
	}
}

// plainly is Neighbours by sorting everything.
func plainly(vectors [][]float32, labels []string, k int) (accuracy, same float64) {
	for i := range vectors {
		var order []int
		for j := range vectors {
			if j != i {
				order = append(order, j)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return -cmp.Compare(dot(vectors[i], vectors[a]), dot(vectors[i], vectors[b]))
		})
		best, most := "", 0
		for _, j := range order[:k] {
			votes := 0
			for _, l := range order[:k] {
				if labels[l] == labels[j] {
					votes++
				}
			}
			if votes > most {
				best, most = labels[j], votes
			}
			if labels[j] == labels[i] {
				same++
			}
		}
		if best == labels[i] {
			accuracy++
		}
	}
	n := float64(len(vectors))
	return accuracy / n, same / (n * float64(k))
}

func TestNeighboursAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{2, 5, 16, 17, 70} {
		var vectors [][]float32
		var labels []string
		for range n {
			v := make([]float32, 3) // few directions, so that many cosines are equal
			v[r.IntN(3)] = 1
			vectors, labels = append(vectors, v), append(labels, string(rune('a'+r.IntN(4))))
		}
		for _, k := range []int{1, 2, min(10, n-1), n - 1} {
			if k >= n {
				continue
			}
			got, err := Neighbours(context.Background(), vectors, labels, k)
			if err != nil {
				t.Fatal(err)
			}
			accuracy, same := plainly(vectors, labels, k)
			if math.Abs(got.Accuracy-accuracy) > 1e-12 || math.Abs(got.Same-same) > 1e-12 || got.Items != n || got.K != k {
				t.Errorf("n %d, k %d: %+v, want %v and %v", n, k, got, accuracy, same)
			}
		}
	}
}

func TestNeighboursOnOneCore(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var vectors [][]float32
	var labels []string
	for i := range 100 {
		v, err := Unit(noise(r, 9))
		if err != nil {
			t.Fatal(err)
		}
		vectors, labels = append(vectors, v), append(labels, string(rune('a'+i%3)))
	}
	many, err := Neighbours(context.Background(), vectors, labels, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, err := Neighbours(context.Background(), vectors, labels, 7)
	if err != nil || !reflect.DeepEqual(one, many) {
		t.Errorf("%+v on one core, %+v on several (%v)", one, many, err)
	}
}

func TestNeighboursRefuses(t *testing.T) {
	x, y := []float32{1, 0}, []float32{0, 1}
	two := []string{"a", "b"}
	for name, c := range map[string]struct {
		vectors [][]float32
		labels  []string
		k       int
		also    error
	}{
		"no items":    {nil, nil, 1, nil},
		"k 0":         {[][]float32{x, y}, two, 0, nil},
		"k too large": {[][]float32{x, y}, two, 2, nil},
		"labels":      {[][]float32{x, y}, two[:1], 1, nil},
		"dimension":   {[][]float32{x, {1}}, two, 1, nil},
		"length":      {[][]float32{x, {1, 1}}, two, 1, nil},
		"zero":        {[][]float32{x, {0, 0}}, two, 1, ErrZero},
		"NaN":         {[][]float32{x, {0, float32(math.NaN())}}, two, 1, ErrNotFinite},
	} {
		_, err := Neighbours(context.Background(), c.vectors, c.labels, c.k)
		if !errors.Is(err, ErrLabelled) || c.also != nil && !errors.Is(err, c.also) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Neighbours(cancelled, [][]float32{x, y}, two, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Unit([]float32{0, 0}); !errors.Is(err, ErrZero) {
		t.Errorf("Unit of zero: %v", err)
	}
}

func BenchmarkNeighbours(b *testing.B) {
	raw, labels := photos(b)
	f := concat(b, DefaultConfig(1280, 384))
	features, fused := make([][]float32, len(raw)), make([][]float32, len(raw))
	for i, v := range raw {
		features[i], _ = Unit(v)
		fused[i] = fuse(b, f, Part{"image", 1, v})
	}
	for name, vectors := range map[string][][]float32{"features": features, "fused": fused} {
		b.Run(name, func(b *testing.B) {
			var r Neighbourhood
			for b.Loop() {
				var err error
				if r, err = Neighbours(context.Background(), vectors, labels, 10); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(r.Accuracy, "accuracy")
			b.ReportMetric(r.Same, "same")
		})
	}
}
