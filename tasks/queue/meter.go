package queue

import (
	"sync"
	"time"

	"weft/tasks"
)

// reportEvery is how often a worker tells its pace, and measures it.
const reportEvery = 5 * time.Second

// meter measures how long a worker takes for an item of each type.
//
// Tasks overlap, so the time of one says nothing of the pace; throughput does, but
// only while the worker has enough to do: an interval counts when in all of it at least
// a share of the slots of some type was taken. Its length is then divided among the
// types that ended in it, by what they were thought to take: the sum is right for
// the mix that was seen, which is what a backlog of such a mix needs.
type meter struct {
	enough map[tasks.Type]int // tasks in hand that keep the worker busy

	mu      sync.Mutex
	inHand  map[tasks.Type]int
	least   map[tasks.Type]int // in hand since the interval began
	ended   map[tasks.Type]int // in the interval
	total   int64
	began   time.Time // of the interval
	seconds map[tasks.Type]float64
}

// busyShare of a type's slots must be taken for the worker to be at its limit. The
// others wait for commits.
const busyShare = 8

// smoothing is the weight of a new interval.
const smoothing = 0.3

func newMeter(slots map[tasks.Type]int, now time.Time) *meter {
	m := &meter{enough: map[tasks.Type]int{}, inHand: map[tasks.Type]int{}, least: map[tasks.Type]int{}, ended: map[tasks.Type]int{},
		began: now, seconds: map[tasks.Type]float64{}}
	for _, t := range tasks.Types() {
		n := slots[t]
		if n <= 0 {
			n = defaultSlots
		}
		m.enough[t] = max(1, n/busyShare)
	}
	return m
}

func (m *meter) begin(t tasks.Type) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inHand[t]++
}

// end counts an item that was settled; one that comes back is none.
func (m *meter) end(t tasks.Type, settled bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inHand[t]--
	m.least[t] = min(m.least[t], m.inHand[t])
	if settled {
		m.ended[t]++
		m.total++
	}
}

// tick ends an interval and returns the worker's pace as it is then known.
func (m *meter) tick(now time.Time) (p tasks.Pace) {
	m.mu.Lock()
	defer m.mu.Unlock()
	busy := false
	for t, n := range m.least {
		busy = busy || n >= m.enough[t]
	}
	if took := now.Sub(m.began).Seconds(); busy && took > 0 {
		m.learn(took)
	}
	p.Done, p.At, p.Seconds = m.total, now.UnixMilli(), map[tasks.Type]float64{}
	for t, s := range m.seconds {
		p.Seconds[t] = s
	}
	for _, t := range tasks.Types() {
		p.InHand += m.inHand[t]
		m.least[t], m.ended[t] = m.inHand[t], 0
	}
	m.began = now
	return p
}

// learn divides took among the types that ended.
func (m *meter) learn(took float64) {
	thought := 0.0
	for t, n := range m.ended {
		thought += float64(n) * m.guess(t)
	}
	if thought == 0 {
		return // nothing ended: a store is away, which says nothing of the pace
	}
	for t, n := range m.ended {
		if n == 0 {
			continue
		}
		seen := m.guess(t) * took / thought
		if old, measured := m.seconds[t]; measured {
			seen = old + smoothing*(min(seen, 4*old)-old) // one stalled interval is no new pace
		}
		m.seconds[t] = seen
	}
}

func (m *meter) guess(t tasks.Type) float64 {
	if s, ok := m.seconds[t]; ok {
		return s
	}
	return tasks.DefaultSeconds(t)
}
