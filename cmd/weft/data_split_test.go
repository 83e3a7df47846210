package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/divide"
	divided "weft/behaviour/divide/tables"
	"weft/behaviour/parts"
	"weft/fusion/dataset"
)

func readTable[R any](t *testing.T, folder, name string) []R {
	t.Helper()
	rows, err := parquet.ReadFile[R](filepath.Join(folder, name))
	must(t, err)
	return rows
}

func splitOf(t *testing.T, s shop, args ...string) (string, divided.Manifest) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "tables")
	m := answer[divided.Manifest](t, append([]string{"data", "split", "--data", s.dir, "--out", out, "--json"}, args...)...)
	return out, m
}

func TestDataSplit(t *testing.T) {
	s := mixedShop(t)
	for _, by := range []string{"time", "user", "leave-last"} {
		t.Run(by, func(t *testing.T) {
			args := []string{"--by", by}
			if by == "user" { // so that five users make three parts
				args = append(args, "--train", "0.5", "--val", "0.3", "--seed", "4")
			}
			out, m := splitOf(t, s, args...)
			rows := readTable[divided.Interaction](t, out, "interactions.parquet")
			// 4 × 80 events, 4 × 8 × 2 lines of baskets, and two of u0; what is left out is counted.
			if want := 4*80 + 4*8*2 + 2; len(rows) != want || m.Cleaning.Kept != want+4*8+1+1 {
				t.Errorf("%d rows, want %d; %+v", len(rows), want, m.Cleaning)
			}
			if l := m.LeftOut; l != (divide.LeftOut{NoConsent: 1, NoProduct: 1, Against: 4 * 8}) || m.Cleaning.Bot != clean.MostRows+1 || m.Cleaning.Rate != 100 {
				t.Errorf("left out %+v, cleaning %+v", l, m.Cleaning)
			}
			count := map[string]int{}
			seen := map[string]bool{}
			moments := map[string]string{}
			for _, r := range rows {
				if seen[r.Event] {
					t.Fatalf("event %s is there twice", r.Event)
				}
				seen[r.Event] = true
				count[r.Split]++
				if r.User == "secret" || r.User == "robot" || r.User == "crawler" || r.Item == "" || r.Weight != parts.Weight(r.Type) || r.Weight <= 0 {
					t.Fatalf("%+v should not be there", r)
				}
				moment := fmt.Sprint(r.User, r.Time)
				if other, ok := moments[moment]; ok && other != r.Split {
					t.Fatalf("rows of one moment of %s are in %s and %s", r.User, other, r.Split)
				}
				moments[moment] = r.Split
			}
			for _, p := range m.Parts {
				if p.Rows == 0 || p.Rows != count[string(p.Part)] {
					t.Errorf("manifest says %+v, the table has %v", p, count)
				}
			}
			var written divided.Manifest
			parse(t, string(read(t, filepath.Join(out, divided.ManifestName))), &written)
			for name, f := range written.Files {
				body := read(t, filepath.Join(out, name))
				if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(body)) != f.Bytes {
					t.Errorf("%s is not what the manifest says: %+v", name, f)
				}
			}
			files, err := os.ReadDir(out)
			must(t, err)
			if len(files) != len(written.Files)+1 || len(files) != 6 {
				t.Errorf("in the folder: %v", files)
			}
			// The reader of the tables agrees.
			d, _, err := dataset.Load(dataset.Options{Dir: out, Profiles: filepath.Join(out, "profiles.csv")})
			must(t, err)
			if d.Split != dataset.Given || !d.Timed || len(d.Users) != 4 {
				t.Errorf("read back: split %s, %d users", d.Split, len(d.Users))
			}

			// The same rows give the same bytes, every time.
			again, _ := splitOf(t, s, args...)
			for _, f := range files {
				if !bytes.Equal(read(t, filepath.Join(out, f.Name())), read(t, filepath.Join(again, f.Name()))) {
					t.Errorf("a second run wrote another %s", f.Name())
				}
			}
		})
	}
}

