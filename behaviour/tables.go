package behaviour

import (
	"context"
	"errors"
	"fmt"

	"weft/storage/lake"
)

// Tables are the lake's tables of behaviour. They belong to the lake, which
// closes them.
type Tables struct {
	Events         *lake.Table[Event]
	Reviews        *lake.Table[Review]
	ProductReviews *lake.Table[ProductReview]
	Users          *lake.Table[User]
}

// Open attaches the tables to a lake; once for each lake.
func Open(ctx context.Context, l *lake.Lake) (*Tables, error) {
	var t Tables
	var errs [4]error
	t.Events, errs[0] = lake.Attach(ctx, l, lake.Definition[Event]{Name: "events", Head: func(r *Event) *lake.Row { return &r.Row }})
	t.Reviews, errs[1] = lake.Attach(ctx, l, lake.Definition[Review]{Name: "reviews", Head: func(r *Review) *lake.Row { return &r.Row }})
	t.ProductReviews, errs[2] = lake.Attach(ctx, l, lake.Definition[ProductReview]{Name: "product_reviews", Head: func(r *ProductReview) *lake.Row { return &r.Row }})
	t.Users, errs[3] = lake.Attach(ctx, l, lake.Definition[User]{Name: "users", Head: func(r *User) *lake.Row { return &r.Row }})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("tables of behaviour: %w", err)
	}
	return &t, nil
}
