// Package listings reads what a catalogue says of its products.
package listings

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"weft/behaviour/clean"
	"weft/storage/objects"
	"weft/tasks"
)

// Product is a product with its listing; Unreadable says why there is none, if that
// is not simply that nobody has written one.
type Product struct {
	clean.Product
	Listing    tasks.Listing
	Unreadable error
}

// atOnce is how many listings are fetched ahead: each waits for the store.
const atOnce = 16

// All yields the catalogue in the order of the ids: whatever has a photo or a
// listing.
func All(ctx context.Context, store objects.Store) iter.Seq2[Product, error] {
	return func(yield func(Product, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		pending := make(chan chan fetched, atOnce)
		go fetchAll(ctx, store, pending)
		// Whoever stops early waits until the last fetch has ended.
		defer func() {
			cancel()
			for p := range pending {
				<-p
			}
		}()
		for p := range pending {
			f := <-p
			if !yield(f.Product, f.err) || f.err != nil {
				return
			}
		}
	}
}

type fetched struct {
	Product
	err error
}

// fetchAll sends a promise for each product, and closes pending.
func fetchAll(ctx context.Context, store objects.Store, pending chan<- chan fetched) {
	defer close(pending)
	send := func(id tasks.ProductID, key string) bool {
		p := make(chan fetched, 1)
		select {
		case pending <- p:
		case <-ctx.Done():
			return false
		}
		if key == "" {
			p <- fetched{Product: Product{Product: clean.Product{ID: string(id)}}}
			return true
		}
		go func() { p <- fetch(ctx, store, id, key) }()
		return true
	}
	var product tasks.ProductID
	listing := ""
	for info, err := range store.List(ctx, tasks.MediaPrefix, "") {
		if err != nil {
			p := make(chan fetched, 1)
			p <- fetched{err: fmt.Errorf("list the catalogue: %w", err)}
			select {
			case pending <- p:
			case <-ctx.Done():
			}
			return
		}
		m := tasks.ParseMediaKey(info.Key)
		if m.Err != nil || m.Modality == "" {
			continue
		}
		if m.Product != product {
			if product != "" && !send(product, listing) {
				return
			}
			product, listing = m.Product, ""
		}
		if m.Modality == tasks.Text {
			listing = info.Key
		}
	}
	if product != "" {
		send(product, listing)
	}
}

func fetch(ctx context.Context, store objects.Store, id tasks.ProductID, key string) fetched {
	f := fetched{Product: Product{Product: clean.Product{ID: string(id)}}}
	body, _, err := store.Get(ctx, key, objects.GetOptions{MaxBytes: tasks.MaxListingBytes})
	switch {
	case errors.Is(err, objects.ErrNotExist): // deleted since the listing
		return f
	case errors.Is(err, objects.ErrTooLarge):
		f.Unreadable = err
		return f
	case err != nil:
		f.err = fmt.Errorf("read %s: %w", key, err)
		return f
	}
	l, err := tasks.ParseListing(body)
	if err != nil {
		f.Unreadable = fmt.Errorf("%s: %w", key, err)
		return f
	}
	f.Listing = l
	f.Title, f.Category, f.Brand, f.Currency, f.Price = l.Title, l.Category, l.Brand, l.Currency, l.Price
	if l.UpdatedAt != nil {
		f.UpdatedAt = *l.UpdatedAt
	}
	return f
}