// Train knows no fact that was stated after it ended: not in products, not in
// profiles, not in statistics.
func TestNothingFromTheFuture(t *testing.T) {
	s := mixedShop(t)
	out, m := splitOf(t, s)
	for _, r := range readTable[divided.Interaction](t, out, "interactions.parquet") {
		at := time.UnixMilli(r.Time)
		want := "test"
		switch {
		case at.Before(*m.ValFrom):
			want = "train"
		case at.Before(*m.TestFrom):
			want = "val"
		}
		if r.Split != want {
			t.Fatalf("%+v lies in %s", r, want)
		}
	}
	facts := map[string]divided.Fact{}
	for _, f := range readTable[divided.Fact](t, out, "products.parquet") {
		facts[f.Item] = f
		if f.Split != "train" || f.UpdatedAt != nil && !time.UnixMilli(*f.UpdatedAt).Before(*m.ValFrom) {
			t.Errorf("train knows %+v", f)
		}
	}
	for _, f := range readTable[divided.Fact](t, out, "products_later.parquet") {
		if _, twice := facts[f.Item]; twice || f.Split == "train" {
			t.Errorf("%+v is not of later", f)
		}
		facts[f.Item] = f
	}
	if facts["p9"].Split != "test" || facts["p10"].Split == "train" || facts["p1"].Split != "train" || facts["p0"].Split != "train" || facts["p1"].Attributes != `{"colour":"red"}` {
		t.Errorf("%+v", facts)
	}
	if f := m.Facts; f.Undated != 3 || f.Train != 11 || f.Train+f.Val+f.Test != 14 {
		t.Errorf("%+v", f)
	}
	var stats clean.Statistics
	parse(t, string(read(t, filepath.Join(out, "statistics.json"))), &stats)
	// u2 spoke a year later; when u3 spoke nobody knows; secret does not agree.
	if age := stats.Attributes["age"].Numeric; age.Count != 3 || age.Max != 44 {
		t.Errorf("ages %+v", age)
	}
	if stats.Price.Max != 18 || stats.Price.Count != 9 || !stats.AsOf.Before(*m.ValFrom) {
		t.Errorf("prices %+v as of %v", stats.Price, stats.AsOf)
	}
	profiles := string(read(t, filepath.Join(out, "profiles.csv")))
	if want := "user,age,city\nu0,31,other\nu1,44,\nu3,29,\n"; profiles != want {
		t.Errorf("profiles\n%s\nwant\n%s", profiles, want)
	}

	strict, m := splitOf(t, s, "--undated", "drop")
	if rows := readTable[divided.Fact](t, strict, "products.parquet"); len(rows) != 8 || m.Facts.Undated != 3 {
		t.Errorf("%d facts with a date, %+v", len(rows), m.Facts)
	}
	if profiles := string(read(t, filepath.Join(strict, "profiles.csv"))); strings.Contains(profiles, "u3") {
		t.Errorf("profiles with a date:\n%s", profiles)
	}
}

func TestDataSplitChoices(t *testing.T) {
	s := mixedShop(t)
	out, m := splitOf(t, s, "--types", "purchase,cart")
	for _, r := range readTable[divided.Interaction](t, out, "interactions.parquet") {
		if r.Type != "purchase" && r.Type != "cart" {
			t.Fatalf("%+v is of another type", r)
		}
	}
	if m.LeftOut.OtherTypes == 0 || len(m.Weights) != 2 {
		t.Errorf("%+v, weights %v", m.LeftOut, m.Weights)
	}
	// Without the default consent nobody but who said yes is there: nobody.
	o := weft(t, "data", "split", "--data", s.dir, "--out", filepath.Join(t.TempDir(), "x"), "--no-consent")
	if o.code != exitFailed || !strings.Contains(o.err, "without consent") || o.out != "" {
		t.Errorf("%+v", o)
	}
	// What lies there is not replaced unasked.
	if o := weft(t, "data", "split", "--data", s.dir, "--out", out); o.code != exitUsage || !strings.Contains(o.err, "--overwrite") {
		t.Errorf("%+v", o)
	}
	before := read(t, filepath.Join(out, divided.ManifestName))
	done(t, "data", "split", "--data", s.dir, "--out", out, "--overwrite")
	if bytes.Equal(before, read(t, filepath.Join(out, divided.ManifestName))) {
		t.Error("--overwrite left the manifest of the other types")
	}
}

