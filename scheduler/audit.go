package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

// Places counts where inputs ended: each in exactly one of the four.
type Places struct {
	Vector   int `json:"vector"`   // part of a current vector
	Dead     int `json:"dead"`     // given up, with a reason
	Declined int `json:"declined"` // not for weft: another kind of file, or a dead letter that was dropped
	Waiting  int `json:"waiting"`  // still to be done
}

func (p Places) sum() int { return p.Vector + p.Dead + p.Declined + p.Waiting }

// Subjects counts products or users.
type Subjects struct {
	Expected int `json:"expected"` // with at least one input
	Vectors  int `json:"vectors"`  // current ones
	Dead     int `json:"dead"`     // with nothing but dead inputs
	Declined int `json:"declined"` // with nothing but dropped ones
	Waiting  int `json:"waiting"`  // without a vector, or with one of other parts; of shoppers: or who name nothing that is known
}

// Audit accounts for every object and every row of a tenant.
type Audit struct {
	Objects struct {
		Listed int `json:"listed"`
		Places
	} `json:"objects"`
	Rows struct {
		Listed int `json:"listed"` // of shoppers (events, reviews, what is known of them), and those that were given up
		Places
	} `json:"rows"`
	Products Subjects `json:"products"`
	Users    Subjects `json:"users"`
	Vectors  *Held    `json:"vectors,omitempty"` // what Redis holds of them, where it was asked
	Balanced bool     `json:"balanced"`
	Missing  []string `json:"missing"` // what is stale, and vectors of nothing; at most maxMissing
	Waits    []string `json:"waits"`   // products that shoppers name and nobody knows; at most maxWaits
}

// Held compares the vectors in Redis with the lake's.
type Held struct {
	Expected int  `json:"expected"` // in the lake
	Current  int  `json:"current"`
	Missing  int  `json:"missing"` // not in Redis
	Stale    int  `json:"stale"`   // older than in the lake, or deleted there
	Live     bool `json:"live"`    // the generation may be read
}

const (
	maxMissing = 1000
	maxWaits   = 100
)

// AuditBucket compares the bucket with the lake, by the sweep's own reading and
// the sweep's own decision, and enqueues nothing.
func AuditBucket(ctx context.Context, v View) (Audit, error) {
	a := Audit{Missing: []string{}, Waits: []string{}}
	in := openStreams(ctx, v)
	defer in.close()
	l := v.Lake
	has := func(ctx context.Context, sha string, m tasks.Modality) (bool, error) {
		_, ok, err := l.Features.Get(ctx, lake.FeatureKey(sha, v.Recipes[m]))
		return ok, err
	}
	for {
		g, ok := in.next()
		if !ok {
			break
		}
		if err := a.add(ctx, g, has); err != nil {
			return a, fmt.Errorf("audit: %s: %w", g.folder, err)
		}
	}
	if err := in.failed(); err != nil {
		return a, fmt.Errorf("audit: %w", err)
	}
	for row, err := range l.Dead.Select(ctx, lake.Query{Columns: []string{"dropped"}}) {
		if err != nil {
			return a, fmt.Errorf("audit: %w", err)
		}
		switch {
		case tasks.ParseMediaKey(row.Key).Modality != "" || strings.HasPrefix(row.Key, tasks.QuarantinePrefix): // told by the objects
		case row.Dropped != 0:
			a.Rows.Declined++
		default:
			a.Rows.Dead++
		}
	}
	a.Rows.Listed = a.Rows.Declined + a.Rows.Dead
	if v.Behaviour != nil {
		if err := eachShopper(ctx, v, a.addShopper); err != nil {
			return a, fmt.Errorf("audit: %w", err)
		}
	}
	u := a.Users
	a.Balanced = a.Objects.Listed == a.Objects.sum() && a.Objects.Waiting == 0 && a.Products.Waiting == 0 && len(a.Missing) == 0 &&
		a.Products.Expected == a.Products.Vectors+a.Products.Dead+a.Products.Declined &&
		a.Rows.Listed == a.Rows.sum() && u.Expected == u.Vectors+u.Dead+u.Declined+u.Waiting
	return a, nil
}

