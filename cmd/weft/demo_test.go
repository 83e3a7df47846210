package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDemoTrains: the demonstration trains on its simulated shop, promotes, and the lists are better for it; words find photos.
func TestDemoTrains(t *testing.T) {
	catalogue, dir := t.TempDir(), t.TempDir()
	known := samples(t, 80)
	for _, id := range known {
		must(t, os.Mkdir(filepath.Join(catalogue, id), 0o755))
		write(t, filepath.Join(catalogue, id, "product.json"), listing(t, id, nil))
		write(t, filepath.Join(catalogue, id, "photo.jpg"), samplePhoto(t, id))
	}
	page := filepath.Join(dir, "page.html")
	out := done(t, "demo", "--catalogue", catalogue, "--data", filepath.Join(dir, "shop"), "--report", page, "--shoppers", "250", "--towers", "1")
	t.Log(out)
	rate := func(name string) int {
		t.Helper()
		found := regexp.MustCompile(`(?m)^  ` + name + ` +(\d+) ±`).FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("no row %q in\n%s", name, out)
		}
		n, err := strconv.Atoi(found[1])
		must(t, err)
		return n
	}
	random, untrained, trained, best := rate("random"), rate("weft, untrained"), rate("weft, trained on the shop"), rate("best possible")
	if !(random < untrained && untrained < trained && trained < best) {
		t.Errorf("random %d %%, untrained %d %%, trained %d %%, best possible %d %%", random, untrained, trained, best)
	}
	if html := string(read(t, page)); !strings.Contains(html, "weft, trained on the shop") || !strings.Contains(html, "the trained model serves") || strings.Count(html, `class="shopper"`) != demoShown {
		t.Error("the page does not say what serves, or lacks shoppers")
	}
	shop{t, filepath.Join(dir, "shop")}.wordsFindPhotos(t, known)
}
