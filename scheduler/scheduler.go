package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// Config wires a scheduler of one tenant. Nothing in it is closed by it.
type Config struct {
	Tenant     tasks.Tenant
	Generation tasks.Generation
	Recipes    map[tasks.Modality]string // of the generation
	Objects    objects.Store             // below the tenant
	Lake       *lake.Lake
	// Behaviour is what shoppers do and say; nil: shoppers and reviews are not looked at.
	Behaviour *behaviour.Tables
	// Consent is what shoppers who said nothing are taken to have said about profiling.
	Consent    bool
	Vectors    *vectors.Store
	Shared     bool // other processes write to the lake: look again before a hint is followed
	Queue      tasks.Queue
	Name       string        // of this process, for dead letters
	SweepEvery time.Duration // default 1 min
	WatchDir   string        // the tenant's folder in a directory bucket; "" = no watch
	// Shares is the room in the queues, which all schedulers of a process share.
	Shares *Shares
	// Settings are the tenant's at the moment; nil: the defaults.
	Settings func() tasks.Settings
	// Lead tells whether this scheduler does the sweep's work, where there are
	// several; nil: it is the only one. Two that lead at once are harmless.
	Lead func() bool
	// Memory tells how many bytes the queue's server uses and may use (0: no limit);
	// nil: it need not be looked at.
	Memory func(context.Context) (used, limit int64, err error)
	// Tell is told every few seconds how the sweep stands, while this scheduler leads;
	// nil: nobody asks.
	Tell func(context.Context, tasks.Feed) error
	Log  *slog.Logger
}

// Scheduler runs sweeps and answers hints. Start it once, Stop it once.
type Scheduler struct {
	Config
	// The parts of the tenant's share.
	live, bulk, liveUsers, bulkUsers *window
	ahead                            ahead
	hints                            hints
	people                           people
	soon                             chan struct{}
	sweeps                           atomic.Int64 // completed
	last                             atomic.Pointer[Report]
	usersSoon                        chan struct{}
	lastUsers                        atomic.Pointer[userPass]
	issued                           atomic.Int64 // product tasks
	asked                            atomic.Int64 // see Settled; 0: no pass over the shoppers is asked for
	cancel                           context.CancelFunc
	running                          sync.WaitGroup
}

// New checks cfg.
func New(cfg Config) (*Scheduler, error) {
	if cfg.Objects == nil || cfg.Lake == nil || cfg.Vectors == nil || cfg.Queue == nil || cfg.Shares == nil || cfg.Log == nil {
		return nil, errors.New("scheduler: Objects, Lake, Vectors, Queue, Shares and Log are required")
	}
	if cfg.Recipes[tasks.Image] == "" || cfg.Recipes[tasks.Text] == "" {
		return nil, errors.New("scheduler: Recipes must name the image and the text recipe of the generation")
	}
	if cfg.SweepEvery <= 0 {
		cfg.SweepEvery = time.Minute
	}
	if cfg.Settings == nil {
		cfg.Settings = tasks.DefaultSettings
	}
	if cfg.Lead == nil {
		cfg.Lead = func() bool { return true }
	}
	s := &Scheduler{Config: cfg}
	s.hints.wake, s.soon = make(chan struct{}, 1), make(chan struct{}, 1)
	s.people.wake, s.usersSoon = make(chan struct{}, 1), make(chan struct{}, 1)
	s.live, s.bulk = newWindow(s, products, tasks.Live), newWindow(s, products, tasks.Bulk)
	s.liveUsers, s.bulkUsers = newWindow(s, shoppers, tasks.Live), newWindow(s, shoppers, tasks.Bulk)
	s.bulk.full = func(ctx context.Context) { s.ahead.blocked(ctx, s) }
	return s, nil
}

// Start sweeps at once and then every SweepEvery, and answers hints as they
// come, until Stop.
func (s *Scheduler) Start() {
	ctx := s.startHints()
	s.running.Go(func() { s.sweepLoop(ctx) })
	if s.Behaviour != nil {
		s.running.Go(func() { s.userLoop(ctx) })
	}
	if s.WatchDir != "" {
		s.running.Go(func() { s.watch(ctx) })
	}
	if s.Tell != nil {
		s.running.Go(func() { s.tellLoop(ctx) })
	}
}

// StartHints answers hints alone, in place of Start: for a process that commits rows
// beside a scheduler elsewhere.
func (s *Scheduler) StartHints() { s.startHints() }

func (s *Scheduler) startHints() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.running.Go(func() { s.hintLoop(ctx) })
	s.running.Go(func() { s.peopleLoop(ctx) })
	return ctx
}

// Stop ends the loops and waits for them. Whatever was not enqueued is found by
// the next sweep.
func (s *Scheduler) Stop() {
	if s.cancel != nil {
		s.cancel()
		s.running.Wait()
	}
}

// Idle tells that a sweep has been completed and that no hint waits.
func (s *Scheduler) Idle() bool { return s.sweeps.Load() > 0 && s.hints.empty() && s.people.empty() }

// SweepSoon begins the next sweep without waiting for its time: the queues may have
// been lost. It never blocks.
func (s *Scheduler) SweepSoon() {
	select {
	case s.soon <- struct{}{}:
	default:
	}
	s.sweepUsersSoon()
}

// Last is the report of the newest completed sweep, nil before the first.
func (s *Scheduler) Last() *Report { return s.last.Load() }

func (s *Scheduler) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(s.SweepEvery)
	defer tick.Stop()
	for {
		var r Report
		var err error
		lead := s.Lead()
		if lead {
			r, err = s.Sweep(ctx)
		}
		switch {
		case !lead:
		case ctx.Err() != nil:
			return
		case err != nil:
			s.Log.Error("the sweep failed and will be tried again", "error", err)
			select { // sooner than the next round: nothing is complete before a sweep was
			case <-time.After(min(s.SweepEvery, 2*time.Second)):
				continue
			case <-ctx.Done():
				return
			}
		default:
			s.last.Store(&r)
			if s.sweeps.Add(1) == 1 {
				s.sweepUsersSoon()
			}
			s.Log.Debug("sweep", "report", r)
		}
		select {
		case <-tick.C:
		case <-s.soon:
		case <-ctx.Done():
			return
		}
	}
}
