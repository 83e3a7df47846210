package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/evaluation"
	"weft/fusion/content"
)

// fewProducts links the first products of three classes of the sample, each with a photo and a listing.
func fewProducts(t *testing.T, each int) string {
	t.Helper()
	root, err := filepath.Abs("../../examples/catalogue")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, class := range []string{"hat", "pants", "shoes"} {
		found, _ := filepath.Glob(filepath.Join(root, class+"-*", "product.json"))
		if len(found) < each {
			t.Fatalf("%d listings of %s", len(found), class)
		}
		for _, listing := range found[:each] {
			product := filepath.Join(dir, filepath.Base(filepath.Dir(listing)))
			if err := os.Mkdir(product, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"product.json", "photo.jpg"} {
				if err := os.Symlink(filepath.Join(filepath.Dir(listing), name), filepath.Join(product, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

// Real photos and listings: content must keep the neighbours that the encoder finds, and words must find photos of their
// class far above chance, on products that nothing was fitted on.
func TestEvaluateContent(t *testing.T) {
	dir := fewProducts(t, 9)
	var out, errOut bytes.Buffer
	if code := run([]string{"evaluate", "--photos", dir, "-k", "3", "--resamples", "200", "--json"}, nil, &out, &errOut); code != exitDone {
		t.Fatalf("exit %d: %s", code, errOut.String())
	}
	var got struct {
		Items   int
		Classes []struct{ Label string }
		Content *content.Quality
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	q := got.Content
	if q == nil || q.Products != got.Items || q.Classes != 3 || q.KNN == nil || q.Gain == nil || q.Recall == nil || q.Word == nil {
		t.Fatalf("%s", out.String())
	}
	t.Logf("k-NN %+v, raw %+v, precision %+v by chance %+v, word %+v", *q.KNN, *q.RawKNN, *q.Precision, *q.RandomPrecision, *q.Word)
	for name, f := range map[string]*content.Figure{"knn": q.KNN, "precision": q.Precision, "recall": q.Recall, "own": q.Own} {
		if !(0 <= f.CI95[0] && f.CI95[0] <= f.Mean && f.Mean <= f.CI95[1] && f.CI95[1] <= 1) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if q.KNN.Mean < .75 || q.Gain.Mean < -.1 {
		t.Errorf("k-NN by content %.3f, by the encoder %.3f", q.KNN.Mean, q.RawKNN.Mean)
	}
	if q.Precision.CI95[0] <= q.RandomPrecision.CI95[1] || q.Word.Mean <= q.RandomPrecision.Mean {
		t.Errorf("words find photos no better than chance: %+v, %+v, by chance %+v", q.Precision, q.Word, q.RandomPrecision)
	}
	out.Reset()
	if err := (&evaluation.Neighbours{Content: q}).Print(&out); err != nil || !strings.Contains(out.String(), "its text finds photos of its class, precision@3") {
		t.Errorf("%v: %s", err, out.String())
	}
}
