package lake_test

import (
	"fmt"
	"testing"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

// LookUp agrees with Latest for every key, over several segments, superseded rows,
// tombstones and keys that were never there.
func TestLookUpIsLatestOfMany(t *testing.T) {
	var store objects.Store = &objecttest.Memory{}
	l := open(t, store)
	ctx := t.Context()
	var keys []string
	for i := range 60 {
		keys = append(keys, fmt.Sprintf("k%03d", i))
	}
	for round := range 4 {
		var rows []lake.Object
		for i := range 50 {
			if i%4 == round || i%7 == 0 {
				rows = append(rows, lake.Object{Row: lake.Row{Key: keys[i], Version: int64(10 + round*(i%3)), Deleted: i%5 == 0 && round == 3},
					ETag: fmt.Sprintf("e%d", round), Product: fmt.Sprintf("p%d", i)})
			}
		}
		must(t, l.Objects.Append(ctx, rows...))
		if round == 1 {
			_, err := l.CompactFully(ctx)
			must(t, err)
		}
	}
	got, err := l.Objects.LookUp(ctx, keys, "etag")
	must(t, err)
	deleted := 0
	for _, key := range keys {
		want, known, err := l.Objects.Latest(ctx, key)
		must(t, err)
		row, found := got[key]
		if found != known || row.Row != want.Row || row.ETag != want.ETag || row.Product != "" {
			t.Errorf("%s: looked up %v %+v, latest %v %+v", key, found, row, known, want)
		}
		if known && want.Deleted {
			deleted++
		}
	}
	few, err := l.Objects.LookUp(ctx, keys[48:53], "etag")
	must(t, err)
	if len(few) != 2 || few[keys[49]].ETag != got[keys[49]].ETag || few[keys[49]].Row != got[keys[49]].Row {
		t.Errorf("of a few: %+v", few)
	}
	if len(got) != 50 || deleted == 0 {
		t.Errorf("%d rows, %d deleted", len(got), deleted)
	}
	if _, err := l.Objects.LookUp(ctx, keys, "no_such"); err == nil {
		t.Error("an unknown column was accepted")
	}
}