func TestDataSplitOfLittle(t *testing.T) {
	at := func(n int, step time.Duration) (all []behaviour.Event) {
		for i := range n {
			all = append(all, behaviour.Event{ID: fmt.Sprint(i), User: "u", Type: "view", Product: "p", Time: spring.Add(time.Duration(i) * step).UnixMilli()})
		}
		return all
	}
	for name, c := range map[string]struct {
		events []behaviour.Event
		args   []string
		says   string
	}{
		"no rows":              {nil, nil, "import"},
		"one row":              {at(1, 0), nil, "moments"},
		"one moment":           {at(50, 0), nil, "moments"},
		"one moment, by last":  {at(50, 0), []string{"--by", "leave-last"}, "no row of 50 went to val"},
		"one user, by user":    {at(50, time.Hour), []string{"--by", "user"}, "went to"},
		"only types not there": {at(50, time.Hour), []string{"--types", "purchase"}, "50 of other types"},
	} {
		s := newShop(t)
		if c.events != nil {
			s.behave(c.events, nil, nil)
		}
		out := filepath.Join(t.TempDir(), "tables")
		o := weft(t, append([]string{"data", "split", "--data", s.dir, "--out", out}, c.args...)...)
		if o.code != exitFailed || !strings.Contains(o.err, c.says) || o.out != "" {
			t.Errorf("%s: %+v", name, o)
		}
		if files, _ := os.ReadDir(out); len(files) != 0 {
			t.Errorf("%s: left behind %v", name, files)
		}
	}
	for _, args := range [][]string{{"--train", "0.95", "--val", "0.1"}, {"--train", "NaN"}, {"--by", "magic"}, {"--undated", "guess"}} {
		o := weft(t, append([]string{"data", "split", "--data", "x", "--out", filepath.Join(t.TempDir(), "tables")}, args...)...)
		if o.code != exitUsage || o.out != "" {
			t.Errorf("%v: %+v", args, o)
		}
	}
}

// A manifest is the last to appear and tells what was done: its names are a contract.
func TestSplitManifestNames(t *testing.T) {
	_, m := splitOf(t, mixedShop(t))
	body, err := json.Marshal(m)
	must(t, err)
	var fields map[string]json.RawMessage
	parse(t, string(body), &fields)
	for _, name := range []string{"format", "tenant", "rule", "seed", "fractions", "val_from", "test_from", "parts", "weights", "cleaning", "left_out", "facts", "profiles", "cleaning_rules", "files"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("the manifest has no %q", name)
		}
	}
	if want := []string{"interactions.parquet", "products.parquet", "products_later.parquet", "profiles.csv", "statistics.json"}; len(m.Files) != len(want) || slices.ContainsFunc(want, func(n string) bool { return m.Files[n].SHA256 == "" }) {
		t.Errorf("files %v", m.Files)
	}
}

// Ctrl-C leaves nothing half done, and an earlier split as it was.
func TestDataSplitInterrupted(t *testing.T) {
	s := mixedShop(t)
	out, _ := splitOf(t, s)
	before := read(t, filepath.Join(out, divided.ManifestName))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := dataSplitCmd{place: place{Tenant: "default", Data: s.dir}, Out: out, By: "time", Train: 0.8, Val: 0.1, Consent: true, Undated: "keep", Overwrite: true}
	err := c.Run(ctx, &app{out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted split ends with %v", err)
	}
	files, _ := os.ReadDir(out)
	if len(files) != 6 || !bytes.Equal(before, read(t, filepath.Join(out, divided.ManifestName))) {
		t.Errorf("an interrupted split left %v", files)
	}
}
