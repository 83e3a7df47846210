package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// ErrPostpone wraps an error that is not the task's own: a store that cannot
// be reached, a worker that is stopping. The task comes back without having
// used up an attempt.
var ErrPostpone = errors.New("postponed")

// Attempt tells a handler how often its task failed before.
type Attempt struct {
	Failed int  // 0 on the first run
	Last   bool // a failure now is the end: settle it
}

// Handler runs one task. nil acknowledges it: whatever it produced must be
// durable by then. ctx ends at SoftDeadline and when the server is stopped
// without waiting further.
type Handler func(ctx context.Context, t tasks.Task, a Attempt) error

// Config describes a server.
type Config struct {
	Redis    redis.UniversalClient  // not closed
	Handlers map[tasks.Type]Handler // types without a handler are left to other workers
	Slots    map[tasks.Type]int     // tasks held at once, per type and lane; default 32
	// Refuse settles a payload that no worker can read, or that stayed newer than
	// this worker for an hour. An error puts it back.
	Refuse func(ctx context.Context, payload []byte, reason error) error
	// StopTimeout bounds Stop; tasks that run longer go back to the queue. Default 30 s.
	StopTimeout time.Duration
	// Suspects looks up, for each photo, whether workers died with it in hand; its
	// Attempt then says how many. Only a Reaper remembers such.
	Suspects bool
	// Name is how this worker is called where it tells its pace to others: an empty one
	// tells nothing. Room and Spent are told with it; Spent may be nil.
	Name  string
	Room  int
	Spent func() map[tasks.Tenant]float64
	// Tally, if given, tells what the worker has encoded and what it knew already, for
	// its reports.
	Tally func() (encoded, cached map[tasks.Modality]int64)
	// Drain is called once when somebody asks this worker to drain; see Client.Drain.
	Drain func()
	Log   *slog.Logger
}

const defaultSlots = 32

// Server runs handlers. Start and Stop may be called once each.
type Server struct {
	cfg     Config
	servers []*asynq.Server
	meter   *meter
	reports *reports // nil: nothing is told
	cancel  context.CancelFunc
	stop    sync.Once
}

// NewServer validates cfg.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Redis == nil || len(cfg.Handlers) == 0 || cfg.Refuse == nil || cfg.Log == nil {
		return nil, errors.New("queue server: Redis, Handlers, Refuse and Log are required")
	}
	if cfg.StopTimeout <= 0 {
		cfg.StopTimeout = 30 * time.Second
	}
	s := &Server{cfg: cfg, meter: newMeter(cfg.Slots, time.Now())}
	if cfg.Name != "" {
		s.reports = newReports(cfg, s.meter)
	}
	return s, nil
}

// Start begins to take tasks. On error nothing runs.
func (s *Server) Start() error {
	base, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, t := range tasks.Types() {
		h, ok := s.cfg.Handlers[t]
		if !ok {
			continue
		}
		for _, lane := range tasks.Lanes() {
			for range takers(t, lane) {
				srv := asynq.NewServerFromRedisClient(s.cfg.Redis, s.asynqConfig(base, t, lane))
				if err := srv.Start(asynq.HandlerFunc(s.wrap(h))); err != nil {
					s.Stop()
					return fmt.Errorf("starting the %s server: %w", tasks.QueueName(t, lane), err)
				}
				s.servers = append(s.servers, srv)
			}
		}
	}
	if s.reports != nil {
		s.reports.start()
	}
	return nil
}

// takers is how many asynq servers a queue has. One fetches a task at a time, and on a
// busy machine the round trip takes longer than a fusion: where somebody waits for many
// small tasks, several fetch.
func takers(t tasks.Type, lane tasks.Lane) int {
	if t == tasks.UserFuse && lane == tasks.Live {
		return 4
	}
	return 1
}

