package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"weft/behaviour"
	"weft/storage/lake"
)

var benchWords = [][]string{{"red", "blue", "green", "striped", "plain", "warm", "light", "long"}, {"linen", "wool", "cotton", "silk", "leather"},
	{"dress", "shirt", "coat", "scarf", "bag", "hat", "shoe"}, {"for summer", "for winter", "for the office", "for the evening"}}

// stock writes listings.
func (c *benchEventsCmd) stock(bucket string) error {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range c.Products {
		title := ""
		for _, words := range benchWords {
			title += words[r.IntN(len(words))] + " "
		}
		path := filepath.Join(bucket, "default", "media", fmt.Sprintf("p%d", i), "product.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, `{"title":%q,"description":"Model %d"}`, title, i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// remember stores the events of before, as an import would.
func (c *benchEventsCmd) remember(ctx context.Context, t *tenant) error {
	r := rand.New(rand.NewPCG(2, 2))
	now := time.Now()
	const page = 10_000
	for from := 0; from < c.History; from += page {
		var rows []behaviour.Event
		for i := from; i < min(c.History, from+page); i++ {
			e := c.event(r, i%c.Users, fmt.Sprintf("h%d", i), now.Add(-time.Duration(r.IntN(90*24*3600))*time.Second))
			rows = append(rows, behaviour.Event{Row: lake.Row{Key: e.User + "/" + e.ID, Version: now.UnixMilli() - 120_000}, ID: e.ID, User: e.User, Product: e.Product,
				Type: e.Type, Time: e.at.UnixMilli(), Digest: e.ID, Source: "bench"})
		}
		if err := t.tables.Events.Append(ctx, rows...); err != nil {
			return err
		}
	}
	return nil
}

func (c *benchEventsCmd) event(r *rand.Rand, user int, id string, at time.Time) benchEvent {
	types := [...]string{behaviour.View, behaviour.View, behaviour.View, behaviour.Click, behaviour.Click, behaviour.Cart, behaviour.Wishlist, behaviour.Purchase}
	return benchEvent{ID: id, User: fmt.Sprintf("u%d", user), Product: fmt.Sprintf("p%d", r.IntN(c.Products)), Type: types[r.IntN(len(types))],
		Time: at.UTC().Format(time.RFC3339Nano), at: at}
}
