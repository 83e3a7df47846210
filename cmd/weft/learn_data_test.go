package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/client"
)

// learnableShop is real products with vectors and shoppers of two tastes, which every sixth keeps to themselves; the last
// listings are stated after all events. u3 has not agreed to profiling.
func learnableShop(t *testing.T, shoppers int) shop {
	t.Helper()
	s := newShop(t)
	ids := samples(t, 8)
	s.stock(ids[:6]...)
	s.put(ids[6], "product.json", listing(t, ids[6], map[string]any{"updated_at": "2031-01-01T00:00:00Z"}))
	s.put(ids[6], "photo.jpg", samplePhoto(t, ids[6]))
	s.put(ids[7], "photo.jpg", samplePhoto(t, ids[7]))
	var events, users strings.Builder
	for u := range shoppers {
		told := fmt.Sprintf(`"taste":"%s"`, []string{"calm", "loud"}[u%2])
		if u%6 > 3 {
			told = ""
		}
		fmt.Fprintf(&users, `{"id":"u%d","attributes":{%s},"time":"2026-11-02T00:00:00Z","consent":{"profiling":%v}}`+"\n", u, told, u != 3)
		for k := range 4 {
			fmt.Fprintf(&events, `{"id":"e%d-%d","user":"u%d","product":"%s","type":"purchase","time":"2026-11-%02dT%02d:00:00Z"}`+"\n", u, k, u, ids[(2*k+u%2)%8], 3+7*k+u/8%7, u%8)
		}
	}
	for kind, text := range map[string]string{"users": users.String(), "events": events.String()} {
		path := filepath.Join(t.TempDir(), kind+".jsonl")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		done(t, "import", "--data", s.dir, "--kind", kind, path)
	}
	s.up()
	return s
}

func TestTrainCatalogue(t *testing.T) {
	s := learnableShop(t, 150)
	out := filepath.Join(t.TempDir(), "model")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"train", "--data", s.dir, "--out", out, "--epochs", "1"}, nil, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	card := string(read(t, filepath.Join(out, "model-card.md")))
	// One product has no listing, one a listing from the future; who has not agreed is not there.
	for _, want := range []string{"`image`: 1280 numbers; present for 8 items", "`text`: 384 numbers; present for 6 items (2 without a row", "`price`: 1 numbers; present for 6", "149 users, 8 items", "stated after the train part"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card lacks %q:\n%s", want, card)
		}
	}
	answered := done(t, "evaluate", "--data", s.dir, "--model", "mine="+out, "--baselines", "popular", "--resamples", "10")
	if !strings.Contains(answered, "mine") || !strings.Contains(answered, "149 users, 8 items") {
		t.Errorf("%s", answered)
	}
	s.promote(out, "--force")
	s.guesses(t)
}

// guesses holds what the promoted heads say of shoppers who have told nothing, and that nothing is said of one who declined.
func (s shop) guesses(t *testing.T) {
	t.Helper()
	right, asked := 0, 0
	for u := range 72 {
		if u%6 <= 3 {
			continue
		}
		known := answer[client.Shopper](t, "get", "user", fmt.Sprint("u", u), "--data", s.dir, "--json")
		if len(known.Guesses) != 1 || known.Guesses[0].Name != "taste" || known.Guesses[0].Unknown != (known.Guesses[0].Value == "") || !(known.Guesses[0].Confidence > 0) {
			t.Fatalf("of u%d: %+v", u, known.Guesses)
		}
		if asked++; known.Guesses[0].Value == []string{"calm", "loud"}[u%2] {
			right++
		}
	}
	if asked != 24 || right < 21 {
		t.Errorf("%d of %d tastes are told right", right, asked)
	}
	if page := done(t, "get", "user", "u4", "--data", s.dir); !strings.Contains(page, "guessed     taste calm (") {
		t.Errorf("the page of u4:\n%s", page)
	}
	if o := weft(t, "get", "user", "u3", "--data", s.dir, "--json"); o.code != exitFailed || strings.Contains(o.out, "taste") {
		t.Errorf("one who has not agreed: exit %d, %s", o.code, o.out)
	}
}

func TestTrainCatalogueRefuses(t *testing.T) {
	empty := newShop(t)
	s := newShop(t)
	s.stock(samples(t, 2)...)
	s.up()
	one := filepath.Join(t.TempDir(), "events.jsonl")
	id := samples(t, 2)[0]
	must(t, os.WriteFile(one, []byte(`{"id":"a","user":"u","product":"`+id+`","type":"purchase","time":"2026-11-03T00:00:00Z"}`+"\n"), 0o600))
	train := func(dir string, more ...string) outcome {
		return weft(t, append([]string{"train", "--data", dir, "--out", filepath.Join(t.TempDir(), "m")}, more...)...)
	}
	for _, c := range []struct {
		got  outcome
		code int
		say  string
	}{
		{train(empty.dir), exitFailed, "weft up"},
		{train(s.dir), exitFailed, "weft import --kind events"},
		{train(s.dir, "--split", "user"), exitUsage, "leave-last"},
		{train(s.dir, "--tables", s.dir), exitUsage, "give one"},
		{train(s.dir, "--modality", "x=y"), exitUsage, "--tables"},
	} {
		if c.got.code != c.code || !strings.Contains(c.got.err, c.say) {
			t.Errorf("exit %d, want %d with %q: %s", c.got.code, c.code, c.say, c.got.err)
		}
	}
	done(t, "import", "--data", s.dir, "--kind", "events", one)
	if o := train(s.dir); o.code != exitFailed || !strings.Contains(o.err, "too few different moments") {
		t.Errorf("one moment: exit %d, %s", o.code, o.err)
	}
}
