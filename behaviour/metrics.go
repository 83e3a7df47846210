package behaviour

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of collecting. No label holds anything that a client chooses.
type metrics struct {
	rows  *prometheus.CounterVec
	dead  *prometheus.CounterVec
	steps *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		rows:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_rows_total", Help: "Rows taken in, by where they ended."}, []string{"kind", "outcome"}),
		dead:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_rows_dead_total", Help: "Rows refused, by reason."}, []string{"kind", "reason"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_row_steps_total", Help: "What the steps of collecting did with rows."}, []string{"kind", "step", "result"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []**prometheus.CounterVec{&m.rows, &m.dead, &m.steps} {
		err := reg.Register(*c)
		var had prometheus.AlreadyRegisteredError
		if errors.As(err, &had) { // by a collector before this one: the counters go on
			var same bool
			if *c, same = had.ExistingCollector.(*prometheus.CounterVec); same {
				err = nil
			}
		}
		if err != nil {
			return nil, fmt.Errorf("behaviour: Registry: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) count(k Kind, r Report) {
	for outcome, n := range map[Outcome]int{
		Accepted: r.Counts.Accepted, Dead: r.Counts.Dead, Duplicate: r.Counts.Duplicate, Declined: r.Counts.Declined, Waiting: r.Counts.Waiting,
	} {
		m.rows.WithLabelValues(string(k), string(outcome)).Add(float64(n))
	}
	for _, row := range r.Results {
		if row.Outcome == Dead {
			m.dead.WithLabelValues(string(k), row.Reason).Inc()
		}
	}
	for _, s := range r.Steps.Counts() {
		m.steps.WithLabelValues(string(k), s.Step, "reached").Add(float64(s.Reached))
		m.steps.WithLabelValues(string(k), s.Step, "changed").Add(float64(s.Changed))
		m.steps.WithLabelValues(string(k), s.Step, "refused").Add(float64(s.Refused))
	}
}
