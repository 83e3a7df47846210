package lake_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

// overwrite replaces an object's bytes.
func overwrite(t testing.TB, store objects.Store, key string, change func([]byte) []byte) {
	t.Helper()
	body, _, err := store.Get(context.Background(), key, objects.GetOptions{})
	must(t, err)
	_, err = store.Put(context.Background(), key, change(body), objects.Condition{})
	must(t, err)
}

// usable checks that the lake answers, and that what it answers is right: a row of
// products is as product makes it or absent.
func usable(t *testing.T, l *lake.Lake, n int) (rows int) {
	t.Helper()
	for row, err := range l.Products.Scan(t.Context()) {
		must(t, err)
		var i int
		if _, err := fmt.Sscanf(row.ID, "p%07d", &i); err != nil {
			t.Fatalf("row with id %q", row.ID)
		}
		if !slices.Equal(row.Vector, product(i, 8).Vector) || row.Sources != product(i, 8).Sources {
			t.Fatalf("row %d is damaged", i)
		}
		rows++
	}
	for i := range n {
		row, found, err := l.Products.Get(t.Context(), product(i, 8).Key)
		if err != nil || found && !slices.Equal(row.Vector, product(i, 8).Vector) {
			t.Fatalf("get %d: %t, %v", i, found, err)
		}
	}
	return rows
}

func TestDamagedSegmentsAreLeftOut(t *testing.T) {
	damages := map[string]func([]byte) []byte{
		"empty":       func(b []byte) []byte { return nil },
		"one byte":    func(b []byte) []byte { return b[:1] },
		"cut in half": func(b []byte) []byte { return b[:len(b)/2] },
		"text":        func(b []byte) []byte { return []byte("<html>not found</html>") },
		"no footer":   func(b []byte) []byte { return append(b[:len(b)-8:len(b)-8], "garbage!"...) },
		"zeros":       func(b []byte) []byte { return make([]byte, len(b)) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			store := new(objecttest.Memory)
			writer := open(t, store)
			must(t, writer.Products.Append(t.Context(), product(0, 8), product(1, 8)))
			must(t, writer.Products.Append(t.Context(), product(2, 8)))
			bad := keys(store, "products")[1]
			overwrite(t, store, bad, damage)
			var log bytes.Buffer
			l := open(t, store, func(c *lake.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			if rows := usable(t, l, 3); rows != 1 {
				t.Errorf("%d rows, want the one of the other segment", rows)
			}
			if c := l.Corrupt(); len(c) != 1 || c[0].Key != bad || c[0].Table != "products" || c[0].Err == nil {
				t.Errorf("corrupt: %+v, want %s", c, bad)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), bad) {
				t.Errorf("%d errors logged, want one that names the file:\n%s", n, log.String())
			}
			compactFully(t, l)
			if !slices.Contains(keys(store, "products"), bad) {
				t.Error("compaction deleted the damaged file")
			}
			must(t, l.Products.Append(t.Context(), product(1, 8)))
			if rows := usable(t, l, 3); rows != 2 {
				t.Errorf("%d rows, want 2", rows)
			}
		})
	}
}

// Whatever bit of a segment is flipped, reading neither panics nor gives a wrong vector.
func TestFlippedBits(t *testing.T) {
	store := new(objecttest.Memory)
	l := open(t, store)
	var rows []lake.Product
	for i := range 6 {
		rows = append(rows, product(i, 8))
	}
	must(t, l.Products.Append(t.Context(), rows...))
	key := keys(store, "products")[1]
	body, _, err := store.Get(t.Context(), key, objects.GetOptions{})
	must(t, err)
	for i := 0; i < len(body); i += 7 {
		flipped := bytes.Clone(body)
		flipped[i] ^= 1 << (i % 8)
		overwrite(t, store, key, func([]byte) []byte { return flipped })
		l := open(t, store)
		n := 0
		for row, err := range l.Products.Scan(t.Context()) {
			must(t, err)
			if len(row.Vector) != 8 && len(row.Vector) != 0 {
				t.Fatalf("bit %d of byte %d: a vector of %d", i%8, i, len(row.Vector))
			}
			n++
		}
		if n != 6 && n != 0 && len(l.Corrupt()) == 0 {
			t.Errorf("bit %d of byte %d: %d rows and nothing reported", i%8, i, n)
		}
	}
}

