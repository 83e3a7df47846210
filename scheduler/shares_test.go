package scheduler

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weft/tasks"
)

// queued is what one tenant has in a lane, all photos.
func queued(n int, lane tasks.Lane) []tasks.Depth {
	return []tasks.Depth{{Type: tasks.ImageEmbed, Lane: lane, Pending: n}}
}

// fill adds tasks while there is room, as a feeder of many photos does, and leaves the
// queues as they were.
func fill(t *testing.T, q *recorder, s *Shares, tenant tasks.Tenant, of part, lane tasks.Lane, set tasks.Settings) (total int, held tasks.Held) {
	t.Helper()
	before := q.depths[tenant]
	defer func() { q.depths[tenant] = before }()
	for {
		n, held, err := s.room(t.Context(), tenant, of, lane, set)
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n == 0 {
			return total, held
		}
		q.depths[tenant] = append(slices.Clone(before), tasks.Depth{Type: of[0], Lane: lane, Pending: total})
	}
}

func TestAShareIsLentAndComesBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &recorder{depths: map[tasks.Tenant][]tasks.Depth{}}
		s := NewShares(q, func(context.Context) ([]tasks.Pace, error) { return []tasks.Pace{{Room: 300}, {Room: 300}}, nil }, 100)
		one := tasks.Settings{Weight: 1}
		if n, held := fill(t, q, s, "large", products, tasks.Bulk, one); n != 600 || held != tasks.HeldByShare {
			t.Errorf("alone it may fill %d (%s), want all of the workers' 600", n, held)
		}
		q.depths["large"] = queued(600, tasks.Bulk)
		time.Sleep(time.Second)
		if n, _ := fill(t, q, s, "small", products, tasks.Bulk, one); n != 300 {
			t.Errorf("the other may add %d while everything is lent, want its half", n)
		}
		q.depths["small"] = queued(300, tasks.Bulk)
		q.depths["large"] = queued(301, tasks.Bulk)
		time.Sleep(time.Second)
		if n, _ := fill(t, q, s, "large", products, tasks.Bulk, one); n != 0 {
			t.Errorf("beside a full share %d more are lent", n)
		}
		q.depths["small"] = queued(10, tasks.Bulk)
		time.Sleep(time.Second)
		if n, _ := fill(t, q, s, "large", products, tasks.Bulk, one); n != 600-10-301 {
			t.Errorf("%d of what the other leaves unused are lent", n)
		}
		if n, _ := fill(t, q, s, "large", products, tasks.Live, one); n != 600 {
			t.Errorf("the live lane has %d, want a room of its own", n)
		}
		if n, _ := fill(t, q, s, "large", shoppers, tasks.Bulk, one); n != 600 {
			t.Errorf("shoppers have %d, want a room of their own", n)
		}
	})
}

func TestSharesFollowWeightsAndNobodyGetsNothing(t *testing.T) {
	q := &recorder{depths: map[tasks.Tenant][]tasks.Depth{"a": queued(1000, tasks.Bulk), "elsewhere": queued(1000, tasks.Bulk)}}
	s := NewShares(q, nil, 700)
	fill(t, q, s, "a", products, tasks.Bulk, tasks.Settings{Weight: 2})
	if n, _ := fill(t, q, s, "b", products, tasks.Bulk, tasks.Settings{Weight: 4}); n != 400 {
		t.Errorf("weight 4 beside 2 and 1: %d of 700, want 400", n)
	}
	if n, _ := fill(t, q, s, "c", products, tasks.Bulk, tasks.Settings{Weight: tasks.MinWeight}); n != few {
		t.Errorf("the least weight: %d, want %d", n, few)
	}
}

func TestAQuotaBoundsWhatWaitsInAllQueues(t *testing.T) {
	q := &recorder{depths: map[tasks.Tenant][]tasks.Depth{"a": append(queued(30, tasks.Bulk), tasks.Depth{Type: tasks.UserFuse, Lane: tasks.Live, Active: 15, Retry: 5})}}
	s := NewShares(q, nil, 700)
	set := tasks.Settings{Weight: 1, Quota: 60}
	n, held := fill(t, q, s, "a", products, tasks.Bulk, set)
	if n != 10 || held != tasks.HeldByQuota {
		t.Errorf("%d more (%s), want the 10 that are left of 60", n, held)
	}
	if n, _ := fill(t, q, s, "b", products, tasks.Bulk, tasks.Settings{Weight: 1}); n != 700-30 {
		t.Errorf("another tenant may add %d", n)
	}
}

func TestTheRoomIsTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ps []tasks.Pace
		var err error
		q := &recorder{depths: map[tasks.Tenant][]tasks.Depth{}}
		s := NewShares(q, func(context.Context) ([]tasks.Pace, error) { return ps, err }, 50)
		for _, step := range []struct {
			ps   []tasks.Pace
			err  error
			want int
		}{{nil, nil, 50}, {[]tasks.Pace{{Room: 512}, {Room: 512}}, nil, 1024}, {nil, errors.New("away"), 1024}, {[]tasks.Pace{{Room: 8}}, nil, 50}} {
			ps, err = step.ps, step.err
			time.Sleep(sizeEvery)
			if n, _ := fill(t, q, s, "a", products, tasks.Bulk, tasks.Settings{Weight: 1}); n != step.want {
				t.Errorf("with %+v (%v): room for %d, want %d", step.ps, step.err, n, step.want)
			}
		}
	})
}
