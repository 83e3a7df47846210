package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/tasks"
)

// wordsFindPhotos puts products of a photo alone into a shop whose trained model serves, and looks for each by what its
// listing would have said: of ten photos, many times more than by chance must be of its class, and the photo itself among
// them more often.
func (s shop) wordsFindPhotos(t *testing.T, known []string) {
	t.Helper()
	later := slices.DeleteFunc(samples(t, 150), func(id string) bool { return slices.Contains(known, id) })
	for _, id := range later {
		s.put(id, "photo.jpg", samplePhoto(t, id))
	}
	s.up()
	s.open()
	info, _ := runningAt(s.dir)
	class := func(id string) string { name, _, _ := strings.Cut(id, "-"); return strings.TrimSuffix(name, "s") }
	right, chance, own := 0., 0., 0.
	for _, id := range later {
		l, err := tasks.ParseListing(read(t, filepath.Join(sample, id, "product.json")))
		must(t, err)
		var hits []struct{ ID string }
		until(t, "words are looked for", func() bool { // 503 while the catalogue is read
			reply, err := http.Get(fmt.Sprintf("http://%s/v1/default/search?k=1000&q=%s", info.HTTP, url.QueryEscape(l.Text())))
			must(t, err)
			defer func() { _ = reply.Body.Close() }()
			if reply.StatusCode == http.StatusServiceUnavailable {
				return false
			}
			if reply.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", id, reply.Status)
			}
			return json.NewDecoder(reply.Body).Decode(&hits) == nil
		})
		place, alike := 0, 0
		for _, h := range hits {
			if !slices.Contains(later, h.ID) {
				continue
			}
			if place++; place <= 10 {
				if class(h.ID) == class(id) {
					right++
				}
				if h.ID == id {
					own++
				}
			}
			if class(h.ID) == class(id) {
				alike++
			}
		}
		if place != len(later) {
			t.Fatalf("%d of %d photos are found at all", place, len(later))
		}
		chance += 10 * float64(alike) / float64(place)
	}
	n := float64(len(later))
	t.Logf("words find %.2f photos of their class among ten of %d, by chance %.2f; their own photo in %.0f %%, by chance %.0f %%", right/n, len(later), chance/n, 100*own/n, 1000/n)
	if right < 2.5*chance || own < 2*10 {
		t.Errorf("words find photos hardly more often than chance")
	}
}
