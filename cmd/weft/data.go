package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

type dataCmd struct {
	Report dataReportCmd `cmd:"" help:"Draw what shoppers' rows hold, before and after each step of cleaning."`
	Split  dataSplitCmd  `cmd:"" help:"Cut shoppers' events into train, val and test, as Parquet."`
}

// Help is shown by --help.
func (dataCmd) Help() string {
	return `Rows stay in the bucket as they came. Both commands clean what they read, by the same rules as the worker does.

Examples:
  weft data report --data shop --out report.html
  weft data split --data shop --out tables`
}

// stock is a tenant's catalogue and shoppers' rows, opened for reading. It needs no
// vectors to be there.
type stock struct {
	tenant tasks.Tenant
	bucket objects.Store
	lake   *lake.Lake
	tables *behaviour.Tables // of the lake
}

func (p place) openStock(ctx context.Context, a *app) (*stock, error) {
	bucket, tenant, err := p.openTenant(ctx)
	if err != nil {
		return nil, err
	}
	l, err := lake.Open(ctx, lake.Config{Store: bucket, ReadOnly: true, Log: a.log})
	if err != nil {
		return nil, err
	}
	tables, err := behaviour.Open(ctx, l)
	if err != nil {
		return nil, err
	}
	return &stock{tenant, bucket, l, tables}, nil
}

func (s *stock) close(ctx context.Context) { _ = s.lake.Close(context.WithoutCancel(ctx)) }

// listed is a product with its listing; Unreadable says why there is none, if that
// is not simply that nobody has written one.
type listed struct {
	clean.Product
	Listing    tasks.Listing
	Unreadable error
}

// listingsAtOnce is how many listings are fetched ahead: each waits for the store.
const listingsAtOnce = 16

// products yields the catalogue in the order of the ids: whatever has a photo or a
// listing.
func (s *stock) products(ctx context.Context) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		pending := make(chan chan fetched, listingsAtOnce)
		go s.fetchListings(ctx, pending)
		// Whoever stops early waits until the last fetch has ended.
		defer func() {
			cancel()
			for p := range pending {
				<-p
			}
		}()
		for p := range pending {
			f := <-p
			if !yield(f.listed, f.err) || f.err != nil {
				return
			}
		}
	}
}

type fetched struct {
	listed
	err error
}

// fetchListings sends a promise for each product, and closes pending.
func (s *stock) fetchListings(ctx context.Context, pending chan<- chan fetched) {
	defer close(pending)
	send := func(id tasks.ProductID, key string) bool {
		p := make(chan fetched, 1)
		select {
		case pending <- p:
		case <-ctx.Done():
			return false
		}
		if key == "" {
			p <- fetched{listed: listed{Product: clean.Product{ID: string(id)}}}
			return true
		}
		go func() { p <- s.fetchListing(ctx, id, key) }()
		return true
	}
	var product tasks.ProductID
	listing := ""
	for info, err := range s.bucket.List(ctx, tasks.MediaPrefix, "") {
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

func (s *stock) fetchListing(ctx context.Context, id tasks.ProductID, key string) fetched {
	f := fetched{listed: listed{Product: clean.Product{ID: string(id)}}}
	body, _, err := s.bucket.Get(ctx, key, objects.GetOptions{MaxBytes: tasks.MaxListingBytes})
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

// forEach calls f for every row that is yielded without an error.
func forEach[R any](rows iter.Seq2[R, error], f func(*R) error) error {
	for row, err := range rows {
		if err == nil {
			err = f(&row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
