package main

import (
	"context"
	"iter"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// stock is a tenant's catalogue and shoppers' rows, opened for reading. It needs no
// vectors to be there.
type stock struct {
	tenant tasks.Tenant
	bucket objects.Store
	lake   *lake.Lake
	tables *behaviour.Tables // of the lake
}

func (p place) openStock(ctx context.Context, a *app) (*stock, error) {
	return p.openLake(ctx, lake.Config{ReadOnly: true, Log: a.log})
}

// openWritable is openStock for commands that write to the lake.
func (p place) openWritable(ctx context.Context, a *app) (*stock, error) {
	return p.openLake(ctx, lake.Config{Log: a.log})
}

func (p place) openLake(ctx context.Context, cfg lake.Config) (*stock, error) {
	bucket, tenant, err := p.openTenant(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Store = bucket
	l, err := lake.Open(ctx, cfg)
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
