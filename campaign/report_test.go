package campaign

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report is one line per kind of fault.
type report struct {
	kinds   []kind
	lines   map[string]*line
	batches []batchResult
	busy    []int // tasks waiting or in work when a fault began
}

type line struct {
	injected, missed, lost int
	alone, mixed           []time.Duration // until converged
}

type batchResult struct {
	batch
	convergence
}

func newReport(all []kind) *report {
	r := &report{kinds: all, lines: map[string]*line{}}
	for _, k := range all {
		r.lines[k.name] = &line{}
	}
	return r
}

// injected counts a fault; one that met nothing to break is missed. busy is how many
// tasks were waiting or in work, -1 if Redis could not say.
func (r *report) injected(k kind, missed bool, busy int) {
	if missed {
		r.lines[k.name].missed++
		return
	}
	r.lines[k.name].injected++
	if busy >= 0 {
		r.busy = append(r.busy, busy)
	}
}

func (r *report) converged(b batch, how convergence) {
	r.batches = append(r.batches, batchResult{b, how})
	seen := map[string]bool{}
	for _, k := range b.faults {
		l := r.lines[k.name]
		if len(how.missing) > 0 {
			l.lost++
		}
		switch {
		case seen[k.name]:
		case b.alone():
			l.alone = append(l.alone, how.balanced)
		default:
			l.mixed = append(l.mixed, how.balanced)
		}
		seen[k.name] = true
	}
}

// total is how many faults were injected, of how many kinds, and how many were lost.
func (r *report) total() (faults, kinds, lost int) {
	for _, l := range r.lines {
		faults += l.injected
		lost += l.lost
		if l.injected > 0 {
			kinds++
		}
	}
	return faults, kinds, lost
}

// write prints the table. Seconds to converge are of the batches that held the kind
// alone, or, with a star, of those that held others too.
func (r *report) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "fault\tinjected\tsurvived\tlost\tseconds p50\tmax\t")
	for _, k := range r.kinds {
		l := r.lines[k.name]
		times, star := l.alone, ""
		if len(times) == 0 {
			times, star = l.mixed, "*"
		}
		if len(times) == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f%s\t%.1f%s\t\n", k.name, l.injected, max(0, l.injected-l.lost), l.lost,
			quantile(times, 0.5).Seconds(), star, quantile(times, 1).Seconds(), star)
	}
	faults, kinds, lost := r.total()
	var resumed, readable, balanced []time.Duration
	for _, b := range r.batches {
		resumed, readable, balanced = append(resumed, b.resumed), append(readable, b.readable), append(balanced, b.balanced)
	}
	fmt.Fprintf(t, "%d kinds\t%d\t%d\t%d\t%.1f\t%.1f\t\n", kinds, faults, max(0, faults-lost), lost, quantile(balanced, 0.5).Seconds(), quantile(balanced, 1).Seconds())
	_ = t.Flush() // w takes everything
	slices.Sort(r.busy)
	if n := len(r.busy); n > 0 {
		fmt.Fprintf(w, "tasks waiting or in work when a fault began: median %d, most %d\n", r.busy[n/2], r.busy[n-1])
	}
	fmt.Fprintf(w, "after the last fault of a batch, seconds p50/p99/max: first task ended %s, Redis complete %s, audit balanced %s\n",
		quantiles(resumed), quantiles(readable), quantiles(balanced))
}

func quantiles(d []time.Duration) string {
	return fmt.Sprintf("%.1f/%.1f/%.1f", quantile(d, 0.5).Seconds(), quantile(d, 0.99).Seconds(), quantile(d, 1).Seconds())
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
