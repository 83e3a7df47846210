package objecttest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"weft/storage/objects"
)

func testRefusedKeys(t *testing.T, s objects.Store) {
	ctx := t.Context()
	for _, key := range []string{
		"", " ", "\u00a0", "a/ /b", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", ".hidden", "a/.hidden/b",
		"a\x00b", "a\nb", "a\x7fb", `a\b`, `..\a`, "a\xffb", "\xed\xa0\x80",
		strings.Repeat("s", 256), strings.Repeat("s/", 512) + "s",
	} {
		_, err := s.Put(ctx, key, []byte("x"), objects.Condition{})
		wantError(t, fmt.Sprintf("Put %.40q", key), err, objects.ErrKey)
		_, _, err = s.Get(ctx, key, objects.GetOptions{})
		wantError(t, fmt.Sprintf("Get %.40q", key), err, objects.ErrKey)
		_, err = s.ReadRange(ctx, key, 0, 1, "")
		wantError(t, fmt.Sprintf("ReadRange %.40q", key), err, objects.ErrKey)
		_, err = s.Stat(ctx, key)
		wantError(t, fmt.Sprintf("Stat %.40q", key), err, objects.ErrKey)
		wantError(t, fmt.Sprintf("Delete %.40q", key), s.Delete(ctx, key), objects.ErrKey)
	}
	if got := keys(t, s, "", ""); len(got) != 0 {
		t.Errorf("refused puts left %q", got)
	}
}

func testOddKeys(t *testing.T, s objects.Store) {
	odd := []string{
		"a b/c d.jpg", " leading", "trailing ", "plus+plus", "per%20cent", "per%2Fcent", "amp&q=1?x#y;z", "quote\"'`", "<xml>&amp;",
		"colon:semi;comma,", "star*tilde~caret^pipe|", "dots...a..b.", "[brackets]{braces}", "ünïcödé/写真/😀.webp", "e\u0301 apart", "é together",
		"-dash", "~", "a=b", "$x", "@y", "!", "null", "con", "\u200b",
		strings.Repeat("s", 255), strings.Repeat(strings.Repeat("k", 190)+"/", 5) + "last",
	}
	for _, key := range odd {
		put(t, s, key, key)
	}
	for _, key := range odd {
		got, info, err := s.Get(t.Context(), key, objects.GetOptions{})
		if err != nil || string(got) != key || info.Key != key {
			t.Errorf("Get(%.40q) = %.40q, %+v, %v", key, got, info, err)
		}
	}
	want := slices.Sorted(slices.Values(odd))
	if got := keys(t, s, "", ""); !slices.Equal(got, want) {
		t.Errorf("List = %.40q\nwant   %.40q", got, want)
	}
	for i, key := range want {
		if got := keys(t, s, "", key); !slices.Equal(got, want[i+1:]) {
			t.Errorf("List after %.40q = %.40q", key, got)
		}
		if got := keys(t, s, key, ""); len(got) == 0 || got[0] != key {
			t.Errorf("List of prefix %.40q = %.40q", key, got)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%.40q): %v", key, err)
		}
	}
	if got := keys(t, s, "", ""); len(got) != 0 {
		t.Errorf("after deletions: %.40q", got)
	}
}

func testListOrder(t *testing.T, s objects.Store) {
	want := []string{
		"a!/x", "a-b", "a-b/c", "a.b", "a/!", "a/b!/1", "a/b/c", "a/b/d/e", "a/b0", "a/c", "a0", "a0b/c", "b", "z/1", "z/10", "z/2", "é/1",
	}
	// A directory cannot hold an object beside a folder of its name.
	want = slices.DeleteFunc(want, func(key string) bool { return key == "a-b" })
	for _, i := range []int{5, 1, 12, 0, 3, 15, 8, 2, 9, 4, 14, 6, 13, 7, 11, 10} {
		put(t, s, want[i], want[i])
	}
	if !slices.IsSorted(want) {
		t.Fatal("the test's own list is not sorted")
	}
	prefixes := []string{"", "a", "a/", "a/b", "a/b/", "a/b/d", "a/b/d/e", "a0", "b", "b/", "c", "z/", "z/1", "é", "\xc3", "zz", "/", "//", "..", "../"}
	afters := append([]string{"", "a", "a/", "a/b", "a/b/", "a/b/c\x01", "a/b/d/", "a/b/d/f", "a/c/", "a1", "zz", "é/1x", "\xff"}, want...)
	for _, prefix := range prefixes {
		for _, after := range afters {
			expect := []string{}
			for _, key := range want {
				if strings.HasPrefix(key, prefix) && key > after {
					expect = append(expect, key)
				}
			}
			if got := keys(t, s, prefix, after); !slices.Equal(got, expect) {
				t.Errorf("List(%q, %q) = %q, want %q", prefix, after, got, expect)
			}
		}
	}
}

func testListPages(t *testing.T, s objects.Store) {
	const n = 2100 // more than two pages of S3
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprintf("media/p%02d/%04d.jpg", i/300, i)
	}
	var group sync.WaitGroup
	for part := range slices.Chunk(want, n/20) {
		group.Go(func() {
			for _, key := range part {
				if _, err := s.Put(t.Context(), key, []byte(key), objects.Condition{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := keys(t, s, "media/", ""); !slices.Equal(got, want) {
		t.Errorf("List found %d objects, want %d", len(got), n)
	}
	if got := keys(t, s, "media/p0", want[1234]); !slices.Equal(got, want[1235:]) {
		t.Errorf("List after %s found %d objects, want %d", want[1234], len(got), n-1235)
	}
	seen := 0
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil || info.Key != want[seen] {
			t.Fatalf("object %d is %q, %v", seen, info.Key, err)
		}
		if seen++; seen == 1500 {
			break
		}
	}
}
