package lake_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weft/storage/lake"
	"weft/storage/objects/objecttest"
)

func receiptKeys(rows []lake.Receipt) (keys []string) {
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	return keys
}

func receipt(key string, version int64) lake.Receipt {
	return lake.Receipt{Row: lake.Row{Key: key, Version: version}, Kind: "events", Rows: version}
}

// Whatever was written, in whatever segments, Within gives what Select gives.
func TestWithinIsSelect(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := open(t, &objecttest.Memory{})
	users := []string{"a", "a-b", "a.", "b", "c:d", "zz"}
	for version := int64(1); version < 60; version++ {
		var rows []lake.Receipt
		for range r.IntN(30) {
			row := receipt(fmt.Sprintf("%s/e%02d", users[r.IntN(len(users))], r.IntN(40)), version)
			row.Deleted = r.IntN(5) == 0
			rows = append(rows, row)
		}
		must(t, l.Receipts.Append(t.Context(), rows...))
		if version%20 == 0 {
			_, err := l.Compact(t.Context())
			must(t, err)
		}
	}
	for _, u := range append(users, "nobody", "") {
		var want []lake.Receipt
		for row, err := range l.Receipts.Select(t.Context(), lake.Query{Prefix: u + "/"}) {
			must(t, err)
			want = append(want, row)
		}
		got, more, err := l.Receipts.Within(t.Context(), u+"/", 1000)
		must(t, err)
		if more || !slices.Equal(got, want) {
			t.Errorf("%s: %v (more: %t), want %v", u, receiptKeys(got), more, receiptKeys(want))
		}
	}
}

// What tombstones have removed does not count against the limit.
func TestWithinLimit(t *testing.T) {
	l := open(t, &objecttest.Memory{})
	for i := range 30 {
		must(t, l.Receipts.Append(t.Context(), receipt(fmt.Sprintf("u/%02d", i), 1)))
	}
	for _, limit := range []int{1, 29, 30, 31} {
		rows, more, err := l.Receipts.Within(t.Context(), "u/", limit)
		if must(t, err); len(rows) != min(limit, 30) || more != (limit < 30) {
			t.Errorf("limit %d: %d rows, more: %t", limit, len(rows), more)
		}
	}
	for i := range 25 {
		must(t, l.Receipts.Delete(t.Context(), fmt.Sprintf("u/%02d", i), 2))
	}
	rows, more, err := l.Receipts.Within(t.Context(), "u/", 5)
	if must(t, err); more || !slices.Equal(receiptKeys(rows), []string{"u/25", "u/26", "u/27", "u/28", "u/29"}) {
		t.Errorf("%v, more: %t", receiptKeys(rows), more)
	}
}

// Compaction takes segments away under a reader, who starts over.
func TestWithinWhileCompacted(t *testing.T) {
	store := &objecttest.Memory{}
	reader, other := open(t, store), open(t, store)
	for i := range 40 {
		must(t, other.Receipts.Append(t.Context(), receipt(fmt.Sprintf("u/%02d", i), 1)))
	}
	must(t, reader.Refresh(t.Context()))
	_, err := other.CompactFully(t.Context())
	must(t, err)
	if rows, _, err := reader.Receipts.Within(t.Context(), "u/", 100); err != nil || len(rows) != 40 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// A shopper's rows among those of 2,000 others, in one large segment and in many small
// ones, as a busy shop has them between two compactions.
func BenchmarkWithin(b *testing.B) {
	const users = 2000
	for _, small := range []int{0, 100} {
		l, err := lake.Open(b.Context(), lake.Config{Store: openDir(b), CommitDelay: time.Millisecond, IdleDelay: -1})
		must(b, err)
		rows := make([]lake.Receipt, 100_000)
		for i := range rows {
			rows[i] = receipt(fmt.Sprintf("u%d/e%d", i%users, i), 1)
		}
		must(b, l.Receipts.Append(b.Context(), rows...))
		_, err = l.CompactFully(b.Context())
		must(b, err)
		for i := range small {
			some := make([]lake.Receipt, 20)
			for j := range some {
				some[j] = receipt(fmt.Sprintf("u%d/n%d", (i*20+j)%users, i*20+j), 1)
			}
			must(b, l.Receipts.Append(b.Context(), some...))
		}
		r := rand.New(rand.NewPCG(1, 1))
		read := func(b *testing.B, f func(prefix string) int) {
			for b.Loop() {
				if f(fmt.Sprintf("u%d/", r.IntN(users))) < 50 {
					b.Fatal("rows are missing")
				}
			}
		}
		b.Run(fmt.Sprintf("segments=%d/within", small+1), func(b *testing.B) {
			read(b, func(prefix string) int {
				rows, _, err := l.Receipts.Within(b.Context(), prefix, 1000)
				must(b, err)
				return len(rows)
			})
		})
		b.Run(fmt.Sprintf("segments=%d/select", small+1), func(b *testing.B) {
			read(b, func(prefix string) (n int) {
				for _, err := range l.Receipts.Select(b.Context(), lake.Query{Prefix: prefix}) {
					must(b, err)
					n++
				}
				return n
			})
		})
		must(b, l.Close(context.Background()))
	}
}
