package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// BenchmarkSweepUsers judges 20,000 shoppers of ten events each over as many products;
// every hundredth follows five others. For a million set crowdOf.
func BenchmarkSweepUsers(b *testing.B) {
	const crowdOf, events = 20_000, 10
	dir, err := objects.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, err := lake.Open(b.Context(), lake.Config{Store: dir, CommitDelay: time.Millisecond, IdleDelay: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close(context.Background()) })
	tables, err := behaviour.Open(b.Context(), l)
	if err != nil {
		b.Fatal(err)
	}
	v := View{Objects: dir, Lake: l, Behaviour: tables, Consent: true, Generation: gen, Recipes: recipes()}
	fillCrowd(b, v, crowdOf, events)
	if _, err := l.CompactFully(b.Context()); err != nil {
		b.Fatal(err)
	}
	rows := float64(crowdOf * events)
	var peak atomic.Uint64
	runtime.GC()
	watching, stop := context.WithCancel(b.Context())
	defer stop()
	go watchHeap(watching, &peak)
	for b.Loop() {
		current := 0
		err := eachShopper(b.Context(), v, func(s shopper) error {
			if s.standing == upToDate {
				current++
			}
			return nil
		})
		if err != nil || current != crowdOf {
			b.Fatalf("%d of %d are current, %v", current, crowdOf, err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
}

// fillCrowd stores shoppers with vectors of just their rows.
func fillCrowd(b *testing.B, v View, n, events int) {
	b.Helper()
	sources := func(i int) string { return fmt.Sprintf("%032x", i+1) }
	known := func(id tasks.ProductID) uint64 {
		var i int
		_, _ = fmt.Sscanf(string(id), "p%d", &i)
		return parts.Short(sources(i))
	}
	did := func(i int) (rows []behaviour.Event) {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		user := fmt.Sprintf("u%07d", i)
		add := func(e behaviour.Event) {
			e.ID, e.User, e.Time = fmt.Sprintf("e%d", len(rows)), user, int64(len(rows))*3_600_000
			e.Row, e.Digest = lake.Row{Key: user + "/" + e.ID, Version: 1}, fmt.Sprintf("%032x", i)
			rows = append(rows, e)
		}
		for range events {
			add(behaviour.Event{Type: []string{behaviour.View, behaviour.Click, behaviour.Purchase}[r.IntN(3)], Product: fmt.Sprintf("p%d", r.IntN(n))})
		}
		for range 5 * (1 - min(i%100, 1)) {
			add(behaviour.Event{Type: behaviour.Follow, TargetUser: fmt.Sprintf("u%07d", r.IntN(n))})
		}
		return rows
	}
	passed := func(id tasks.UserID) uint64 {
		var i int
		_, _ = fmt.Sscanf(string(id), "u%d", &i)
		h := parts.Of(parts.Rows{Events: did(i)}, true)
		return parts.Passed(h.Tips(), known)
	}
	var products []lake.Product
	var rows []behaviour.Event
	var made []lake.UserVector
	for i := range n {
		id := fmt.Sprintf("p%d", i)
		products = append(products, lake.Product{Row: lake.Row{Key: lake.ProductKey(string(gen), id), Version: 1}, ID: id, Sources: sources(i)})
		mine := did(i)
		h := parts.Of(parts.Rows{Events: mine}, true)
		rows = append(rows, mine...)
		made = append(made, lake.UserVector{Row: lake.Row{Key: lake.UserKey(string(gen), mine[0].User), Version: 1}, User: mine[0].User,
			Sources: parts.Sources(h.Own(known), h.Followed, passed)})
		if len(made) == 5000 || i == n-1 {
			for _, err := range []error{v.Lake.Products.Append(b.Context(), products...), v.Lake.UserVectors.Append(b.Context(), made...), v.Behaviour.Events.Append(b.Context(), rows...)} {
				if err != nil {
					b.Fatal(err)
				}
			}
			products, rows, made = nil, nil, nil
		}
	}
}
