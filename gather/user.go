package gather

import (
	"context"
	"fmt"
	"iter"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/fusion"
	"weft/storage/lake"
	"weft/tasks"
)

// User is what a shopper's vector is made of.
type User struct {
	ID      tasks.UserID
	All     []UserPart // in a fixed order
	Sources string     // digest of all that the vector depends on; empty for one who may have none
	Taken   int64      // when the newest row among them was taken in, Unix ms
	newest  int64      // when the newest of them happened, Unix ms
	choices []fusion.Choice
}

// UserPart is one thing known of a shopper.
type UserPart struct {
	fusion.UserPart
	Words *Words // what was written, where the part is a text; nil for a product
	Row   Row
}

// Row is the row behind a part; zero for what was stated.
type Row struct {
	ID   string       // of the event or review
	Time int64        // Unix ms
	From tasks.UserID // whose it is: the shopper's own, or of one followed
}

// History reads a shopper's rows and picks what counts.
func (r *Reader) History(ctx context.Context, id tasks.UserID) (parts.History, error) {
	var rows parts.Rows
	user, ok, err := r.Behaviour.Users.Get(ctx, string(id))
	if err == nil && ok {
		rows.User = &user
	}
	if err == nil {
		rows.Events, _, err = r.Behaviour.Events.Within(ctx, behaviour.UserPrefix(id), parts.MostRows+1)
	}
	if err == nil {
		rows.Reviews, _, err = r.Behaviour.Reviews.Within(ctx, behaviour.UserPrefix(id), parts.MostRows)
	}
	if err != nil {
		return parts.History{}, fmt.Errorf("reading the rows of user %s: %w", id, err)
	}
	return parts.Of(rows, r.Consent), nil
}

// User turns what counts of a shopper into parts: products with their vectors in the reader's generation, and texts.
// Nothing is known of one who is empty or has declined.
func (r *Reader) User(ctx context.Context, id tasks.UserID, h parts.History) (User, error) {
	u := User{ID: id, newest: h.Newest()}
	if h.Declined || h.Empty {
		return u, nil
	}
	tips := map[tasks.UserID][]behaviour.Event{}
	wanted := h.Products()
	for _, other := range h.Followed {
		theirs, err := r.History(ctx, other)
		if err != nil {
			return u, err
		}
		tips[other] = theirs.Tips()
		for _, tip := range tips[other] {
			wanted = append(wanted, tasks.ProductID(tip.Product))
		}
	}
	products, err := r.products(ctx, wanted)
	if err != nil {
		return u, err
	}
	known := func(id tasks.ProductID) uint64 { return products[id].short }
	u.Sources = parts.Sources(h.Own(known), h.Followed, func(id tasks.UserID) uint64 { return parts.Passed(tips[id], known) })

	for i := range h.Events {
		e := &h.Events[i]
		u.Taken = max(u.Taken, e.Version)
		row := Row{e.ID, e.Time, id}
		u.add(row, fusion.Acts, e.Type, parts.Weight(e.Type), u.newest-e.Time, e.Product, products)
		if parts.IsSearch(e) {
			if err := r.addText(ctx, &u, row, fusion.Words, e.Type, parts.SearchWeight, u.newest-e.Time, e.Query); err != nil {
				return u, err
			}
		}
	}
	for i := range h.Reviews {
		rev := &h.Reviews[i]
		u.Taken = max(u.Taken, rev.Version)
		product, words := parts.OpinionWeights(rev)
		row := Row{rev.ID, rev.Time, id}
		u.add(row, fusion.Acts, Reviewed, product, u.newest-rev.Time, rev.Product, products)
		if err := r.addText(ctx, &u, row, fusion.Words, Reviewed, words, u.newest-rev.Time, rev.ReadText()); err != nil {
			return u, err
		}
	}
	if err := r.addText(ctx, &u, Row{From: id}, fusion.Attributes, "", 1, 0, parts.AttributesText(h.User)); err != nil {
		return u, err
	}
	u.addTips(h.Followed, tips, products)
	for _, c := range h.Choices() {
		if p, known := products[c.Product]; known {
			u.choices = append(u.choices, fusion.Choice{Product: string(c.Product), Source: p.source, Last: c.Last, Weight: c.Weight})
		}
	}
	return u, nil
}

