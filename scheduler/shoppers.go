package scheduler

import (
	"context"
	"fmt"
	"hash/maphash"

	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/tasks"
)

// standing says how a shopper's vector stands beside what it is made of.
type standing int

const (
	upToDate standing = iota // the vector is of just these parts
	refused                  // no vector may be made, and there is none
	awaiting                 // nothing is known yet that a vector could be made of
	overdue                  // to be made, made again, or withdrawn
)

// shopper is a judgement on one shopper, with their rows counted.
type shopper struct {
	id       tasks.UserID
	standing standing
	rows     int             // events, reviews and the row of the shopper
	left     int             // of the events, those that cleaning left out
	unknown  int             // rows that name a product which nobody knows
	waits    tasks.ProductID // the first such product
}

// undecided is a shopper whose vector depends on others, until all have been seen.
type undecided struct {
	shopper
	stored   stored
	own      [16]byte
	usable   bool // without anybody's tips
	followed []tasks.UserID
}

// eachShopper judges all shoppers of whom there is a row or a vector, in one pass.
// Those who follow others come last.
func eachShopper(ctx context.Context, v View, visit func(shopper) error) error {
	products, err := productSources(ctx, v)
	if err != nil {
		return err
	}
	known := func(id tasks.ProductID) uint64 { return products.get(string(id)) }
	in := openUserStreams(ctx, v)
	defer in.close()
	passed := newShorts()
	var later []undecided
	for {
		p, ok := in.next()
		if !ok {
			break
		}
		h := parts.Of(p.rows, v.Consent)
		if tips := h.Tips(); len(tips) > 0 {
			passed.set(string(p.id), parts.Passed(tips, known))
		}
		u := undecided{shopper: count(p, &h, known), stored: p.stored, followed: h.Followed}
		if !h.Declined && !h.Empty {
			u.own, u.usable = h.Own(known), h.Usable(known, false)
		}
		if len(u.followed) > 0 {
			later = append(later, u)
			continue
		}
		u.judge(h.Declined, h.Empty, passed)
		if err := visit(u.shopper); err != nil {
			return err
		}
	}
	if err := in.failed(); err != nil {
		return err
	}
	for i := range later {
		later[i].judge(false, false, passed)
		if err := visit(later[i].shopper); err != nil {
			return err
		}
	}
	return nil
}

func (u *undecided) judge(declined, empty bool, passed shorts) {
	switch {
	case u.stored.live && (declined || empty):
		u.standing = overdue
	case declined:
		u.standing = refused
	case empty:
		u.standing = awaiting
	default:
		tips := false
		sources := parts.Sources(u.own, u.followed, func(id tasks.UserID) uint64 {
			n := passed.get(string(id))
			tips = tips || n != 0
			return n
		})
		switch {
		case u.stored.live && u.stored.sources == sources:
			u.standing = upToDate
		case !u.stored.live && (u.stored.sources == sources || !u.usable && !tips):
			u.standing = awaiting
		default:
			u.standing = overdue
		}
	}
}

// count counts a shopper's rows by what will become of them.
func count(p person, h *parts.History, known parts.Known) shopper {
	s := shopper{id: p.id, rows: p.listed, left: h.Counts.Rate}
	for i := range h.Events {
		if id := h.Events[i].Product; id != "" && known(tasks.ProductID(id)) == 0 {
			s.unknown++
		}
	}
	for i := range h.Reviews {
		if id := h.Reviews[i].Product; id != "" && known(tasks.ProductID(id)) == 0 {
			s.unknown++
		}
	}
	if s.unknown > 0 {
		s.waits = h.Waits(known)
	}
	return s
}

// shorts maps ids to 64 bits without keeping the ids: two are taken for one another in
// one of 10¹³ cases among a million.
type shorts struct {
	seed maphash.Seed
	of   map[uint64]uint64
}

func newShorts() shorts { return shorts{maphash.MakeSeed(), map[uint64]uint64{}} }

func (s shorts) set(id string, n uint64)  { s.of[maphash.String(s.seed, id)] = n }
func (s shorts) get(id string) (n uint64) { return s.of[maphash.String(s.seed, id)] }

// productSources reads of which parts the products' vectors are made.
func productSources(ctx context.Context, v View) (shorts, error) {
	s := newShorts()
	prefix := lake.GenerationPrefix(string(v.Generation))
	for row, err := range v.Lake.Products.Select(ctx, lake.Query{Prefix: prefix, Columns: []string{"sources"}}) {
		if err != nil {
			return s, fmt.Errorf("reading the products: %w", err)
		}
		s.set(row.Key[len(prefix):len(row.Key)-1], parts.Short(row.Sources))
	}
	return s, nil
}
