package quality

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/tasks"
)

const (
	// window is how long after a list an act counts as its outcome.
	window = 30 * time.Minute
	// late is how long after the window rows may still come in.
	late = time.Minute
	// judgedItems of a list are followed: what comes after them is hardly seen.
	judgedItems = 10
	// mostWaiting lists are followed at once, about 12 MB; further ones are not judged.
	mostWaiting = 20_000
	judgeEvery  = 10 * time.Second
	driftEvery  = 5 * time.Minute
)

// Outcomes of a list, the best first.
const (
	Bought    = "bought"
	Clicked   = "clicked"
	Elsewhere = "elsewhere" // acted, on nothing that was listed
	Nothing   = "nothing"
)

// Config of one tenant's Judge.
type Config struct {
	Tenant tasks.Tenant
	// Events are those of one shopper, as they are stored now, whoever took them in.
	Events func(context.Context, tasks.UserID) ([]behaviour.Event, error)
	// Drift compares the vectors that are served; false: there are none yet. May be nil.
	Drift   func() (Drift, bool)
	Metrics *Metrics
	Log     *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// List is what was served to one shopper. The slices are not kept.
type List struct {
	User    tasks.UserID
	Road    string
	Items   []string // ids of products, the best first
	Popular []string // the most popular products at that time: what to compare with
}

// Judge follows served lists: half an hour later it looks up what their shoppers did.
// It reads the lake, so it does not matter which process took the rows in, nor, with
// several servers, who served: each judges its own lists. What it follows is in memory
// and lost with the process. Safe for concurrent use.
type Judge struct {
	cfg Config

	mu       sync.Mutex
	waiting  []followed // in the order of serving
	last     map[tasks.UserID][]string
	coverage *coverage
}

type followed struct {
	List
	at time.Time
}

// NewJudge follows nothing yet.
func NewJudge(cfg Config) *Judge {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Judge{cfg: cfg, last: map[tasks.UserID][]string{}, coverage: newCoverage(cfg.Now())}
}

// Served notes a list. Shown again to the same shopper while it is followed, it counts once. Whose
// shopper has not agreed to profiling must not be noted.
func (j *Judge) Served(l List) {
	now := j.cfg.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.coverage.show(now, l.Items)
	l.Items = slices.Clone(l.Items[:min(judgedItems, len(l.Items))])
	l.Popular = slices.Clone(l.Popular[:min(judgedItems, len(l.Popular))])
	switch {
	case len(l.Items) == 0 || slices.Equal(j.last[l.User], l.Items):
	case len(j.waiting) >= mostWaiting:
		j.cfg.Metrics.unjudged.WithLabelValues(string(j.cfg.Tenant)).Inc()
	default:
		j.waiting = append(j.waiting, followed{l, now})
		j.last[l.User] = l.Items
		j.cfg.Metrics.followed.WithLabelValues(string(j.cfg.Tenant)).Set(float64(len(j.waiting)))
	}
}

// Run judges and compares until ctx ends.
func (j *Judge) Run(ctx context.Context) {
	judge, compare := time.NewTicker(judgeEvery), time.NewTicker(driftEvery)
	defer judge.Stop()
	defer compare.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-judge.C:
			j.judge(ctx)
		case <-compare.C:
			j.compare()
		}
	}
}

func (j *Judge) compare() {
	if j.cfg.Drift == nil {
		return
	}
	if d, ready := j.cfg.Drift(); ready {
		j.cfg.Metrics.drift(string(j.cfg.Tenant), d)
	}
}

// judge settles the lists whose time has come.
func (j *Judge) judge(ctx context.Context) {
	due, shown := j.due()
	tenant := string(j.cfg.Tenant)
	j.cfg.Metrics.shown.WithLabelValues(tenant).Set(shown)
	for _, l := range due {
		events, err := j.cfg.Events(ctx, l.User)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			j.cfg.Metrics.unjudged.WithLabelValues(tenant).Inc()
			j.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "a served list cannot be judged", slog.String("tenant", tenant), slog.Any("error", err))
			continue
		}
		events = slices.DeleteFunc(slices.Clone(events), func(e behaviour.Event) bool {
			past := time.UnixMilli(e.Time).Sub(l.at)
			return past < 0 || past > window || e.Product == "" || parts.Weight(e.Type) <= 0
		})
		j.cfg.Metrics.judged.WithLabelValues(tenant, l.Road, outcome(events, l.Items)).Inc()
		if len(l.Popular) > 0 {
			j.cfg.Metrics.baseline.WithLabelValues(tenant, outcome(events, l.Popular)).Inc()
		}
	}
}

// due takes the lists whose time has come off, and counts what was shown.
func (j *Judge) due() ([]followed, float64) {
	now := j.cfg.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for n < len(j.waiting) && now.Sub(j.waiting[n].at) >= window+late {
		if user := j.waiting[n].User; slices.Equal(j.last[user], j.waiting[n].Items) {
			delete(j.last, user)
		}
		n++
	}
	due := j.waiting[:n:n]
	j.waiting = slices.Clone(j.waiting[n:])
	j.cfg.Metrics.followed.WithLabelValues(string(j.cfg.Tenant)).Set(float64(len(j.waiting)))
	return due, j.coverage.count(now)
}

// outcome of a list, given what its shopper did afterwards.
func outcome(acts []behaviour.Event, items []string) string {
	found := Nothing
	for i := range acts {
		switch listed := slices.Contains(items, acts[i].Product); {
		case listed && acts[i].Type == behaviour.Purchase:
			return Bought
		case listed:
			found = Clicked
		case found == Nothing:
			found = Elsewhere
		}
	}
	return found
}
