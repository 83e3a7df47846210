package evaluation

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

const shoppers, goods = 40, 40

// shop is divided: everybody takes four of the twenty goods of their own taste in train, and one each in val and test. i2 is
// what sells best.
func shop(t *testing.T) Config {
	t.Helper()
	tables := dataset.Tables{Split: dataset.ByTime, ValFrom: 1000, TestFrom: 2000}
	for u := range shoppers {
		for n, part := range []string{"train", "train", "train", "train", "val", "test"} {
			good, at := 2*((u/2+n)%20)+u%2, int64(100+n)
			if n > 3 {
				at = int64(n-3)*1000 + 1
			}
			tables.Rows = append(tables.Rows, dataset.NamedRow{User: fmt.Sprint("u", u), Item: fmt.Sprint("i", good), Time: at, Part: part, Weight: 1})
		}
		if u%2 == 0 && u > 20 {
			tables.Rows = append(tables.Rows, dataset.NamedRow{User: fmt.Sprint("u", u), Item: "i2", Time: 99, Part: "train", Weight: 1})
		}
	}
	d, report, err := dataset.From(tables)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Data: d, Report: report, Lengths: []int{5}, Resamples: 50, Seed: 1}
}

// folder holds vectors that tell the tastes apart, of all goods but the last and of all shoppers but u0 and u1, the last first.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for kind, last := range map[string]int{"items": goods - 2, "users": shoppers - 1} {
		var ids, rows bytes.Buffer
		first := map[string]int{"items": 0, "users": 2}[kind]
		for n := last; n >= first; n-- {
			fmt.Fprintf(&ids, "%c%d\n", kind[0], n)
			_ = binary.Write(&rows, binary.LittleEndian, []float32{float32(1 - n%2), float32(n % 2)})
		}
		npy := append(dataset.NPYHeader("<f4", last-first+1, 2), rows.Bytes()...)
		for name, body := range map[string][]byte{kind + ".npy": npy, kind + ".ids.txt": ids.Bytes()} {
			if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestTrainedIsHeldAgainstTheBestBaseline(t *testing.T) {
	c := shop(t)
	e := New(c)
	var rows []Row
	for _, model := range e.Baselines(linear.Portable{}) {
		if !slices.Contains([]string{"random", "popular", "ItemKNN"}, model.Name) {
			continue
		}
		r, err := e.Baseline(t.Context(), model)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	m, err := ReadTrained("mine", folder(t), c.Data)
	if err != nil || m.Missing != 1 || m.Strangers != 2 {
		t.Fatalf("%v: %+v", err, m)
	}
	mine, err := e.Trained(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.Compare(append(rows, mine))
	if err != nil {
		t.Fatal(err)
	}
	// 20 goods are of one's taste, the four of train are not shown again: all of a list of 20 but for the lacking good.
	if all, _ := mine.Result.Slice(rank.All); len(all.Users) < shoppers-1 || all.Mean("recall@20") < .85 {
		t.Errorf("%+v", all.Estimates)
	}
	if out.against.Name != "ItemKNN" || !strings.HasPrefix(out.Protocol.Opponent, "ItemKNN:") || !slices.Equal(out.Protocol.Lengths, []int{5, 20}) || out.Protocol.Fitted != "train" {
		t.Errorf("%+v", out.Protocol)
	}
	seen := 0
	for _, line := range out.Results {
		var r struct {
			Model, Slice string
			Users        int
			Difference   *struct{ To string }
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if seen++; (r.Model == "ItemKNN") != (r.Difference == nil) || r.Difference != nil && r.Difference.To != "ItemKNN" {
			t.Errorf("%s", line)
		}
	}
	if want := 4 * len(mine.Result.Slices); seen != want {
		t.Errorf("%d results, want %d", seen, want)
	}
	var page bytes.Buffer
	if err := out.WriteHTML(&page); err != nil || !bytes.Contains(page.Bytes(), []byte(`class="opponent"`)) || !bytes.Contains(page.Bytes(), []byte("recall@20, all")) {
		t.Errorf("%v: %d bytes", err, page.Len())
	}
}

// Whom a model does not know gets what is popular, as in a baseline, not what a zero vector gives.
func TestStrangersGetWhatIsPopular(t *testing.T) {
	c := shop(t)
	m, err := ReadTrained("mine", folder(t), c.Data)
	if err != nil {
		t.Fatal(err)
	}
	e := New(c)
	known := make([]bool, shoppers)
	for u, name := range c.Data.Users {
		if known[u] = !m.unknown[u]; known[u] == (name == "u0" || name == "u1") {
			t.Errorf("%s is known: %v", name, known[u])
		}
	}
	got := make([]float32, goods)
	for user, popular := range map[string]bool{"u0": true, "u1": true, "u3": false} { // u3 is of the other taste than i2
		u := int32(slices.Index(c.Data.Users, user))
		baselines.ForKnown(m.scorer, known, e.final).Score(u, got)
		if top := slices.Index(got, slices.Max(got)); popular != (c.Data.Items[top] == "i2") {
			t.Errorf("%s: first is %s of %v", user, c.Data.Items[top], got)
		}
	}
}

func TestModelOfOtherDataIsRefused(t *testing.T) {
	c, dir := shop(t), folder(t)
	other := *c.Data
	other.Items = []string{"x", "y"}
	for what, broken := range map[string]struct {
		d       *dataset.Dataset
		dir, in string
	}{
		"items of other tables":         {&other, dir, "other tables"},
		"no model":                      {c.Data, t.TempDir(), "items.npy"},
		"ids of another model":          {c.Data, mended(t, dir, "items.ids.txt", "i0\n"), "1 lines"},
		"a model's list of ids is lost": {c.Data, mended(t, dir, "users.ids.txt", ""), "0 lines"},
	} {
		if _, err := ReadTrained("mine", broken.dir, broken.d); err == nil || !strings.Contains(err.Error(), broken.in) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// mended is a copy of a folder in which one file holds something else.
func mended(t *testing.T, dir, name, body string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, name), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
