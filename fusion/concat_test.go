package fusion

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

func noise(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func small() Config {
	c := DefaultConfig(24, 12)
	c.Blocks[0].Out, c.Blocks[1].Out = 16, 12
	c.Blocks[1].Weight = 0.5
	return c
}

func concat(t testing.TB, c Config) *Concat {
	t.Helper()
	f, err := NewConcat(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func fuse(t testing.TB, f *Concat, parts ...Part) []float32 {
	t.Helper()
	v, _, err := f.Fuse(parts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// distance is the largest difference of two vectors' values.
func distance(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	return worst
}

// byTheBook computes the package comment's five steps with dense matrices and nothing of Fuse.
func byTheBook(c Config, parts []Part) []float64 {
	unit := func(x []float64, to float64) []float64 {
		norm := 0.0
		for _, v := range x {
			norm += v * v
		}
		out := make([]float64, len(x))
		for i, v := range x {
			if norm > 0 {
				out[i] = v * to / math.Sqrt(norm)
			}
		}
		return out
	}
	var whole []float64
	for _, b := range c.Blocks {
		matrix := make([][]float64, b.Dim) // row i is where basis vector i goes
		for i := range matrix {
			e := make([]float64, b.Dim)
			e[i] = 1
			matrix[i] = make([]float64, b.Out)
			newProjection(b.Dim, b.Out, b.Seed).apply(matrix[i], e, make([]float64, b.Dim))
		}
		sum := make([]float64, b.Dim)
		for _, m := range b.Modalities {
			mean, lead := make([]float64, b.Dim), m.Lead
			for _, p := range parts {
				if p.Modality == m.Name {
					wide := make([]float64, b.Dim)
					for i, x := range p.Vector {
						wide[i] = float64(x)
					}
					for i, x := range unit(wide, p.Weight*lead) {
						mean[i] += x
					}
					lead = 1
				}
			}
			for i, x := range unit(mean, m.Weight) {
				sum[i] += x
			}
		}
		projected := make([]float64, b.Out)
		for i, x := range unit(sum, 1) {
			for j := range projected {
				projected[j] += x * matrix[i][j]
			}
		}
		whole = append(whole, unit(projected, b.Weight)...)
	}
	return unit(whole, 1)
}

func TestFuseByTheBook(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := small()
	f := concat(t, c)
	dims := map[string]int{"image": 24, "text": 12, "review": 12}
	for range 200 {
		var parts []Part
		present := map[string]bool{}
		for range 1 + r.IntN(6) {
			name := []string{"image", "text", "review"}[r.IntN(3)]
			present[name] = true
			parts = append(parts, Part{name, 0.1 + r.Float64(), noise(r, dims[name])})
		}
		got, modalities, err := f.Fuse(parts)
		if err != nil {
			t.Fatal(err)
		}
		norm := 0.0
		for i, want := range byTheBook(c, parts) {
			norm += float64(got[i]) * float64(got[i])
			if math.Abs(float64(got[i])-want) > 1e-7 {
				t.Fatalf("value %d is %v, want %v", i, got[i], want)
			}
		}
		if math.Abs(norm-1) > 1e-6 {
			t.Fatalf("squared length %v", norm)
		}
		var want []string
		for _, name := range []string{"image", "text", "review"} {
			if present[name] {
				want = append(want, name)
			}
		}
		if !slices.Equal(modalities, want) {
			t.Fatalf("modalities %v, want %v", modalities, want)
		}
	}
}

func TestFuseMasks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	f := concat(t, small())
	photo, text := noise(r, 24), noise(r, 12)
	image, words := Part{"image", 1, photo}, Part{"text", 1, text}
	onlyPhoto, onlyText, both := fuse(t, f, image), fuse(t, f, words), fuse(t, f, image, words)
	if d := dot(onlyPhoto, onlyText); d != 0 {
		t.Errorf("photo-only and text-only meet at %v: untrained, they cannot", d)
	}
	if d, want := dot(onlyPhoto, both), 1/math.Sqrt(1+.25); math.Abs(d-want) > 1e-6 {
		t.Errorf("cosine of the photo alone with photo and text is %v, want %v", d, want)
	}
	review := fuse(t, f, Part{"review", 1, text})
	if d := distance(review, onlyText); d > 1e-7 {
		t.Errorf("a review that says what the listing says differs from it by %v", d)
	}
	if again := fuse(t, f, words, image); distance(again, both) != 0 {
		t.Error("the order of modalities matters")
	}
	bright := slices.Clone(photo)
	for i := range bright {
		bright[i] *= 37
	}
	if d := distance(fuse(t, f, Part{"image", 1, bright}, words), both); d > 1e-7 {
		t.Errorf("the length of a part moves the vector by %v", d)
	}
}

func TestMainPhotoCountsDouble(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	f := concat(t, small())
	a, b, c := noise(r, 24), noise(r, 24), noise(r, 24)
	got := fuse(t, f, Part{"image", 1, a}, Part{"image", 1, b}, Part{"image", 1, c})
	swapped := fuse(t, f, Part{"image", 1, a}, Part{"image", 1, c}, Part{"image", 1, b})
	if d := distance(got, swapped); d > 1e-7 {
		t.Errorf("the order of the later photos moves the vector by %v", d)
	}
	twice := fuse(t, f, Part{"image", 1, b}, Part{"image", 2, a}, Part{"image", 2, a}, Part{"image", 2, c})
	if d := distance(got, twice); d > 1e-6 { // b 2, a 4, c 2 against a 2, b 1, c 1
		t.Errorf("lead is not a factor on the first part's weight: %v", d)
	}
	if d := distance(got, fuse(t, f, Part{"image", 1, b}, Part{"image", 1, a}, Part{"image", 1, c})); d < 1e-3 {
		t.Error("another main photo changes nothing")
	}
}

func TestFuseRefuses(t *testing.T) {
	f := concat(t, small())
	ones := func(n int) []float32 { return slices.Repeat([]float32{1}, n) }
	with := func(x float64) []float32 { return append(ones(11), float32(x)) }
	minus := slices.Repeat([]float32{-1}, 12)
	for name, c := range map[string]struct {
		parts []Part
		err   error
		says  string
	}{
		"none":          {nil, ErrNoParts, "at least one"},
		"modality":      {[]Part{{"audio", 1, ones(12)}}, ErrModality, "audio"},
		"dim":           {[]Part{{"text", 1, ones(12)}, {"image", 1, ones(12)}}, ErrDim, "part 1 (image): wrong dimension: the vector has 12 values, want 24"},
		"empty":         {[]Part{{"text", 1, nil}}, ErrDim, "0 values"},
		"NaN":           {[]Part{{"text", 1, with(math.NaN())}}, ErrNotFinite, "value 11 is NaN"},
		"Inf":           {[]Part{{"text", 1, with(math.Inf(-1))}}, ErrNotFinite, "value 11 is -Inf"},
		"zero":          {[]Part{{"text", 1, make([]float32, 12)}}, ErrZero, "part 0 (text)"},
		"weight 0":      {[]Part{{"text", 0, ones(12)}}, ErrWeight, "leave out"},
		"weight NaN":    {[]Part{{"text", math.NaN(), ones(12)}}, ErrWeight, "NaN"},
		"weight large":  {[]Part{{"text", 1e7, ones(12)}}, ErrWeight, "1e+07"},
		"parts cancel":  {[]Part{{"text", 1, ones(12)}, {"text", 1, minus}}, ErrZero, "text parts cancel out"},
		"almost cancel": {[]Part{{"text", 1e6, ones(12)}, {"text", 999999.5, minus}}, ErrZero, "text parts cancel out"},
	} {
		v, m, err := f.Fuse(c.parts)
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) || v != nil || m != nil {
			t.Errorf("%s: %v %v %v", name, v, m, err)
		}
	}
	even := small()
	even.Blocks[1].Modalities[1].Weight = 1
	if _, _, err := concat(t, even).Fuse([]Part{{"text", 1, ones(12)}, {"review", 1, minus}}); !errors.Is(err, ErrZero) {
		t.Errorf("a review that cancels the listing: %v", err)
	}
}

func TestExtremeParts(t *testing.T) {
	f := concat(t, small())
	want := fuse(t, f, Part{"text", 1, slices.Repeat([]float32{1}, 12)})
	for _, x := range []float32{math.SmallestNonzeroFloat32, math.MaxFloat32} {
		for _, w := range []float64{1e-6, 1e6} {
			if d := distance(want, fuse(t, f, Part{"text", w, slices.Repeat([]float32{x}, 12)})); d > 1e-7 {
				t.Errorf("values %v, weight %v: off by %v", x, w, d)
			}
		}
	}
}

func TestFuseConcurrently(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	f := concat(t, small())
	parts := []Part{{"image", 1, noise(r, 24)}, {"image", 2, noise(r, 24)}, {"text", 1, noise(r, 12)}}
	want := fuse(t, f, parts...)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				if got, _, err := f.Fuse(parts); err != nil || distance(got, want) != 0 {
					t.Errorf("differs: %v", err)
				}
			}
		})
	}
	group.Wait()
}

