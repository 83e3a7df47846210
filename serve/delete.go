package serve

import (
	"context"
	"errors"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"weft/client"
	"weft/storage/objects"
	"weft/tasks"
)

// deletesAtOnce bounds the deletions under way for one product.
const deletesAtOnce = 8

// ProductDeletion names the product to delete.
type ProductDeletion struct {
	ProductPath
	IfMatch string `header:"If-Match" hidden:"true"`
}

// Resolve refuses a condition rather than ignore it: the bucket cannot delete under one.
func (d *ProductDeletion) Resolve(ctx huma.Context) []error {
	errs := d.ProductPath.Resolve(ctx)
	if d.IfMatch != "" {
		errs = append(errs, &huma.ErrorDetail{Location: "header.If-Match", Value: d.IfMatch, Message: "deletion under a condition is not supported; leave the header out"})
	}
	return errs
}

// ImageDeletion names the photo to delete.
type ImageDeletion struct {
	ProductDeletion
	Name string `path:"name" doc:"File name of the photo" example:"front.jpg"`
}

// Resolve checks the file name too.
func (d *ImageDeletion) Resolve(ctx huma.Context) []error {
	errs := d.ProductDeletion.Resolve(ctx)
	if err := checkPhotoName(d.Name); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// DeletedAnswer counts what is gone.
type DeletedAnswer struct{ Body client.Deleted }

// deleteProduct removes everything in the product's folder, files that weft ignores
// among it: whoever deletes a product wants none of it left.
func (s *Server) deleteProduct(ctx context.Context, in *ProductDeletion) (*DeletedAnswer, error) {
	t := tenantOf(ctx)
	var gone int
	group, deleting := errgroup.WithContext(ctx)
	group.SetLimit(deletesAtOnce)
	var listing error
	for info, err := range t.Objects.List(deleting, tasks.ProductPrefix(in.product()), "") {
		if err != nil {
			listing = err
			break
		}
		group.Go(func() error { return t.Objects.Delete(deleting, info.Key) })
		gone++
	}
	err := group.Wait()
	if err == nil {
		err = listing
	}
	if gone > 0 {
		s.hint(ctx, t, in.product())
	}
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return &DeletedAnswer{client.Deleted{Deleted: gone}}, nil
}

func (s *Server) deleteImage(ctx context.Context, in *ImageDeletion) (*DeletedAnswer, error) {
	t := tenantOf(ctx)
	key := tasks.ProductPrefix(in.product()) + in.Name
	if _, err := t.Objects.Stat(ctx, key); err != nil {
		if errors.Is(err, objects.ErrNotExist) {
			return &DeletedAnswer{}, nil
		}
		return nil, s.explain(ctx, err)
	}
	if err := t.Objects.Delete(ctx, key); err != nil {
		return nil, s.explain(ctx, err)
	}
	s.hint(ctx, t, in.product())
	return &DeletedAnswer{client.Deleted{Deleted: 1}}, nil
}
