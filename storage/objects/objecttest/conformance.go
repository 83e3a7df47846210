package objecttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"weft/storage/objects"
)

// Run tests a Store against its contract. open returns an empty store; what it
// needs to clean up it registers with t.
func Run(t *testing.T, open func(t *testing.T) objects.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, objects.Store)
	}{
		{"RoundTrip", testRoundTrip},
		{"Ownership", testOwnership},
		{"ETag", testETag},
		{"Conditions", testConditions},
		{"Absent", testAbsent},
		{"ReadLimits", testReadLimits},
		{"Ranges", testRanges},
		{"RefusedKeys", testRefusedKeys},
		{"OddKeys", testOddKeys},
		{"ListOrder", testListOrder},
		{"ListPages", testListPages},
		{"FoldersVanish", testFoldersVanish},
		{"Cancelled", testCancelled},
		{"RaceToCreate", testRaceToCreate},
		{"RaceToCount", testRaceToCount},
		{"RaceWithReaders", testRaceWithReaders},
		{"RaceWithDeletions", testRaceWithDeletions},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func put(t *testing.T, s objects.Store, key, body string) objects.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, []byte(body), objects.Condition{})
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	return info
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// keys lists and checks that the listing is strictly ascending.
func keys(t *testing.T, s objects.Store, prefix, after string) []string {
	t.Helper()
	found := []string{}
	for info, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("List(%q, %q): %v", prefix, after, err)
		}
		if len(found) > 0 && info.Key <= found[len(found)-1] {
			t.Fatalf("List(%q, %q): %q after %q", prefix, after, info.Key, found[len(found)-1])
		}
		found = append(found, info.Key)
	}
	return found
}

func testRoundTrip(t *testing.T, s objects.Store) {
	for _, size := range []int{0, 1, 4095, 4096, 1<<20 + 3} {
		key := fmt.Sprintf("media/p/%d.bin", size)
		body := bytes.Repeat([]byte{byte(size), 0, 255, '\r', '\n'}, size/5+1)[:size]
		written, err := s.Put(t.Context(), key, body, objects.Condition{})
		if err != nil {
			t.Fatal(err)
		}
		got, read, err := s.Get(t.Context(), key, objects.GetOptions{IfMatch: written.ETag})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, body) {
			t.Errorf("%s: body differs: %d bytes, want %d", key, len(got), len(body))
		}
		stat, err := s.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		var listed objects.Info
		for info, err := range s.List(t.Context(), key, "") {
			if err != nil {
				t.Fatal(err)
			}
			listed = info
		}
		for what, info := range map[string]objects.Info{"Put": written, "Get": read, "Stat": stat, "List": listed} {
			if info.Key != key || info.Size != int64(size) || info.ETag == "" || info.ETag != written.ETag {
				t.Errorf("%s: %s says %+v, Put said %+v", key, what, info, written)
			}
			if what != "Put" && info.Modified.IsZero() {
				t.Errorf("%s: %s says nothing of the modification time", key, what)
			}
		}
	}
}

