package reports_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"weft/storage/objects"
	"weft/storage/reports"
)

func TestReports(t *testing.T) {
	dir, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, at, page := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []byte("<!DOCTYPE html>\n<p>figures")
	if found, err := reports.List(ctx, dir, 9); err != nil || len(found) != 0 {
		t.Errorf("of nothing: %v, %v", found, err)
	}
	first, err := reports.Put(ctx, dir, "data", "", page, at)
	if err != nil || first.Name != "20260102t030405z-data" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := reports.Put(ctx, dir, "evaluation", "../Gift Shop, 2nd!", page, at.Add(time.Hour))
	if err != nil || second.Name != "20260102t040405z-evaluation-gift-shop-2nd" {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := dir.Put(ctx, reports.Prefix+"stray.txt", page, objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	found, err := reports.List(ctx, dir, 9)
	if err != nil || len(found) != 2 || found[0].Name != second.Name || found[1].Kind != "data" || found[1].Bytes != int64(len(page)) {
		t.Errorf("listed %+v, %v", found, err)
	}
	if got, err := reports.Get(ctx, dir, second.Name); err != nil || !bytes.Equal(got, page) {
		t.Errorf("read %q, %v", got, err)
	}
	for _, name := range []string{"", "stray", "../generations/live", "20260102t030405z-data/../x"} {
		if _, err := reports.Get(ctx, dir, name); !errors.Is(err, reports.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := reports.Put(ctx, dir, "data", "", []byte("figures"), at); !errors.Is(err, reports.ErrNotHTML) {
		t.Errorf("of no page: %v", err)
	}
	if _, err := reports.Put(ctx, dir, "gossip", "", page, at); err == nil {
		t.Error("of a kind that is none")
	}
}
