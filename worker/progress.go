package worker

import (
	"sync/atomic"
	"time"

	"weft/tasks"
)

// Progress is what a worker has done since it was made.
type Progress struct {
	Encoded   map[tasks.Modality]int64 // items that went through an encoder
	Cached    map[tasks.Modality]int64 // parts whose content was known
	Repeats   int64                    // of the encoded: another worker was faster
	Published int64                    // product vectors written
	Users     int64                    // shoppers' vectors written
	Dead      int64
	First     time.Time // the first task began
	Last      time.Time // the last vector was readable
}

// tally counts for Progress without asking Prometheus.
type tally struct {
	encoded, cached [2]atomic.Int64 // image, text
	published, dead atomic.Int64
	repeats, people atomic.Int64
	first, last     atomic.Int64 // Unix ns
}

func slot(m tasks.Modality) int {
	if m == tasks.Text {
		return 1
	}
	return 0
}

func (t *tally) begin() {
	if t.first.Load() == 0 {
		t.first.CompareAndSwap(0, time.Now().UnixNano())
	}
}

func (t *tally) publish() {
	t.published.Add(1)
	t.last.Store(time.Now().UnixNano())
}

// Tally is the part of Progress that workers tell each other.
func (w *Worker) Tally() (encoded, cached map[tasks.Modality]int64) {
	p := w.Progress()
	return p.Encoded, p.Cached
}

// Progress returns the counts so far.
func (w *Worker) Progress() Progress {
	t := w.metrics.tally
	count := func(c *[2]atomic.Int64) map[tasks.Modality]int64 {
		return map[tasks.Modality]int64{tasks.Image: c[0].Load(), tasks.Text: c[1].Load()}
	}
	p := Progress{Encoded: count(&t.encoded), Cached: count(&t.cached), Repeats: t.repeats.Load(), Published: t.published.Load(), Users: t.people.Load(), Dead: t.dead.Load()}
	if ns := t.first.Load(); ns != 0 {
		p.First = time.Unix(0, ns)
	}
	if ns := t.last.Load(); ns != 0 {
		p.Last = time.Unix(0, ns)
	}
	return p
}

// Sum is the progress of several workers together.
func Sum(all []*Worker) Progress {
	sum := Progress{Encoded: map[tasks.Modality]int64{}, Cached: map[tasks.Modality]int64{}}
	for _, w := range all {
		p := w.Progress()
		for m := range p.Encoded {
			sum.Encoded[m] += p.Encoded[m]
			sum.Cached[m] += p.Cached[m]
		}
		sum.Repeats, sum.Published, sum.Users, sum.Dead = sum.Repeats+p.Repeats, sum.Published+p.Published, sum.Users+p.Users, sum.Dead+p.Dead
		if !p.First.IsZero() && (sum.First.IsZero() || p.First.Before(sum.First)) {
			sum.First = p.First
		}
		if p.Last.After(sum.Last) {
			sum.Last = p.Last
		}
	}
	return sum
}