// Reviewed is the kind of a part that comes from a review, beside the types of events.
const Reviewed = "review"

// mostAge: what is older weighs nothing measurable.
const mostAge = 100 * 365 * 24 * time.Hour

func ageOf(ms int64) time.Duration {
	return min(time.Duration(max(ms, 0)), mostAge/time.Millisecond) * time.Millisecond
}

// add takes a product that says something and is known.
func (u *User) add(row Row, group fusion.UserGroup, kind string, weight float64, ageMS int64, id string, products map[tasks.ProductID]product) {
	p, ok := products[tasks.ProductID(id)]
	if !ok || weight == 0 {
		return
	}
	u.All = append(u.All, UserPart{UserPart: fusion.UserPart{Group: group, Kind: kind, Weight: weight, Age: ageOf(ageMS), Product: id, Vector: p.vector}, Row: row})
}

func (r *Reader) addText(ctx context.Context, u *User, row Row, group fusion.UserGroup, kind string, weight float64, ageMS int64, text string) error {
	if text == "" || weight == 0 {
		return nil
	}
	w, err := r.words(ctx, text)
	if err != nil {
		return err
	}
	u.All = append(u.All, UserPart{UserPart: fusion.UserPart{Group: group, Kind: kind, Weight: weight, Age: ageOf(ageMS)}, Words: w, Row: row})
	return nil
}

// addTips adds what those followed pass on, as old as they are beside the newest of it.
func (u *User) addTips(followed []tasks.UserID, tips map[tasks.UserID][]behaviour.Event, products map[tasks.ProductID]product) {
	newest := int64(0)
	for _, some := range tips {
		for _, tip := range some {
			newest = max(newest, tip.Time)
		}
	}
	for _, id := range followed {
		for _, tip := range tips[id] {
			u.add(Row{tip.ID, tip.Time, id}, fusion.Social, tip.Type, parts.Weight(tip.Type), newest-tip.Time, tip.Product, products)
		}
	}
}

// Missing are the texts that take part and have no feature: fill in Vector, or leave it and the text is left out.
func (u *User) Missing() iter.Seq[*Words] {
	return missing(func(yield func(*Words) bool) {
		for i := range u.All {
			if !yield(u.All[i].Words) {
				return
			}
		}
	})
}

// Parts are what a fusion makes the vector of.
func (u *User) Parts() fusion.UserParts {
	all := fusion.UserParts{ID: string(u.ID), Newest: u.newest, Choices: u.choices}
	for _, p := range u.All {
		if p.Words != nil {
			p.Vector = p.Words.Vector
		}
		if p.Vector != nil {
			all.Parts = append(all.Parts, p.UserPart)
		}
	}
	return all
}

// product is what a shopper's vector needs of one.
type product struct {
	vector, source []float32
	short          uint64 // of its sources
}

// products looks the vectors up, in the lake: they are those that their sources tell. Unknown ones are absent from the
// result.
func (r *Reader) products(ctx context.Context, ids []tasks.ProductID) (map[tasks.ProductID]product, error) {
	found := make(map[tasks.ProductID]product, len(ids))
	for attempt := range 2 {
		missing := false
		for _, id := range ids {
			if _, ok := found[id]; ok {
				continue
			}
			row, ok, err := r.Lake.Products.Get(ctx, lake.ProductKey(string(r.Generation), string(id)))
			if err != nil {
				return nil, fmt.Errorf("reading the vector of product %s: %w", id, err)
			}
			if missing = missing || !ok; ok {
				found[id] = product{row.Vector, row.Source, parts.Short(row.Sources)}
			}
		}
		if !missing || !r.Shared || attempt > 0 {
			break
		}
		if err := r.Lake.Products.RefreshIfOlder(ctx, RepeatAge); err != nil {
			return nil, fmt.Errorf("looking for products: %w", err)
		}
	}
	return found, nil
}
