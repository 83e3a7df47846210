package behaviour

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/storage/lake"
	"weft/tasks"
)

// intake is how rows of one kind are taken in.
type intake[R any] struct {
	table *lake.Table[R]
	parse func(RawRow, Origin, *Tally) (R, *Fault)
	about func(*R) about
	// columns are what decide needs of a row that is stored.
	columns []string
	// decide tells what becomes of next when stored has its key.
	decide func(stored, next *R) verdict
	// version of a row that is stored.
	version func(row *R, now time.Time) int64
	// stored follows once rows are durable, and again for those that were before.
	stored func(ctx context.Context, fresh, again []R, before map[string]R) error
}

// about points to what the kinds of rows have in common.
type about struct {
	head            *lake.Row
	id, user        string
	product, digest string
}

// verdict on a row whose key is taken.
type verdict int

const (
	store verdict = iota
	same
	clash
	older
)

// unchanging is the verdict on events and reviews: the first one stays.
func unchanging(stored, next string) verdict {
	if stored == next {
		return same
	}
	return clash
}

// taken is the version of rows that never change: when they were taken in.
func taken[R any](_ *R, now time.Time) int64 { return now.UnixMilli() }

// refreshEvery is how old this process's knowledge of what others stored may be.
const refreshEvery = 2 * time.Second

func accept[R any](ctx context.Context, c *Collector, b Batch, in intake[R]) (Report, error) {
	o := c.origin(b)
	rows, r := parseAll(b.Rows, o, in)
	var keys []string
	users := map[string]bool{}
	products := map[tasks.ProductID]bool{}
	for _, row := range rows {
		if row == nil {
			continue
		}
		a := in.about(row)
		keys = append(keys, a.head.Key)
		users[a.user] = true
		if a.product != "" {
			products[tasks.ProductID(a.product)] = true
		}
	}
	release, err := c.inFlight[b.Kind].hold(ctx, keys)
	if err != nil {
		return r, err
	}
	defer release()
	if err := in.table.RefreshIfOlder(ctx, refreshEvery); err != nil {
		return r, err
	}
	before, err := in.table.LookUp(ctx, keys, in.columns...)
	if err != nil {
		return r, err
	}
	refusing, err := c.refusing(ctx, b.Kind, users)
	if err != nil {
		return r, err
	}
	absent, err := c.catalogue.missing(ctx, products, o.Now)
	if err != nil {
		return r, err
	}

	now := make(map[string]*R) // what a key holds with this batch
	var fresh, again []R
	for i, row := range rows {
		if row == nil {
			continue
		}
		a, result := in.about(row), &r.Results[i]
		key := a.head.Key
		earlier := now[key]
		least := int64(1)
		if old, known := before[key]; known && earlier == nil {
			if head := in.about(&old).head; head.Deleted {
				least = head.Version + 1
			} else {
				earlier = &old
			}
		}
		decision := store
		if earlier != nil {
			decision = in.decide(earlier, row)
		}
		a.head.Version = max(least, in.version(row, o.Now))
		switch {
		case decision == same:
			result.Outcome = Duplicate
			r.Steps.refuse(StepIdentity)
			again = append(again, *row)
		case decision == clash:
			result.die(conflict(a.id))
			r.Steps.refuse(StepIdentity)
		case decision == older:
			result.Outcome, result.Reason = Declined, DeclinedOlder
			r.Steps.refuse(StepIdentity)
		case refusing(a.user):
			result.Outcome, result.Reason = Declined, DeclinedConsent
			r.Steps.refuse(StepConsent)
		default:
			result.Outcome = Accepted
			if absent[tasks.ProductID(a.product)] {
				result.Outcome, result.For = Waiting, a.product
				r.Steps.change(StepCatalog)
			}
			now[key] = row
			fresh = append(fresh, *row)
		}
	}
	if err := c.store(ctx, b, &r, o.Now, func(ctx context.Context) error {
		if len(fresh) > 0 {
			if err := in.table.Append(ctx, fresh...); err != nil {
				return err
			}
		}
		if in.stored == nil {
			return nil
		}
		return in.stored(ctx, fresh, again, before)
	}); err != nil {
		return r, err
	}
	tell(c, b.Kind, fresh, in.about)
	return r, nil
}

// store writes what is accepted and what is dead, and counts.
func (c *Collector) store(ctx context.Context, b Batch, r *Report, now time.Time, rows func(context.Context) error) error {
	var letters []lake.Dead
	for i, result := range r.Results {
		r.Counts.count(result.Outcome)
		if result.Outcome == Dead {
			letters = append(letters, c.letter(b, b.Rows[i], result, now))
		}
	}
	group, writing := errgroup.WithContext(ctx)
	group.Go(func() error { return rows(writing) })
	if len(letters) > 0 {
		group.Go(func() error { return c.cfg.Lake.Dead.Append(writing, letters...) })
	}
	return group.Wait()
}

// parseAll parses rows on all cores. A row that is refused is nil, and has its result.
func parseAll[R any](raw []RawRow, o Origin, in intake[R]) ([]*R, Report) {
	rows := make([]*R, len(raw))
	r := Report{Results: make([]Result, len(raw))}
	share := max(256, (len(raw)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	var mu sync.Mutex
	for from := 0; from < len(raw); from += share {
		group.Go(func() {
			var t Tally
			for i := from; i < min(len(raw), from+share); i++ {
				row, bad := in.parse(raw[i], o, &t)
				a := in.about(&row)
				r.Results[i] = Result{Line: raw[i].Line, ID: a.id}
				if bad != nil {
					r.Results[i].ID = clip(a.id, maxShown)
					r.Results[i].die(bad)
					continue
				}
				rows[i] = &row
			}
			mu.Lock()
			defer mu.Unlock()
			r.Steps.Add(t)
		})
	}
	group.Wait()
	return rows, r
}

// refusing tells the users who have not agreed to a profile: of what they do nothing
// is kept.
func (c *Collector) refusing(ctx context.Context, k Kind, users map[string]bool) (func(user string) bool, error) {
	if k == Users {
		return func(string) bool { return false }, nil
	}
	if err := c.cfg.Tables.Users.RefreshIfOlder(ctx, refreshEvery); err != nil {
		return nil, err
	}
	said, err := c.cfg.Tables.Users.LookUp(ctx, keysOf(users), "profiling")
	return func(user string) bool {
		row := said[user] // empty, if there is none
		if row.Deleted || row.Profiling == "" {
			return !c.cfg.Consent
		}
		return row.Profiling == ProfilingNo
	}, err
}

// tell says what has changed.
func tell[R any](c *Collector, k Kind, fresh []R, of func(*R) about) {
	if c.cfg.Changed == nil || len(fresh) == 0 {
		return
	}
	users, products := map[tasks.UserID]bool{}, map[tasks.ProductID]bool{}
	for i := range fresh {
		a := of(&fresh[i])
		users[tasks.UserID(a.user)] = true
		if k == Reviews {
			products[tasks.ProductID(a.product)] = true
		}
	}
	c.cfg.Changed(keysOf(users), keysOf(products))
}

func keysOf[K comparable](set map[K]bool) []K {
	all := make([]K, 0, len(set))
	for k := range set {
		all = append(all, k)
	}
	return all
}
