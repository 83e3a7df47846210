package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"weft/storage/lake"
	"weft/storage/objects"
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
	Waiting  int `json:"waiting"`  // without a vector, or with one of other parts
}

// Audit accounts for every object of a tenant.
type Audit struct {
	Objects struct {
		Listed int `json:"listed"`
		Places
	} `json:"objects"`
	Rows struct {
		Dead     int `json:"dead"`     // of imports and tasks: they have no object
		Declined int `json:"declined"` // as dead, and dropped
	} `json:"rows"`
	Products Subjects `json:"products"`
	Users    Subjects `json:"users"`
	Vectors  *Held    `json:"vectors,omitempty"` // what Redis holds of them, where it was asked
	Balanced bool     `json:"balanced"`
	Missing  []string `json:"missing"` // products that wait, and vectors without media; at most maxMissing
}

// Held compares the vectors in Redis with the lake's.
type Held struct {
	Expected int  `json:"expected"` // in the lake
	Current  int  `json:"current"`
	Missing  int  `json:"missing"` // not in Redis
	Stale    int  `json:"stale"`   // older than in the lake, or deleted there
	Live     bool `json:"live"`    // the generation may be read
}

const maxMissing = 1000

// AuditBucket compares the bucket with the lake, by the sweep's own reading and
// the sweep's own decision, and enqueues nothing.
func AuditBucket(ctx context.Context, store objects.Store, l *lake.Lake, gen tasks.Generation, recipes map[tasks.Modality]string) (Audit, error) {
	a := Audit{Missing: []string{}}
	in := openStreams(ctx, store, l, gen)
	defer in.close()
	has := func(ctx context.Context, sha string, m tasks.Modality) (bool, error) {
		_, ok, err := l.Features.Get(ctx, lake.FeatureKey(sha, recipes[m]))
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
	a.Balanced = a.Objects.Listed == a.Objects.sum() && a.Objects.Waiting == 0 && a.Products.Waiting == 0 && len(a.Missing) == 0 &&
		a.Products.Expected == a.Products.Vectors+a.Products.Dead+a.Products.Declined
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
	for page, err := range productPages(ctx, l, gen) {
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		heads, err := headsOf(ctx, v, gen, page)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		for i, p := range page {
			held.add(a, p, heads[i])
		}
	}
	a.Balanced = a.Balanced && held.Live && held.Missing == 0 && held.Stale == 0
	return nil
}

func (h *Held) add(a *Audit, p lake.Product, head vectors.Head) {
	if !p.Deleted {
		h.Expected++
	}
	switch behind(p, head) {
	case missing:
		h.Missing++
		a.miss("a vector that Redis has lost: " + p.ID)
	case stale:
		h.Stale++
		a.miss("a vector that is old in Redis: " + p.ID)
	case undead:
		h.Stale++
		a.miss("a vector in Redis that was deleted: " + p.ID)
	default:
		if !p.Deleted {
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
	next, err := plan(ctx, g.media, g.known, has)
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

func (a *Audit) miss(what string) {
	if len(a.Missing) < maxMissing {
		a.Missing = append(a.Missing, what)
	}
}
