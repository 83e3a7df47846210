package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tasteTables writes a small shop of two tastes: interactions by time, features, and a table of users that tells the taste.
func tasteTables(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	var rows, users, features strings.Builder
	rows.WriteString("user,item,time\n")
	users.WriteString("user,taste,consent\n")
	features.WriteString("item,a,b\n")
	const items = 40
	for i := range items {
		fmt.Fprintf(&features, "i%d,%d,%.3f\n", i, i%2, random.Float64())
	}
	for u := range 240 {
		fmt.Fprintf(&users, "u%d,%s,%v\n", u, []string{"calm", "loud"}[u%2], u%10 != 9)
		day := 1
		for range 8 {
			fmt.Fprintf(&rows, "u%d,i%d,2024-%02d-%02d 10:00:00\n", u, random.IntN(items/2)*2+u%2, 1+day/28, 1+day%28)
			day += 1 + random.IntN(14)
		}
	}
	for name, text := range map[string]string{"interactions.csv": rows.String(), "users.csv": users.String(), "features.csv": features.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTrain(t *testing.T) {
	dir := tasteTables(t)
	out := filepath.Join(t.TempDir(), "model")
	args := []string{"train", "--tables", dir, "--modality", "looks=" + filepath.Join(dir, "features.csv"), "--profiles", filepath.Join(dir, "users.csv"),
		"--out", out, "--seed", "3", "--epochs", "2", "--batch", "64", "--rate", "0.01"}
	var stdout, stderr bytes.Buffer
	if code := run(append(args, "--json"), nil, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	var summary struct {
		Composed struct {
			Users  int     `json:"users"`
			Recall float64 `json:"recall@20"`
		} `json:"composed"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &summary); err != nil {
		t.Fatalf("%v: %s", err, stdout.String())
	}
	if summary.Composed.Users == 0 || summary.Composed.Recall < .8 { // 20 of the 40 items are of one's taste
		t.Errorf("summary %+v", summary)
	}
	var heads []struct {
		Head     string  `json:"head"`
		Accuracy float64 `json:"accuracy"`
	}
	text, err := os.ReadFile(filepath.Join(out, "profile.json"))
	if err == nil {
		err = json.Unmarshal(text, &heads)
	}
	if err != nil || len(heads) != 1 || heads[0].Head != "taste" || heads[0].Accuracy < .8 {
		t.Errorf("%v: profile heads %+v", err, heads)
	}
	for _, name := range []string{"manifest.json", "product.onnx", "user.onnx", "items.npy", "users.ids.txt", "metrics.json", "model-card.md", "report.html", "profile.onnx"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	stdout.Reset()
	if code := run([]string{"runs", filepath.Dir(out)}, nil, &stdout, &stderr); code != exitDone || !strings.Contains(stdout.String(), out) {
		t.Errorf("runs: exit %d: %s%s", code, stdout.String(), stderr.String())
	}
	if code := run([]string{"runs", dir}, nil, &stdout, &stderr); code != exitFailed {
		t.Errorf("runs of a folder without a model: exit %d", code)
	}
	ablate(t, dir, out)
	// Nor is one measured that was damaged, or that another weft made.
	for name, c := range map[string]struct {
		file, say string
		change    func([]byte) []byte
	}{
		"damaged": {"items.npy", "items.npy is damaged", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		"newer":   {"manifest.json", "a newer weft", func(b []byte) []byte { return bytes.Replace(b, []byte(`"format": 1,`), []byte(`"format": 2,`), 1) }},
		"fitted on the test part": {"manifest.json", "--fit-all", func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"train and validation"`), []byte(`"train, validation and test"`), 1)
		}},
		"cut": {"manifest.json", "manifest.json", func(b []byte) []byte { return b[:len(b)/2] }},
	} {
		broken := t.TempDir()
		if err := os.CopyFS(broken, os.DirFS(out)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(broken, c.file))
		if err == nil {
			err = os.WriteFile(filepath.Join(broken, c.file), c.change(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		stderr.Reset()
		if code := run([]string{"evaluate", "--tables", dir, "--model", broken, "--baselines", "random"}, nil, &stdout, &stderr); code != exitFailed || !strings.Contains(stderr.String(), c.say) {
			t.Errorf("%s: exit %d: %s", name, code, stderr.String())
		}
	}
	// A model is not written over.
	stderr.Reset()
	if code := run(args, nil, &stdout, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "there is a model already") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}

// ablate holds what an evaluation says of the model without some of what it reads. Features tell the two tastes apart, and
// so do the choices.
func ablate(t *testing.T, dir, model string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	page := filepath.Join(t.TempDir(), "report.html")
	args := []string{"evaluate", "--tables", dir, "--model", "mine=" + model, "--baselines", "random,popular", "--lengths", "5,20", "--resamples", "100", "--report", page}
	with := append(args, "--modality", "looks="+filepath.Join(dir, "features.csv"))
	if code := run(append(with, "--json"), nil, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	var out struct {
		Results []struct {
			Model, Slice string
			NDCG         float64 `json:"ndcg@20"`
		}
		Ablation []struct {
			Model, Variant, Slice string
			Withheld              []string
			NDCG                  float64 `json:"ndcg@20"`
			Brings                map[string]struct {
				Mean float64
				CI95 [2]float64
			}
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	got, brings := map[string]float64{}, map[string]float64{}
	for _, r := range out.Results {
		if r.Slice == "all" {
			got[r.Model] = r.NDCG
		}
	}
	for _, r := range out.Ablation {
		if r.Model != "mine" || r.Slice != "all" {
			continue
		}
		got[r.Variant], brings[r.Variant] = r.NDCG, r.Brings["ndcg@20"].Mean
		if d := r.Brings["ndcg@20"]; r.Variant != "whole" && !(d.CI95[0] <= d.Mean && d.Mean <= d.CI95[1]) {
			t.Errorf("%s: %+v", r.Variant, d)
		}
	}
	if math.Abs(got["whole"]-got["mine"]) > 1e-6 || len(brings) != 3 {
		t.Errorf("figures %v: the whole model is what serves, beside it without choices and without features", got)
	}
	for name, brought := range brings {
		if got[name] < 1.3*got["random"] || math.Abs(got["whole"]-got[name]-brought) > 1e-6 {
			t.Errorf("%s: %.3f of %.3f, random %.3f, difference %.3f", name, got[name], got["whole"], got["random"], brought)
		}
	}
	stdout.Reset()
	if code := run(with, nil, &stdout, &stderr); code != exitDone || !strings.Contains(stdout.String(), "mine without some of what it reads") || !strings.Contains(stdout.String(), "content only") {
		t.Errorf("exit %d: %s", code, stdout.String())
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("choices only")) {
		t.Errorf("report: %v, %d bytes", err, len(html))
	}
	stdout.Reset()
	stderr.Reset()
	if code := run(args, nil, &stdout, &stderr); code != exitDone || !strings.Contains(stderr.String(), "--modality") || strings.Contains(stdout.String(), "content only") {
		t.Errorf("without the features that the model reads: exit %d: %s%s", code, stderr.String(), stdout.String())
	}
}

func TestTrainUsage(t *testing.T) {
	dir, theirs := tasteTables(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(theirs, "items.npy"), []byte("features"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no out":        {[]string{"--tables", dir}, exitUsage, "--out"},
		"no tables":     {[]string{"--out", t.TempDir()}, exitUsage, "--tables"},
		"bad modality":  {[]string{"--tables", dir, "--out", t.TempDir(), "--modality", "image"}, exitUsage, "NAME=FILE"},
		"bad rate":      {[]string{"--tables", dir, "--out", t.TempDir(), "--rate", "99"}, exitUsage, "Rate is 99"},
		"no epochs":     {[]string{"--tables", dir, "--out", t.TempDir(), "--epochs", "0"}, exitUsage, "--epochs 0"},
		"no rate":       {[]string{"--tables", dir, "--out", t.TempDir(), "--rate", "0"}, exitUsage, "--rate 0"},
		"no file":       {[]string{"--tables", dir, "--out", t.TempDir(), "--modality", "image="}, exitUsage, "NAME=FILE"},
		"out is a file": {[]string{"--tables", dir, "--out", filepath.Join(dir, "users.csv")}, exitFailed, "--out"},
		"out is theirs": {[]string{"--tables", dir, "--out", theirs}, exitFailed, "items.npy would be written over"},
		"bad split":     {[]string{"--tables", dir, "--out", t.TempDir(), "--split", "odd"}, exitUsage, "odd"},
		"not a library": {[]string{"--tables", dir, "--out", t.TempDir(), "--onnxruntime", filepath.Join(dir, "users.csv")}, exitFailed, "ONNX Runtime"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(append([]string{"train"}, c.args...), nil, &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: exit %d, want %d with %q: %s", name, code, c.code, c.want, stderr.String())
		}
	}
}

// Two trainings do not write into one folder, and one that is asked to go on where there is nothing says so.
func TestTrainOut(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{log: slog.New(slog.NewTextHandler(&stderr, nil))}
	c := trainCmd{Out: filepath.Join(t.TempDir(), "model"), Resume: true}
	leave, err := c.enter(a)
	if err != nil || !strings.Contains(stderr.String(), "nothing to resume") {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if _, err := c.enter(a); err == nil || !strings.Contains(err.Error(), "another training is under way") {
		t.Errorf("a second training: %v", err)
	}
	leave()
	leave, err = c.enter(a)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	if left, err := os.ReadDir(c.Out); err != nil || len(left) > 0 {
		t.Errorf("left there: %v %v", left, err)
	}
}
