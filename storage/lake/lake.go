package lake

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Root is where the lake lies in a tenant's bucket.
const Root = "lake/v1/"

var tablePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Lake is the tables of one tenant. It is safe for concurrent use, by any number of
// processes on one bucket. The caller closes it; the store remains the caller's.
type Lake struct {
	Features    *Table[Feature]
	Objects     *Table[Object]
	Products    *Table[Product]
	UserVectors *Table[UserVector]
	Dead        *Table[Dead]
	Receipts    *Table[Receipt]

	// Generations are the pinned recipes and the pointer to the live one.
	Generations Generations
	// Models are the trained fusions that generations pin.
	Models Models

	cfg      Config
	cache    *cache
	instance string
	counter  atomic.Uint32

	mu     sync.Mutex
	names  map[string]bool
	tables []anyTable
}

// anyTable is what the Lake does with a table whatever its rows.
type anyTable interface {
	Name() string
	begin(ctx context.Context) error
	flush(ctx context.Context) error
	close()
	pending() int64
	refresh(ctx context.Context, full bool) error
	corrupt() []Corrupt
	compact(ctx context.Context, full bool) (Compaction, error)
}

// Open lists the segments of every table and returns the lake. Unless it is
// read-only, a table that has no segment gets an empty one: SQL cannot read a table
// without.
func Open(ctx context.Context, cfg Config) (*Lake, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	l := &Lake{
		Generations: Generations{store: cfg.Store},
		Models:      Models{store: cfg.Store},
		cfg:         cfg,
		cache:       newCache(cfg.CacheBytes),
		instance:    newInstance(),
		names:       make(map[string]bool),
	}
	var errs [6]error
	l.Features, errs[0] = attach(l, Definition[Feature]{Name: "features", Head: func(r *Feature) *Row { return &r.Row }})
	l.Objects, errs[1] = attach(l, Definition[Object]{Name: "objects", Head: func(r *Object) *Row { return &r.Row }})
	l.Products, errs[2] = attach(l, Definition[Product]{Name: "products", Head: func(r *Product) *Row { return &r.Row }})
	l.Dead, errs[3] = attach(l, Definition[Dead]{Name: "dead", Head: func(r *Dead) *Row { return &r.Row }})
	l.Receipts, errs[4] = attach(l, Definition[Receipt]{Name: "receipts", Head: func(r *Receipt) *Row { return &r.Row }})
	l.UserVectors, errs[5] = attach(l, Definition[UserVector]{Name: "user_vectors", Head: func(r *UserVector) *Row { return &r.Row }})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if err := l.each(ctx, func(ctx context.Context, t anyTable) error { return t.begin(ctx) }); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Lake) register(name string, t anyTable) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names[name] || name == generationsFolder || name == modelsFolder {
		return fmt.Errorf("lake: table %s exists already", name)
	}
	l.names[name] = true
	l.tables = append(l.tables, t)
	return nil
}

func (l *Lake) attached() []anyTable {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]anyTable(nil), l.tables...)
}

// each calls f for every table, some at a time.
func (l *Lake) each(ctx context.Context, f func(context.Context, anyTable) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, t := range l.attached() {
		g.Go(func() error { return f(ctx, t) })
	}
	return g.Wait()
}

// Refresh refreshes every table, see [Table.Refresh].
func (l *Lake) Refresh(ctx context.Context) error {
	return l.each(ctx, func(ctx context.Context, t anyTable) error { return t.refresh(ctx, false) })
}

// Flush commits what is gathered now, without waiting for delays, and returns when
// nothing appended before is under way. Whether a commit succeeded is told to those
// who appended.
func (l *Lake) Flush(ctx context.Context) error {
	return l.each(ctx, func(ctx context.Context, t anyTable) error { return t.flush(ctx) })
}

// Close refuses further Appends, then is as Flush. It may be called again.
func (l *Lake) Close(ctx context.Context) error {
	for _, t := range l.attached() {
		t.close()
	}
	return l.Flush(ctx)
}

// Pending is the number of rows appended and not yet durable, of all tables.
func (l *Lake) Pending() int {
	var n int64
	for _, t := range l.attached() {
		n += t.pending()
	}
	return int(n)
}

// Corrupt is what was found below the tables and left out, since Open.
func (l *Lake) Corrupt() []Corrupt {
	var all []Corrupt
	for _, t := range l.attached() {
		all = append(all, t.corrupt()...)
	}
	return all
}

func (l *Lake) slack() slack {
	return slack{window: l.cfg.Slack, full: l.cfg.FullListing, now: l.cfg.Clock()}
}

// nextName is a segment name that no other writer has or will have.
func (l *Lake) nextName(level int) segmentName {
	return segmentName{
		ms: max(0, l.cfg.Clock().UnixMilli()), writer: l.cfg.Writer, instance: l.instance,
		counter: l.counter.Add(1), level: min(level, maxLevel),
	}
}
