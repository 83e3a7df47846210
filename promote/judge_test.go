package promote_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"weft/fusion"
	"weft/fusion/towers"
	"weft/promote"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

const live = tasks.Generation("g000000000001")

func openLake(t *testing.T) (*objects.Dir, *lake.Lake) {
	t.Helper()
	dir, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Open(t.Context(), lake.Config{Store: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return dir, l
}

// summing is a fusion whose shoppers are the sum of the products they chose.
type summing struct{ products map[string][]float32 }

func (summing) Dim() int { return 4 }

func (summing) Products(context.Context, []fusion.ProductParts) ([]fusion.ProductVectors, error) {
	panic("not asked for")
}

func (s summing) Users(_ context.Context, batch []fusion.UserParts) ([]fusion.UserVector, error) {
	out := make([]fusion.UserVector, len(batch))
	for i, u := range batch {
		v := make([]float32, s.Dim())
		for _, c := range u.Choices {
			for k, x := range s.products[c.Product] {
				v[k] += x
			}
		}
		out[i].Vector = v
	}
	return out, nil
}

// model writes what the gate reads of a model: the slice it was chosen on, and what it reached there.
func model(t *testing.T, v towers.Validation, items string) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, body []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		return hex.EncodeToString(sum[:])
	}
	text := func(x any) []byte {
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	m := towers.Manifest{Format: 1, Dim: 4, Tower: 1, Rank: 1, Sources: 1, ColdResidual: []float32{0}, Files: map[string]string{}}
	needed, _ := towers.Files()
	for _, name := range needed {
		m.Files[name] = "not looked at"
	}
	m.Files[towers.ValidationFile] = put(towers.ValidationFile, text(v))
	put("items.ids.txt", []byte(items))
	put(towers.ManifestFile, text(m))
	return dir
}

// What serves is measured on the very slice of the model, what was bought left out and what was only looked at not; a model
// that is worse is refused, one that is as good passes.
func TestGate(t *testing.T) {
	_, l := openLake(t)
	serves := summing{map[string][]float32{"a": {1, 0, 0, 0}, "b": {.9, .1, 0, 0}, "c": {0, 1, 0, 0}, "d": {0, .9, .1, 0}}}
	var rows []lake.Product
	for id, v := range serves.products {
		rows = append(rows, lake.Product{Row: lake.Row{Key: lake.ProductKey(string(live), id), Version: 1}, ID: id, Generation: string(live), Vector: v})
	}
	if err := l.Products.Append(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
	// One had a and takes b, the likest; one looked at a and buys it, the first of all; one had c and takes e, which has no vector
	// and comes third or fourth of four.
	v := towers.Validation{Asked: []towers.Asked{
		{Seen: []towers.Seen{{Item: 0, Last: 1, Weight: 1}}, Truth: []int32{1}},
		{Seen: []towers.Seen{{Item: 0, Last: 1, Weight: 1, Looked: true}}, Truth: []int32{0}},
		{Seen: []towers.Seen{{Item: 2, Last: 1, Weight: 1}}, Truth: []int32{4}},
	}}
	const items = "a\nb\nc\nd\ne\n"
	least, most := (2+1/math.Log2(5))/3-1e-6, (2+1/math.Log2(4))/3+1e-6
	for _, c := range []struct {
		recall, ndcg float64
		passed       bool
	}{{1, 1, true}, {.9, .5, false}} {
		v.Recall, v.NDCG = c.recall, c.ndcg
		g, err := promote.Judge(t.Context(), model(t, v, items), l, live, serves)
		if err != nil {
			t.Fatal(err)
		}
		if g.Users != 3 || g.Unknown != 1 || math.Abs(g.Before.Recall-1) > 1e-6 || g.Before.NDCG < least || g.Before.NDCG > most || g.After.Recall != c.recall {
			t.Errorf("%+v, want before recall 1 and ndcg %.3f to %.3f", g, least, most)
		}
		if g.Passed != c.passed {
			t.Errorf("a model of recall %g, ndcg %g beside %+v: passed %t", c.recall, c.ndcg, g.Before, g.Passed)
		}
	}
	dir := model(t, v, items)
	if err := os.WriteFile(filepath.Join(dir, towers.ValidationFile), []byte(`{"recall@20":1,"ndcg@20":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := promote.Judge(t.Context(), dir, l, live, serves); err == nil {
		t.Error("another slice than the manifest's is taken")
	}
}
