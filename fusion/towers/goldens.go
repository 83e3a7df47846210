package towers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"weft/fusion"
)

// GoldensFile holds what a model gave for made-up inputs when it was stored.
const GoldensFile = "goldens.json"

// Goldens are a model's outputs for inputs that follow from the seed and the model.
type Goldens struct {
	Seed     uint64      `json:"seed"`
	Products [][]float32 `json:"products"`
	Contents [][]float32 `json:"contents,omitempty"`
	Users    [][]float32 `json:"users"`
}

const (
	goldenSeed     = 1
	goldenProducts = 8
	goldenUsers    = 4
	goldenLength   = 5
	leastCosine    = .9999
)

// Goldens runs the model on the made-up inputs.
func (m *Model) Goldens(ctx context.Context) (Goldens, error) { return m.goldens(ctx, goldenSeed) }

func (m *Model) goldens(ctx context.Context, seed uint64) (Goldens, error) {
	g := Goldens{Seed: seed}
	products, users := m.madeUp(seed)
	made, err := m.towers(ctx, products)
	if err != nil {
		return g, err
	}
	for _, v := range made {
		g.Products = append(g.Products, v.Vector)
		if v.Content != nil {
			g.Contents = append(g.Contents, v.Content)
		}
	}
	told, err := m.Users(ctx, users)
	if err != nil {
		return g, err
	}
	for _, v := range told {
		g.Users = append(g.Users, v.Vector)
	}
	return g, nil
}

// madeUp are products that somebody had and others by turns, with features of random directions, and shoppers who chose
// some of the former.
func (m *Model) madeUp(seed uint64) (products []fusion.ProductParts, users []fusion.UserParts) {
	random := rand.New(rand.NewPCG(seed, 0))
	known := make([]string, 0, len(m.rows))
	for id := range m.rows {
		known = append(known, id)
	}
	slices.Sort(known)
	pick := func(i, of int) string { return known[i*len(known)/of] }
	for i := range goldenProducts {
		p := fusion.ProductParts{ID: "\x00"} // nobody's
		if i%2 == 0 && len(known) > 0 {
			p.ID = pick(i, goldenProducts)
		}
		for k, mod := range m.manifest.Modalities {
			if len(m.manifest.Modalities) > 1 && (i+k)%3 == 0 {
				continue
			}
			if mod.Name == fusion.PriceModality {
				price := float64(10 * (i + 1))
				p.Price = &price
				continue
			}
			v := make([]float32, mod.Dim)
			for j := range v {
				v[j] = float32(random.NormFloat64())
			}
			p.Parts = append(p.Parts, fusion.Part{Modality: mod.Name, Weight: 1, Vector: v})
		}
		products = append(products, p)
	}
	for u := range goldenUsers {
		var parts fusion.UserParts
		for k := range min(goldenLength, len(known)) {
			parts.Choices = append(parts.Choices, fusion.Choice{Product: pick(u*goldenLength+k, goldenUsers*goldenLength), Last: max(m.manifest.Now-int64(7*k)*day, 1), Weight: 1})
		}
		users = append(users, parts)
	}
	return products, users
}

// Verify holds the model against the goldens in its folder. A model that does not reproduce them must not make vectors.
func (m *Model) Verify(ctx context.Context, dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, GoldensFile))
	if err != nil {
		return fmt.Errorf("%w: its goldens: %w", ErrModel, err)
	}
	var want Goldens
	if err := json.Unmarshal(text, &want); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrModel, GoldensFile, err)
	}
	got, err := m.goldens(ctx, want.Seed)
	if err != nil {
		return err
	}
	return errors.Join(alike("product", got.Products, want.Products), alike("content", got.Contents, want.Contents), alike("user", got.Users, want.Users))
}

func alike(what string, got, want [][]float32) error {
	if len(got) != len(want) {
		return fmt.Errorf("%w: it makes %d golden %s vectors, %d were recorded", ErrModel, len(got), what, len(want))
	}
	for i := range want {
		if c := cosine(got[i], want[i]); !(c >= leastCosine) && len(got[i])+len(want[i]) > 0 {
			return fmt.Errorf("%w: golden %s vector %d: cosine %.6f to what was recorded, want at least %g; is ONNX Runtime another version here?", ErrModel, what, i, c, leastCosine)
		}
	}
	return nil
}

func cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.NaN()
	}
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}