func testOwnership(t *testing.T, s objects.Store) {
	body := []byte("mine")
	if _, err := s.Put(t.Context(), "k", body, objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	body[0] = 'X'
	for range 2 {
		got, _, err := s.Get(t.Context(), "k", objects.GetOptions{})
		if err != nil || string(got) != "mine" {
			t.Fatalf("Get = %q, %v", got, err)
		}
		got[0] = 'Y'
	}
}

func testETag(t *testing.T, s objects.Store) {
	seen := map[string]int{}
	for i := range 60 { // equal sizes, as fast as it goes
		info := put(t, s, "same/key", fmt.Sprintf("version %03d", i))
		if before, ok := seen[info.ETag]; ok {
			t.Fatalf("versions %d and %d share the ETag %s", before, i, info.ETag)
		}
		seen[info.ETag] = i
	}
}

func testConditions(t *testing.T, s objects.Store) {
	ctx := t.Context()
	_, err := s.Put(ctx, "c", []byte("0"), objects.Condition{IfMatch: "abc"})
	wantError(t, "IfMatch on an absent object", err, objects.ErrPrecondition)
	_, err = s.Put(ctx, "c", []byte("0"), objects.Condition{IfAbsent: true, IfMatch: "abc"})
	if err == nil || errors.Is(err, objects.ErrPrecondition) {
		t.Errorf("both conditions: error %v, want a refusal", err)
	}
	if _, err := s.Stat(ctx, "c"); !errors.Is(err, objects.ErrNotExist) {
		t.Fatalf("a refused put left something: %v", err)
	}
	first, err := s.Put(ctx, "c", []byte("1"), objects.Condition{IfAbsent: true})
	if err != nil {
		t.Fatalf("IfAbsent on an absent object: %v", err)
	}
	_, err = s.Put(ctx, "c", []byte("x"), objects.Condition{IfAbsent: true})
	wantError(t, "IfAbsent on an object", err, objects.ErrPrecondition)
	second, err := s.Put(ctx, "c", []byte("2"), objects.Condition{IfMatch: first.ETag})
	if err != nil {
		t.Fatalf("IfMatch on the right version: %v", err)
	}
	_, err = s.Put(ctx, "c", []byte("x"), objects.Condition{IfMatch: first.ETag})
	wantError(t, "IfMatch on a version that is gone", err, objects.ErrPrecondition)
	got, info, err := s.Get(ctx, "c", objects.GetOptions{})
	if err != nil || string(got) != "2" || info.ETag != second.ETag {
		t.Errorf("Get = %q %+v, %v; want the second version", got, info, err)
	}
}

func testAbsent(t *testing.T, s objects.Store) {
	ctx := t.Context()
	put(t, s, "folder/object", "x")
	for _, key := range []string{"nothing", "folder", "folder/other", "folder/object/below", "no/such/folder"} {
		_, _, err := s.Get(ctx, key, objects.GetOptions{})
		wantError(t, "Get "+key, err, objects.ErrNotExist)
		_, _, err = s.Get(ctx, key, objects.GetOptions{IfMatch: "abc"})
		wantError(t, "Get IfMatch "+key, err, objects.ErrNotExist)
		_, err = s.Stat(ctx, key)
		wantError(t, "Stat "+key, err, objects.ErrNotExist)
		_, err = s.ReadRange(ctx, key, 0, 1, "")
		wantError(t, "ReadRange "+key, err, objects.ErrNotExist)
		if err := s.Delete(ctx, key); err != nil {
			t.Errorf("Delete of the absent %s: %v", key, err)
		}
	}
	if got := keys(t, s, "", ""); !slices.Equal(got, []string{"folder/object"}) {
		t.Errorf("List = %q", got)
	}
	if got := keys(t, s, "none", ""); len(got) != 0 {
		t.Errorf("List of an absent prefix = %q", got)
	}
}

func testReadLimits(t *testing.T, s objects.Store) {
	ctx := t.Context()
	first := put(t, s, "k", "first")
	if _, _, err := s.Get(ctx, "k", objects.GetOptions{MaxBytes: 5}); err != nil {
		t.Errorf("Get at the limit: %v", err)
	}
	_, _, err := s.Get(ctx, "k", objects.GetOptions{MaxBytes: 4})
	wantError(t, "Get over the limit", err, objects.ErrTooLarge)
	second := put(t, s, "k", "second")
	_, _, err = s.Get(ctx, "k", objects.GetOptions{IfMatch: first.ETag})
	wantError(t, "Get of a version that is gone", err, objects.ErrPrecondition)
	_, err = s.ReadRange(ctx, "k", 0, 1, first.ETag)
	wantError(t, "ReadRange of a version that is gone", err, objects.ErrPrecondition)
	if got, err := s.ReadRange(ctx, "k", 0, 3, second.ETag); err != nil || string(got) != "sec" {
		t.Errorf("ReadRange = %q, %v", got, err)
	}
}

func testRanges(t *testing.T, s objects.Store) {
	ctx := t.Context()
	const body = "0123456789"
	put(t, s, "k", body)
	put(t, s, "empty", "")
	for off := range int64(10) {
		for n := int64(1); off+n <= 10; n++ {
			got, err := s.ReadRange(ctx, "k", off, n, "")
			if err != nil || string(got) != body[off:off+n] {
				t.Fatalf("ReadRange(%d, %d) = %q, %v", off, n, got, err)
			}
		}
	}
	for _, r := range [][2]int64{{-1, 1}, {0, 0}, {0, -1}, {0, 11}, {9, 2}, {10, 1}, {1 << 40, 1}, {1, 1<<63 - 1}} {
		_, err := s.ReadRange(ctx, "k", r[0], r[1], "")
		wantError(t, fmt.Sprint("range ", r), err, objects.ErrRange)
	}
	_, err := s.ReadRange(ctx, "empty", 0, 1, "")
	wantError(t, "range of an empty object", err, objects.ErrRange)
}

func testCancelled(t *testing.T, s objects.Store) {
	put(t, s, "k", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, "k", []byte("y"), objects.Condition{})
	wantError(t, "Put", err, context.Canceled)
	_, _, err = s.Get(ctx, "k", objects.GetOptions{})
	wantError(t, "Get", err, context.Canceled)
	_, err = s.ReadRange(ctx, "k", 0, 1, "")
	wantError(t, "ReadRange", err, context.Canceled)
	_, err = s.Stat(ctx, "k")
	wantError(t, "Stat", err, context.Canceled)
	wantError(t, "Delete", s.Delete(ctx, "k"), context.Canceled)
	yields := 0
	for _, err := range s.List(ctx, "", "") {
		yields++
		wantError(t, "List", err, context.Canceled)
	}
	if yields != 1 {
		t.Errorf("List yielded %d times, want the error alone", yields)
	}
	if got, _, err := s.Get(t.Context(), "k", objects.GetOptions{}); err != nil || string(got) != "x" {
		t.Errorf("after cancelled calls Get = %q, %v", got, err)
	}
}

func testFoldersVanish(t *testing.T, s objects.Store) {
	put(t, s, "a/b/c/d", "x")
	put(t, s, "a/e", "x")
	if err := s.Delete(t.Context(), "a/b/c/d"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a/b", "now an object")
	if got, want := keys(t, s, "", ""), []string{"a/b", "a/e"}; !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
}