// The same for a segment that is read by ranges.
func TestFlippedBitsOfALargeSegment(t *testing.T) {
	store := new(objecttest.Memory)
	l := open(t, store, func(c *lake.Config) { c.GroupBytes = 200 << 10 })
	want := map[string][]float32{}
	var rows []lake.Feature
	for i := range 300 {
		f := feature(i, 1280)
		rows = append(rows, f)
		want[f.Key] = f.Vector
	}
	must(t, l.Features.Append(t.Context(), rows...))
	key := keys(store, "features")[1]
	body, _, err := store.Get(t.Context(), key, objects.GetOptions{})
	must(t, err)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 40 {
		at := r.IntN(len(body))
		if i%2 == 0 {
			at = len(body) - 1 - r.IntN(20_000) // filters, indexes, footer
		}
		flipped := bytes.Clone(body)
		flipped[at] ^= 1 << (i % 8)
		overwrite(t, store, key, func([]byte) []byte { return flipped })
		l := open(t, store)
		for row, err := range l.Features.Scan(t.Context()) {
			must(t, err)
			if row.Vector != nil && !slices.Equal(row.Vector, want[row.Key]) {
				t.Fatalf("byte %d: a wrong vector", at)
			}
		}
		l = open(t, store)
		for _, f := range rows[i : i+20] {
			row, found, err := l.Features.Get(t.Context(), f.Key)
			must(t, err)
			if found && row.Vector != nil && !slices.Equal(row.Vector, f.Vector) {
				t.Fatalf("byte %d: a wrong vector", at)
			}
		}
	}
}

func TestForeignFilesAreReported(t *testing.T) {
	store := new(objecttest.Memory)
	writer := open(t, store)
	must(t, writer.Products.Append(t.Context(), product(0, 8)))
	must(t, writer.Dead.Append(t.Context(), dead("k")))
	put := func(key string, body []byte) {
		_, err := store.Put(t.Context(), key, body, objects.Condition{})
		must(t, err)
	}
	put("lake/v1/products/README.txt", []byte("hello"))
	// A segment of another table, under a proper name.
	body, _, err := store.Get(t.Context(), keys(store, "dead")[1], objects.GetOptions{})
	must(t, err)
	put("lake/v1/products/1999999999999-other-00000000-00000001-l00-0000.parquet", body)
	l := open(t, store)
	if rows := usable(t, l, 1); rows != 1 || len(l.Corrupt()) != 2 {
		t.Errorf("%d rows, corrupt %+v; want 1 row, 2 files", rows, l.Corrupt())
	}
}

// Bytes damaged on the way, not in the store, are read again.
func TestOneBadReadIsNoDamage(t *testing.T) {
	inner := new(objecttest.Memory)
	writer := open(t, inner)
	must(t, writer.Products.Append(t.Context(), product(0, 8)))
	bad := 1
	l := open(t, flaky{inner, &bad})
	if rows := usable(t, l, 1); rows != 1 || len(l.Corrupt()) != 0 || bad != 0 {
		t.Errorf("%d rows, corrupt %+v", rows, l.Corrupt())
	}
}

// flaky damages the next *bad ranges it reads.
type flaky struct {
	objects.Store
	bad *int
}

func (f flaky) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	body, err := f.Store.ReadRange(ctx, key, off, n, ifMatch)
	if err == nil && *f.bad > 0 && isSegmentOf("products", key) {
		*f.bad--
		clear(body[len(body)-4:])
	}
	return body, err
}
