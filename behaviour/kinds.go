package behaviour

import (
	"context"
	"strings"
	"time"

	"weft/storage/lake"
	"weft/tasks"
)

func eventIntake(t *Tables) intake[Event] {
	return intake[Event]{
		table: t.Events, parse: ParseEvent, columns: []string{"digest"}, version: taken[Event],
		about:  func(e *Event) about { return about{&e.Row, e.ID, e.User, e.Product, e.Digest} },
		decide: func(stored, next *Event) verdict { return unchanging(stored.Digest, next.Digest) },
	}
}

func reviewIntake(t *Tables) intake[Review] {
	return intake[Review]{
		table: t.Reviews, parse: ParseReview, columns: []string{"digest", "product"}, version: taken[Review],
		about:  func(r *Review) about { return about{&r.Row, r.ID, r.User, r.Product, r.Digest} },
		decide: func(stored, next *Review) verdict { return unchanging(stored.Digest, next.Digest) },
		stored: t.listByProduct,
	}
}

// userIntake takes what is said of users: of two statements the newer one stands.
func userIntake(t *Tables) intake[User] {
	return intake[User]{
		table: t.Users, parse: ParseUser, columns: []string{"digest", "time"},
		version: func(u *User, _ time.Time) int64 { return u.Time },
		about:   func(u *User) about { return about{&u.Row, u.ID, u.ID, "", u.Digest} },
		decide: func(stored, next *User) verdict {
			switch {
			case stored.Digest == next.Digest:
				return same
			case stored.Time > next.Time:
				return older
			}
			return store
		},
	}
}

// listByProduct lists reviews under their products, and takes them from the list of a
// product that an earlier review of the same id was about. A crash may have come
// between a review and its listing: reviews that were stored before are looked up.
func (t *Tables) listByProduct(ctx context.Context, fresh, again []Review, before map[string]Review) error {
	var rows []ProductReview
	for _, r := range fresh {
		if old, known := before[r.Key]; known && old.Product != "" && old.Product != r.Product {
			gone := ProductReview{Row: lake.Row{Key: productReviewKey(old.Product, r.Key), Version: r.Version, Deleted: true}, Product: old.Product}
			rows = append(rows, gone)
		}
		rows = append(rows, r.listed())
	}
	keys := make([]string, len(again))
	for i, r := range again {
		keys[i] = productReviewKey(r.Product, r.Key)
	}
	if len(keys) > 0 {
		known, err := t.ProductReviews.LookUp(ctx, keys, "digest")
		if err != nil {
			return err
		}
		for i, r := range again {
			if _, listed := known[keys[i]]; !listed {
				rows = append(rows, r.listed())
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return t.ProductReviews.Append(ctx, rows...)
}

func productReviewKey(product, review string) string {
	return ProductPrefix(tasks.ProductID(product)) + review
}

// listed is the review as its product sees it.
func (r Review) listed() ProductReview {
	return ProductReview{
		Row:     lake.Row{Key: productReviewKey(r.Product, r.Key), Version: r.Version},
		Product: r.Product, User: r.User, Review: r.ID, Rating: r.Rating, Time: r.Time, Helpful: r.Helpful, Digest: r.Digest, Text: r.ReadText(),
	}
}

// ReadText is what a text encoder reads of a review: title and text, one line.
func (r Review) ReadText() string {
	title, text := strings.Join(strings.Fields(r.Title), " "), strings.Join(strings.Fields(r.Text), " ")
	if title != "" && text != "" && !strings.ContainsAny(title[len(title)-1:], ".!?:;") {
		title += "."
	}
	return strings.TrimSpace(title + " " + text)
}
