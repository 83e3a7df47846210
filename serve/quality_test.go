package serve_test

import (
	"net/http"
	"strings"
	"testing"

	"weft/client"
)

// Lists are followed, except those of shoppers who have not agreed to it.
func TestServedListsAreFollowed(t *testing.T) {
	s, _ := peopled(t)
	for _, user := range []string{"known", "known", "new", "shy"} {
		if _, err := s.client.Recommend(t.Context(), user, client.RecommendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, body := s.do(t, http.MethodGet, "/metrics", ""); !strings.Contains(string(body), `weft_lists_followed{tenant="shop"} 2`+"\n") {
		t.Error("want the list of known, once, and that of new to be followed")
	}
}
