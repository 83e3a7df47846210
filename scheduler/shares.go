package scheduler

import (
	"context"
	"slices"
	"sync"
	"time"

	"weft/tasks"
)

// Shares divides the room in the queues among tenants. There is as much of it as the
// workers take in hand with ease, so that no task waits in a queue for long: the order of
// service is then the workers', who take turns among tenants. A tenant may always fill
// its own share by weight, and beyond it what the others leave unused. The claim to one's own
// share does not wait until what was lent is done: the workers have as much room again.
//
// Everything is counted in the queues themselves, so any number of processes may feed the
// same tenants or others. Safe for concurrent use.
type Shares struct {
	queue   tasks.Queue
	workers func(context.Context) ([]tasks.Pace, error)
	least   int

	mu       sync.Mutex
	weights  map[tasks.Tenant]float64
	capacity int                            // tasks of a part in a lane
	sized    time.Time                      // when the workers were asked for theirs
	seen     map[tasks.Tenant][]tasks.Depth // as counted, and as promised since
	looked   time.Time
	promised bool
}

// LeastRoom is the room while no worker tells of any.
const LeastRoom = 256

// NewShares divides the room that the workers tell of, at least least tasks of each kind and
// lane. workers may be nil: there is that much then.
func NewShares(q tasks.Queue, workers func(context.Context) ([]tasks.Pace, error), least int) *Shares {
	return &Shares{queue: q, workers: workers, least: max(1, least), weights: map[tasks.Tenant]float64{}}
}

// part is the types of tasks that are counted together.
type part []tasks.Type

var (
	products = part{tasks.ImageEmbed, tasks.TextEmbed, tasks.ProductFuse}
	shoppers = part{tasks.UserFuse}
)

// waitingOf counts the tasks of a part that are still to be done, in the lanes.
func waitingOf(ds []tasks.Depth, of part, lanes ...tasks.Lane) (n int) {
	for _, d := range ds {
		if slices.Contains(of, d.Type) && slices.Contains(lanes, d.Lane) {
			n += d.Waiting()
		}
	}
	return n
}

const (
	sizeEvery = 2 * time.Second // between two questions after the workers' room
	few       = 4               // tasks that any tenant may have in a lane, however many tenants there are
)

// room lets a tenant add some tasks of a part in a lane, at most lookEvery before it asks
// again; where it lets none, held says why.
func (s *Shares) room(ctx context.Context, tenant tasks.Tenant, of part, lane tasks.Lane, set tasks.Settings) (n int, held tasks.Held, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.weights[tenant] = set.Weight
	if time.Since(s.looked) > lookPause/2 {
		err = s.look(ctx)
	}
	for err == nil {
		if n, held = s.left(tenant, of, lane, set); n > 0 {
			n = min(n, lookEvery)
			s.seen[tenant] = append(slices.Clone(s.seen[tenant]), tasks.Depth{Type: of[0], Lane: lane, Pending: n}) // until the next look
			s.promised = true
			return n, "", nil
		}
		if !s.promised {
			return 0, held, nil
		}
		err = s.look(ctx) // what was promised may be done by now
	}
	return 0, "", err
}

// left is what a tenant may still add, as the queues were seen.
func (s *Shares) left(tenant tasks.Tenant, of part, lane tasks.Lane, set tasks.Settings) (int, tasks.Held) {
	weights, others := set.Weight, 0
	for other, ds := range s.seen {
		if n := waitingOf(ds, of, lane); other != tenant && n > 0 {
			weights += s.weight(other)
			others += n
		}
	}
	mine := s.seen[tenant]
	own := max(few, int(float64(s.capacity)*set.Weight/weights))
	n := max(own, s.capacity-others) - waitingOf(mine, of, lane)
	if left := set.Quota - tasks.Waiting(mine); set.Quota > 0 && left < n {
		return left, tasks.HeldByQuota
	}
	return n, tasks.HeldByShare
}

func (s *Shares) weight(t tasks.Tenant) float64 {
	if w, known := s.weights[t]; known {
		return w
	}
	return tasks.DefaultSettings().Weight // another process feeds it
}

// look counts the queues, and now and then the workers' room.
func (s *Shares) look(ctx context.Context) error {
	now := time.Now()
	if s.workers != nil && now.Sub(s.sized) >= sizeEvery {
		if ps, err := s.workers(ctx); err == nil {
			s.capacity = 0
			for _, p := range ps {
				s.capacity += p.Room
			}
		}
		s.sized = now
	}
	s.capacity = max(s.capacity, s.least)
	seen, err := s.queue.DepthsByTenant(ctx)
	if err == nil {
		s.seen, s.looked, s.promised = seen, now, false
	}
	return err
}
