package main

import (
	"regexp"
	"testing"
)

var traced = regexp.MustCompile(`msg=(\w+)\b.*? trace=([0-9a-f]{16})\b`)

// One correlation id leads through the logs from an object to its product's vector.
func TestOneTraceFromObjectToVector(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 3)
	s.stock(ids...)
	o := weft(t, append([]string{"--log-level", "debug"}, s.upArgs()...)...)
	if o.code != exitDone {
		t.Fatalf("exit %d\n%s", o.code, o.err)
	}
	traces := map[string]map[string]int{}
	for _, m := range traced.FindAllStringSubmatch(o.err, -1) {
		if traces[m[2]] == nil {
			traces[m[2]] = map[string]int{}
		}
		traces[m[2]][m[1]]++
	}
	whole := 0
	for _, steps := range traces { // a photo and a listing: two tasks, two settled, and the product with the last of them
		if steps["enqueued"] >= 2 && steps["settled"] == 2 && steps["done"] >= 3 {
			whole++
		}
	}
	if whole != len(ids) {
		t.Errorf("%d of %d products can be followed: %v\n%.4000s", whole, len(ids), traces, o.err)
	}
}
