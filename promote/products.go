package promote

import (
	"context"
	"errors"
	"fmt"

	"weft/fusion"
	"weft/gather"
	"weft/storage/lake"
	"weft/tasks"
)

func (r *Remaking) products(ctx context.Context, batch []counterpart, c *counts) error {
	defer c.tell()
	c.products.Add(int64(len(batch)))
	generation := string(r.Reader.Generation)
	keys := make([]string, len(batch))
	for i, p := range batch {
		keys[i] = lake.ProductKey(generation, p.id)
	}
	have, err := r.Reader.Lake.Products.LookUp(ctx, keys, "sources")
	if err != nil {
		return err
	}
	var todo []gather.Product
	var versions []int64
	for i, p := range batch {
		there, known := have[keys[i]]
		switch {
		case p.deleted && (!known || there.Deleted), known && !there.Deleted && there.Sources == p.sources:
			c.current.Add(1)
			continue
		case p.deleted:
			if err := r.Reader.Lake.Products.Delete(ctx, keys[i], max(p.version, there.Version)); err != nil {
				return err
			}
			c.made.Add(1)
			continue
		}
		parts, ok, err := r.product(ctx, tasks.ProductID(p.id))
		if err != nil {
			return err
		}
		if !ok || parts.Sources() != p.sources {
			c.left.Add(1)
			continue
		}
		todo, versions = append(todo, parts), append(versions, max(p.version, there.Version))
	}
	if len(todo) == 0 {
		return nil
	}
	in := make([]fusion.ProductParts, len(todo))
	for i := range todo {
		in[i] = todo[i].Parts()
	}
	made, err := r.Model.Products(ctx, in)
	if err != nil {
		return err
	}
	rows := make([]lake.Product, len(made))
	for i := range made {
		rows[i] = todo[i].Row(r.Reader.Generation, versions[i], made[i])
	}
	if err := r.Reader.Lake.Products.Append(ctx, rows...); err != nil {
		return fmt.Errorf("storing vectors of products: %w", err)
	}
	c.made.Add(int64(len(rows)))
	return nil
}

// product gathers one; ok is false for one that the workers have to make.
func (r *Remaking) product(ctx context.Context, id tasks.ProductID) (p gather.Product, ok bool, err error) {
	media, err := r.Reader.Media(ctx, id)
	if err != nil {
		return p, false, err
	}
	if p, err = r.Reader.Product(ctx, id, media); errors.Is(err, gather.ErrGone) {
		return p, false, nil
	}
	if err != nil || !p.Settled || len(p.Used) == 0 {
		return p, false, err
	}
	if err := r.Reader.AddReviews(ctx, &p, gather.RepeatAge); err != nil {
		return p, false, err
	}
	for range p.Missing() {
		return p, false, nil
	}
	return p, true, nil
}