func FuzzFuse(f *testing.F) {
	c := DefaultConfig(3, 2)
	cat, err := NewConcat(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("abcdefghijklmnopqrstuvwx"), 1.0)
	f.Add(make([]byte, 40), 2.0)
	f.Fuzz(func(t *testing.T, data []byte, weight float64) {
		var values []float32
		for ; len(data) >= 4; data = data[4:] {
			values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
		var parts []Part
		for i := 0; len(values) >= 3; i++ {
			b := c.Blocks[i%2]
			parts = append(parts, Part{b.Name, weight, values[:b.Dim]})
			values = values[b.Dim:]
		}
		v, modalities, err := cat.Fuse(parts)
		if err != nil {
			if v != nil || modalities != nil {
				t.Fatal("a vector beside an error")
			}
			return
		}
		if n := dot(v, v); math.Abs(n-1) > 1e-5 || len(v) != cat.Dim() || len(modalities) == 0 {
			t.Fatalf("%v: squared length %v, modalities %v", v, n, modalities)
		}
	})
}

func BenchmarkFuse(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	f := concat(b, DefaultConfig(1280, 384))
	for name, counts := range map[string][3]int{"1photo+text": {1, 1, 0}, "5photos+text+3reviews": {5, 1, 3}} {
		var parts []Part
		for i, part := range []struct {
			name string
			dim  int
		}{{"image", 1280}, {"text", 384}, {"review", 384}} {
			for range counts[i] {
				parts = append(parts, Part{part.name, 1, noise(r, part.dim)})
			}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := f.Fuse(parts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewConcat(b *testing.B) {
	for b.Loop() {
		concat(b, DefaultConfig(1280, 384))
	}
}
