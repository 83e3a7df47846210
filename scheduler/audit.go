package scheduler

import (
	"context"
	"fmt"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// Places counts where inputs ended: each in exactly one of the four.
type Places struct {
	Vector   int `json:"vector"`   // part of a current vector
	Dead     int `json:"dead"`     // given up, with a reason
	Declined int `json:"declined"` // not for weft: another kind of file
	Waiting  int `json:"waiting"`  // still to be done
}

func (p Places) sum() int { return p.Vector + p.Dead + p.Declined + p.Waiting }

// Subjects counts products or users.
type Subjects struct {
	Expected int `json:"expected"` // with at least one input
	Vectors  int `json:"vectors"`  // current ones
	Dead     int `json:"dead"`     // with nothing but dead inputs
	Declined int `json:"declined"`
	Waiting  int `json:"waiting"` // without a vector, or with one of other parts
}

// Audit accounts for every object of a tenant.
type Audit struct {
	Objects struct {
		Listed int `json:"listed"`
		Places
	} `json:"objects"`
	Rows struct {
		Dead int `json:"dead"` // of imports and tasks: they have no object
	} `json:"rows"`
	Products Subjects `json:"products"`
	Users    Subjects `json:"users"`
	Balanced bool     `json:"balanced"`
	Missing  []string `json:"missing"` // products that wait, and vectors without media; at most maxMissing
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
	for row, err := range l.Dead.Select(ctx, lake.Query{Columns: []string{"reason"}}) {
		if err != nil {
			return a, fmt.Errorf("audit: %w", err)
		}
		if tasks.ParseMediaKey(row.Key).Modality == "" {
			a.Rows.Dead++
		}
	}
	a.Balanced = a.Objects.Listed == a.Objects.sum() && a.Objects.Waiting == 0 && a.Products.Waiting == 0 && len(a.Missing) == 0 &&
		a.Products.Expected == a.Products.Vectors+a.Products.Dead
	return a, nil
}

func (a *Audit) add(ctx context.Context, g group, has encoded) error {
	a.Objects.Listed += len(g.media) + len(g.refused) + g.ignored
	a.Objects.Declined += g.ignored
	for _, r := range g.refused {
		if r.dead {
			a.Objects.Dead++
			continue
		}
		a.Objects.Waiting++
		a.miss(r.info.Key)
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
	switch {
	case !next.current():
		a.Products.Waiting++
		a.Objects.Waiting += next.parts
		a.miss(string(g.product))
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
