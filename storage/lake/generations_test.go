package lake_test

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

func TestGenerationIDIsOfCanonicalJSON(t *testing.T) {
	// printf '{"a":"<é>","b":{"x":1.50,"y":[1,2]}}' | sha256sum
	const want, canonical = "gbdcbcc90ecd9", `{"a":"<é>","b":{"x":1.50,"y":[1,2]}}`
	for _, spec := range []any{
		json.RawMessage("{ \"b\": {\"y\":[1, 2],\n\"x\":1.50}, \"a\":\"\\u003c\\u00e9>\" }"),
		struct {
			B map[string]any `json:"b"`
			A string         `json:"a"`
		}{map[string]any{"y": []int{1, 2}, "x": json.Number("1.50")}, "<é>"},
	} {
		id, body, err := lake.GenerationID(spec)
		if err != nil || id != want || string(body) != canonical {
			t.Errorf("%s, %s, %v; want %s, %s", id, body, err, want, canonical)
		}
	}
	for _, spec := range []any{nil, 3, []int{1}, "x", func() {}} {
		if id, _, err := lake.GenerationID(spec); err == nil {
			t.Errorf("%T was accepted as %s", spec, id)
		}
	}
}

func TestGenerations(t *testing.T) {
	ctx := t.Context()
	store := new(objecttest.Memory)
	g := open(t, store).Generations
	if live, err := g.Live(ctx); live != "" || err != nil {
		t.Fatalf("live at first: %q, %v", live, err)
	}
	a, err := g.Put(ctx, map[string]string{"image": "r1"})
	must(t, err)
	again, err := g.Put(ctx, map[string]string{"image": "r1"})
	if err != nil || again != a {
		t.Errorf("put again: %s, %v; want %s", again, err, a)
	}
	b, err := g.Put(ctx, map[string]string{"image": "r2"})
	must(t, err)
	if body, err := g.Get(ctx, a); err != nil || string(body) != `{"image":"r1"}` {
		t.Errorf("get: %s, %v", body, err)
	}
	for _, id := range []string{"g000000000000", "live", "../secret", ""} {
		if _, err := g.Get(ctx, id); !errors.Is(err, lake.ErrNoGeneration) {
			t.Errorf("get %q: %v, want ErrNoGeneration", id, err)
		}
		if err := g.SetLive(ctx, "", id); !errors.Is(err, lake.ErrNoGeneration) {
			t.Errorf("set live %q: %v, want ErrNoGeneration", id, err)
		}
	}
	must(t, g.SetLive(ctx, "", a))
	must(t, g.SetLive(ctx, "", a)) // already so
	if err := g.SetLive(ctx, "", b); !errors.Is(err, lake.ErrLiveMoved) {
		t.Errorf("set live from nothing: %v, want ErrLiveMoved", err)
	}
	must(t, g.SetLive(ctx, a, b))
	if live, err := lake.NewGenerations(store).Live(ctx); live != b || err != nil {
		t.Errorf("live: %q, %v; want %s", live, err, b)
	}
	overwrite(t, store, "lake/v1/generations/"+a+".json", func([]byte) []byte { return []byte(`{"image":"r9"}`) })
	if _, err := g.Get(ctx, a); err == nil || errors.Is(err, lake.ErrNoGeneration) {
		t.Errorf("a changed generation was read: %v", err)
	}
	overwrite(t, store, "lake/v1/generations/live.json", func([]byte) []byte { return []byte("{") })
	if _, err := g.Live(ctx); err == nil {
		t.Error("a damaged pointer was read")
	}
}

func TestOneOfManyMovesTheLivePointer(t *testing.T) {
	store := new(objecttest.Memory)
	g := lake.NewGenerations(store)
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		id, err := g.Put(t.Context(), map[string]int{"n": i})
		must(t, err)
		wg.Go(func() {
			switch err := g.SetLive(t.Context(), "", id); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, lake.ErrLiveMoved):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d set the pointer, want 1", won.Load())
	}
	var _ objects.Store = store
}