// asynqConfig gives every queue a server of its own. A server of several queues
// runs a script in Redis for each queue that it finds empty before the one that
// holds work; and with slots of its own, a lane cannot hold up the other.
func (s *Server) asynqConfig(base context.Context, t tasks.Type, lane tasks.Lane) asynq.Config {
	slots := s.cfg.Slots[t]
	if slots <= 0 {
		slots = defaultSlots
	}
	return asynq.Config{
		BaseContext:              func() context.Context { return base },
		Concurrency:              max(1, slots/takers(t, lane)),
		Queues:                   map[string]int{tasks.QueueName(t, lane): 1},
		TaskCheckInterval:        25 * time.Millisecond,
		DelayedTaskCheckInterval: 500 * time.Millisecond,
		ShutdownTimeout:          s.cfg.StopTimeout,
		RetryDelayFunc:           retryDelay,
		IsFailure:                func(err error) bool { return !errors.Is(err, ErrPostpone) && !errors.Is(err, tasks.ErrNewerPayload) },
		Logger:                   asynqLog{s.cfg.Log},
		LogLevel:                 asynq.WarnLevel,
	}
}

// retryDelay doubles from half a second to half a minute, with jitter so that
// tasks that failed together do not come back together.
func retryDelay(n int, err error, _ *asynq.Task) time.Duration {
	d := min(500*time.Millisecond<<min(n, 10), 30*time.Second)
	switch {
	case errors.Is(err, tasks.ErrNewerPayload):
		d = newerDelay
	case errors.Is(err, ErrPostpone):
		d = 2 * time.Second
	}
	return d/2 + rand.N(d)
}

// Stop takes no new task, waits up to StopTimeout for those that run, and
// returns. Tasks that did not end by then are back in the queue.
func (s *Server) Stop() {
	s.stop.Do(func() {
		if s.reports != nil {
			s.reports.draining.Store(true)
			defer s.reports.stop()
		}
		var wg sync.WaitGroup
		for _, srv := range s.servers {
			wg.Go(srv.Shutdown)
		}
		wg.Wait()
		if s.cancel != nil {
			s.cancel()
		}
	})
}

func (s *Server) wrap(h Handler) func(context.Context, *asynq.Task) error {
	return func(ctx context.Context, at *asynq.Task) error {
		t, err := tasks.Decode(at.Payload())
		if err != nil {
			return s.unreadable(ctx, at.Payload(), err)
		}
		if coalesced(t) {
			if err := s.cfg.Redis.Del(ctx, waitingKey(t)).Err(); err != nil {
				return fmt.Errorf("%w: %w", ErrPostpone, err)
			}
		}
		if s.cfg.Suspects {
			if t.Attempt, err = suspected(ctx, s.cfg.Redis, t); err != nil {
				return fmt.Errorf("%w: %w", ErrPostpone, err)
			}
		}
		failed, _ := asynq.GetRetryCount(ctx)
		limit, _ := asynq.GetMaxRetry(ctx)
		ctx, cancel := context.WithTimeout(ctx, SoftDeadline)
		defer cancel()
		s.meter.begin(t.Type)
		settled := false // whatever happens, it is in hand no longer
		defer func() { s.meter.end(t.Type, settled) }()
		err = h(ctx, t, Attempt{Failed: failed, Last: failed >= limit})
		settled = err == nil
		return err
	}
}

const (
	newerDelay = 30 * time.Second
	newerLimit = time.Hour
)

// unreadable puts a newer payload back until it has waited for an hour, and
// settles everything else at once.
func (s *Server) unreadable(ctx context.Context, payload []byte, err error) error {
	if errors.Is(err, tasks.ErrNewerPayload) {
		id, _ := asynq.GetTaskID(ctx)
		key := "weft:newer:" + id
		if e := s.cfg.Redis.SetNX(ctx, key, time.Now().UnixMilli(), 2*newerLimit).Err(); e != nil {
			return fmt.Errorf("%w: %w", ErrPostpone, e)
		}
		since, e := s.cfg.Redis.Get(ctx, key).Int64()
		if e != nil {
			return fmt.Errorf("%w: %w", ErrPostpone, e)
		}
		if time.Since(time.UnixMilli(since)) < newerLimit {
			s.cfg.Log.Warn("a task is newer than this worker: put back", "task", id, "error", err)
			return err
		}
	}
	if e := s.cfg.Refuse(ctx, payload, err); e != nil {
		return fmt.Errorf("%w: %w", ErrPostpone, e)
	}
	return nil
}