// CompareVectors adds to a what Redis holds: vectors that are missing or stale there
// are named, and the audit does not balance. Call it after AuditBucket, whose view
// of the lake it shares.
func (a *Audit) CompareVectors(ctx context.Context, l *lake.Lake, v *vectors.Store, gen tasks.Generation) error {
	held := Held{}
	a.Vectors = &held
	live, err := v.Live(ctx)
	if err != nil && !errors.Is(err, vectors.ErrNotLive) {
		return fmt.Errorf("audit: %w", err)
	}
	held.Live = live == gen
	for _, kind := range kinds {
		for page, err := range pagesOf(ctx, l, gen, kind) {
			if err != nil {
				return fmt.Errorf("audit: %w", err)
			}
			heads, err := headsOf(ctx, v, gen, kind, page)
			if err != nil {
				return fmt.Errorf("audit: %w", err)
			}
			for i, p := range page {
				held.add(a, p, heads[i])
			}
		}
	}
	a.Balanced = a.Balanced && held.Live && held.Missing == 0 && held.Stale == 0
	return nil
}

func (h *Held) add(a *Audit, p made, head vectors.Head) {
	if !p.deleted {
		h.Expected++
	}
	switch behind(p, head) {
	case missing:
		h.Missing++
		a.miss("a vector that Redis has lost: " + p.id)
	case stale:
		h.Stale++
		a.miss("a vector that is old in Redis: " + p.id)
	case undead:
		h.Stale++
		a.miss("a vector in Redis that was deleted: " + p.id)
	default:
		if !p.deleted {
			h.Current++
		}
	}
}

func (a *Audit) add(ctx context.Context, g group, has encoded) error {
	a.Objects.Listed += len(g.media) + len(g.refused) + g.ignored
	a.Objects.Declined += g.ignored
	for _, r := range g.refused {
		switch {
		case r.declined:
			a.Objects.Declined++
		case r.dead:
			a.Objects.Dead++
		default:
			a.Objects.Waiting++
			a.miss(r.info.Key)
		}
	}
	if len(g.media) == 0 {
		if g.known.vector {
			a.miss("a vector without media: " + string(g.product))
		}
		return nil
	}
	a.Products.Expected++
	next, err := plan(ctx, g.media, g.reviews.Parts(), g.known, has)
	if err != nil {
		return err
	}
	a.Objects.Dead += next.dead
	a.Objects.Declined += next.declined
	switch {
	case !next.current():
		a.Products.Waiting++
		a.Objects.Waiting += next.parts
		a.miss(string(g.product))
	case next.parts == 0 && next.dead == 0:
		a.Products.Declined++
	case next.parts == 0:
		a.Products.Dead++
	default:
		a.Products.Vectors++
		a.Objects.Vector += next.parts
	}
	return nil
}

// addShopper counts a shopper and their rows. Rows that name an unknown product wait
// for it, whatever the others make; those of a shopper who may have no vector, and those
// that cleaning leaves out, are declined.
func (a *Audit) addShopper(s shopper) error {
	a.Rows.Listed += s.rows
	if s.rows == 0 { // a vector of nothing, or what is left of one
		if s.standing == overdue {
			a.miss("a vector without rows: " + string(s.id))
		}
		return nil
	}
	a.Users.Expected++
	used := s.rows - s.left - s.unknown
	switch s.standing {
	case refused:
		a.Users.Declined++
		a.Rows.Declined += s.rows
		return nil
	case upToDate:
		a.Users.Vectors++
		a.Rows.Vector += used
	case awaiting:
		a.Users.Waiting++
		a.Rows.Waiting += used
	default:
		a.Users.Waiting++
		a.Rows.Waiting += used
		a.miss("a shopper whose vector is not of their rows: " + string(s.id))
	}
	a.Rows.Declined += s.left
	a.Rows.Waiting += s.unknown
	if s.waits != "" && len(a.Waits) < maxWaits && !slices.Contains(a.Waits, string(s.waits)) {
		a.Waits = append(a.Waits, string(s.waits))
	}
	return nil
}

func (a *Audit) miss(what string) {
	if len(a.Missing) < maxMissing {
		a.Missing = append(a.Missing, what)
	}
}
