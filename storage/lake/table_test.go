package lake_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/storage/lake"
	"weft/storage/objects/objecttest"
)

// Three generations of one row type.
type gadgetV1 struct {
	lake.Row
	Name   string    `parquet:"name,snappy"`
	Legacy string    `parquet:"legacy,snappy"`
	Vector []float32 `parquet:"vector,list"`
}

type gadgetV2 struct {
	lake.Row
	Count  int64     `parquet:"count,snappy"`
	Name   string    `parquet:"name,snappy"`
	Score  float64   `parquet:"score,snappy"`
	Limit  *float64  `parquet:"limit,optional"`
	Tags   []string  `parquet:"tags,list"`
	Vector []float32 `parquet:"vector,list"`
	Second []float32 `parquet:"second,list"`
}

// gadgetV3 gives a name another type, which the format does not allow.
type gadgetV3 struct {
	lake.Row
	Name int64 `parquet:"name,snappy"`
}

func TestColumnsComeAndGo(t *testing.T) {
	ctx := t.Context()
	store := new(objecttest.Memory)
	old, err := lake.Attach(ctx, open(t, store), lake.Definition[gadgetV1]{Name: "gadgets", Head: func(r *gadgetV1) *lake.Row { return &r.Row }})
	must(t, err)
	must(t, old.Append(ctx, gadgetV1{Row: lake.Row{Key: "a", Version: 1}, Name: "first", Legacy: "x", Vector: []float32{1, 2}}))
	l := open(t, store)
	def := lake.Definition[gadgetV2]{Name: "gadgets", Head: func(r *gadgetV2) *lake.Row { return &r.Row }}
	current, err := lake.Attach(ctx, l, def)
	must(t, err)
	limit := 2.5
	b := gadgetV2{Row: lake.Row{Key: "b", Version: 1}, Count: 7, Name: "second", Score: .25, Limit: &limit, Tags: []string{"x", "y"}, Second: []float32{9}}
	must(t, current.Append(ctx, b))
	want := []gadgetV2{{Row: lake.Row{Key: "a", Version: 1}, Name: "first", Vector: []float32{1, 2}}, b}
	check := func() {
		t.Helper()
		got := scan(t, current, lake.Query{})
		for i := range got {
			row, found, err := current.Get(ctx, got[i].Key)
			if err != nil || !found || !cmp.Equal(row, got[i]) {
				t.Errorf("get: %+v, %t, %v; scan: %+v", row, found, err, got[i])
			}
			got[i].Written = 0
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	check()
	// The old program ignores the new columns.
	must(t, old.Refresh(ctx))
	if row, found, err := old.Get(ctx, "b"); err != nil || !found || row.Name != "second" || row.Legacy != "" {
		t.Errorf("old program reads %+v, %t, %v", row, found, err)
	}
	_, err = l.CompactFully(ctx)
	must(t, err)
	check()
	wrong := open(t, store)
	third, err := lake.Attach(ctx, wrong, lake.Definition[gadgetV3]{Name: "gadgets", Head: func(r *gadgetV3) *lake.Row { return &r.Row }})
	must(t, err)
	if rows := scan(t, third, lake.Query{}); len(rows) != 0 || len(wrong.Corrupt()) != 1 {
		t.Errorf("a column of another type: %d rows, corrupt %v", len(rows), wrong.Corrupt())
	}
}

func TestAttachRefuses(t *testing.T) {
	l := open(t, new(objecttest.Memory))
	head := func(r *lake.Dead) *lake.Row { return &r.Row }
	for name, def := range map[string]lake.Definition[lake.Dead]{
		"a name twice":      {Name: "dead", Head: head},
		"a reserved name":   {Name: "generations", Head: head},
		"a bad name":        {Name: "Dead/2", Head: head},
		"no head":           {Name: "other"},
		"no partition key":  {Name: "other", Head: head, Partitions: 4},
		"no partitions":     {Name: "other", Head: head, PartitionKey: func(*lake.Dead) string { return "" }},
		"too many of these": {Name: "other", Head: head, Partitions: 1000, PartitionKey: func(*lake.Dead) string { return "" }},
	} {
		if _, err := lake.Attach(t.Context(), l, def); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	type headless struct {
		Name string `parquet:"name"`
	}
	type untagged struct {
		lake.Row
		Name string
	}
	type odd struct {
		lake.Row
		N int32 `parquet:"n"`
	}
	type flat struct {
		lake.Row
		V []float32 `parquet:"v"`
	}
	attach := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	_, err := lake.Attach(t.Context(), l, lake.Definition[headless]{Name: "t1", Head: func(*headless) *lake.Row { return nil }})
	attach("a row type without Row", err)
	_, err = lake.Attach(t.Context(), l, lake.Definition[untagged]{Name: "t2", Head: func(r *untagged) *lake.Row { return &r.Row }})
	attach("a field without tag", err)
	_, err = lake.Attach(t.Context(), l, lake.Definition[odd]{Name: "t3", Head: func(r *odd) *lake.Row { return &r.Row }})
	attach("an unknown type", err)
	_, err = lake.Attach(t.Context(), l, lake.Definition[flat]{Name: "t4", Head: func(r *flat) *lake.Row { return &r.Row }})
	attach("a slice that is no list", err)
}

type visit struct {
	lake.Row
	User string `parquet:"user,snappy"`
	What string `parquet:"what,dict,snappy"`
}

func TestPartitions(t *testing.T) {
	ctx := t.Context()
	store := new(objecttest.Memory)
	def := lake.Definition[visit]{
		Name: "visits", Head: func(r *visit) *lake.Row { return &r.Row },
		Partitions: 8, PartitionKey: func(r *visit) string { return r.User },
	}
	l := open(t, store)
	visits, err := lake.Attach(ctx, l, def)
	must(t, err)
	var rows []visit
	for i := range 100 {
		rows = append(rows, visit{Row: lake.Row{Key: fmt.Sprintf("e%03d", i), Version: 1}, User: fmt.Sprintf("u%d", i%20), What: "click"})
	}
	must(t, visits.Append(ctx, rows...))
	folders := map[string]bool{}
	for _, key := range keys(store, "visits") {
		folder := strings.Split(key, "/")[3]
		if !strings.HasPrefix(folder, "p=0") || len(folder) != 4 {
			t.Errorf("segment %s", key)
		}
		folders[folder] = true
	}
	if len(folders) != 8 {
		t.Errorf("rows of 20 users are in %d of 8 partitions", len(folders))
	}
	_, err = l.CompactFully(ctx)
	must(t, err)
	again, err := lake.Attach(ctx, open(t, store), def)
	must(t, err)
	var got []string
	for _, v := range scan(t, again, lake.Query{Prefix: "e0"}) {
		got = append(got, v.Key)
	}
	slices.Sort(got)
	if len(got) != 100 || got[0] != "e000" || got[99] != "e099" {
		t.Errorf("%d rows: %v", len(got), got)
	}
	if v, found, err := again.Get(ctx, "e042"); err != nil || !found || v.User != "u2" {
		t.Errorf("get: %+v, %t, %v", v, found, err)
	}
	gone := visit{Row: lake.Row{Key: "e042", Version: 2, Deleted: true}, User: "u2"}
	must(t, again.Append(ctx, gone))
	if _, found, err := again.Get(ctx, "e042"); err != nil || found {
		t.Errorf("deleted: %t, %v", found, err)
	}
}

func TestRefreshListsOnlyTheRecentPart(t *testing.T) {
	c := newClock()
	store := new(objecttest.Memory)
	writer := open(t, store, c.set)
	counting := &listCounter{Memory: store}
	reader := open(t, counting, c.set)
	for i := range 30 {
		c.now = c.now.Add(time.Minute)
		must(t, writer.Objects.Append(t.Context(), object(c, fmt.Sprintf("k%02d", i), false)))
		counting.listed.Store(0)
		must(t, reader.Objects.Refresh(t.Context()))
		if _, found, err := reader.Objects.Get(t.Context(), fmt.Sprintf("k%02d", i)); !found || err != nil {
			t.Fatalf("row %d: %t, %v", i, found, err)
		}
		if n := counting.listed.Load(); n > 5 && i%10 != 9 {
			t.Errorf("refresh %d listed %d segments", i, n)
		}
	}
}

func TestRefreshesAtOnceShareAListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hooked{Store: new(objecttest.Memory)}
		l := open(t, store)
		other := open(t, store.Store)
		store.reset()
		store.before = func(op, key string) error {
			if op == "list" {
				time.Sleep(time.Second)
			}
			return nil
		}
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 30 * time.Millisecond)
				must(t, other.Dead.Append(t.Context(), dead(fmt.Sprint(i))))
				must(t, l.Dead.Refresh(t.Context()))
				if _, found, err := l.Dead.Get(t.Context(), fmt.Sprint(i)); !found || err != nil {
					t.Errorf("row %d, durable before the refresh: %t, %v", i, found, err)
				}
			})
		}
		wg.Wait()
		if lists, _ := store.count("list"); lists > 3 {
			t.Errorf("%d listings of 1 s for 50 refreshes within 1.5 s", lists)
		}
		store.reset()
		must(t, l.Dead.RefreshIfOlder(t.Context(), time.Hour))
		if lists, _ := store.count("list"); lists != 0 {
			t.Error("a recent listing was repeated")
		}
		time.Sleep(time.Hour)
		must(t, l.Dead.RefreshIfOlder(t.Context(), time.Hour))
		if lists, _ := store.count("list"); lists != 1 {
			t.Errorf("%d listings, want 1", lists)
		}
	})
}

func TestLateAndSkewedSegmentsAreFound(t *testing.T) {
	c := newClock()
	store := new(objecttest.Memory)
	behind := &clock{c.now.Add(-90 * time.Second)}
	farBehind := &clock{c.now.Add(-time.Hour)}
	ahead := &clock{c.now.Add(time.Hour)}
	lakes := []*lake.Lake{open(t, store, behind.set), open(t, store, ahead.set), open(t, store, farBehind.set)}
	reader := open(t, store, c.set)
	sees := func(key string) bool {
		t.Helper()
		must(t, reader.Refresh(t.Context()))
		_, found, err := reader.Objects.Get(t.Context(), key)
		must(t, err)
		return found
	}
	for i, l := range lakes {
		must(t, l.Objects.Append(t.Context(), object(c, fmt.Sprint(i), false)))
	}
	if !sees("0") || !sees("1") {
		t.Error("segments of clocks 90 s behind and an hour ahead are not seen at once")
	}
	if sees("2") {
		t.Error("a segment beyond the slack was listed: the test does not tell")
	}
	c.now = c.now.Add(11 * time.Minute)
	if !sees("2") {
		t.Error("the full listing did not find a segment of a clock far behind")
	}
}
