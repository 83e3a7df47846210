package worker

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/extractors"
	"weft/tasks"
)

// metrics are a worker's figures. Steps overlap: decode and encode are bounded
// by the cores, the rest mostly waits.
type metrics struct {
	*tally
	inputs inputs
	spent  *spent
	steps  *prometheus.HistogramVec // seconds by step
	tasks  *prometheus.CounterVec   // by tenant, type and outcome
	items  *prometheus.CounterVec   // by tenant, modality and origin (encoded, cached)
	again  *prometheus.CounterVec   // encodings in vain, by modality
	deaths *prometheus.CounterVec   // by tenant and reason
	sizes  *prometheus.HistogramVec // items by modality
	runs   *prometheus.HistogramVec // encoder seconds by modality
	tenant tasks.Tenant
	users  prometheus.Histogram // seconds from row to shopper's vector
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		tally: &tally{}, inputs: newInputs(), spent: newSpent(),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_step_seconds", Help: "Seconds spent in each step of a task, waits included.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}, []string{"step"}),
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_tasks_total", Help: "Tasks that ended, by type and outcome.",
		}, []string{"tenant", "type", "outcome"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_features_total", Help: "Features by modality and origin: encoded, or cached because the content was known.",
		}, []string{"tenant", "modality", "origin"}),
		again: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_repeats_total", Help: "Contents encoded although another worker was encoding them, by modality.",
		}, []string{"modality"}),
		deaths: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_dead_total", Help: "Items given up, by reason.",
		}, []string{"tenant", "reason"}),
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_batch_items", Help: "Items in an encoder call.", Buckets: []float64{1, 2, 4, 8, 16, 32, 64},
		}, []string{"modality"}),
		runs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_encoder_seconds", Help: "Seconds of an encoder call.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"modality"}),
		users: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weft_row_to_vector_seconds", Help: "Seconds from the intake of a shopper's newest row to their readable vector; rows of the last minute only.",
			Buckets: prometheus.ExponentialBuckets(0.02, 1.6, 14),
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range append(m.inputs.all(), m.spent.total, m.steps, m.tasks, m.items, m.again, m.deaths, m.sizes, m.runs, m.users) {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// of is the figures of one tenant. Steps and batches are the machine's.
func (m *metrics) of(tenant tasks.Tenant) *metrics {
	label := prometheus.Labels{"tenant": string(tenant)}
	one := *m
	one.tally, one.tenant = &tally{}, tenant
	one.tasks, one.items, one.deaths = m.tasks.MustCurryWith(label), m.items.MustCurryWith(label), m.deaths.MustCurryWith(label)
	return &one
}

// spent is what the tenants have had of the encoders.
type spent struct {
	total *prometheus.CounterVec // by tenant

	mu sync.Mutex
	by map[tasks.Tenant]float64
}

func newSpent() *spent {
	return &spent{by: map[tasks.Tenant]float64{}, total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weft_tenant_encoder_seconds_total", Help: "Seconds of an encoder that a tenant's items took: what it costs.",
	}, []string{"tenant"})}
}

func (m *metrics) spend(seconds float64) {
	m.spent.total.WithLabelValues(string(m.tenant)).Add(seconds)
	m.spent.mu.Lock()
	defer m.spent.mu.Unlock()
	m.spent.by[m.tenant] += seconds
}

func (s *spent) all() map[tasks.Tenant]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.by)
}

// time starts a step's clock; call the result when the step ends.
func (m *metrics) time(step string) func() {
	start := time.Now()
	return func() { m.steps.WithLabelValues(step).Observe(time.Since(start).Seconds()) }
}

func (m *metrics) finished(t tasks.Task, outcome string) {
	m.tasks.WithLabelValues(string(t.Type), outcome).Inc()
}

func (m *metrics) died(r tasks.Reason) {
	m.deaths.WithLabelValues(string(r)).Inc()
	m.dead.Add(1)
}

// made counts a feature: encoded now, or cached because its content was known.
func (m *metrics) made(k tasks.Modality, encoded bool) {
	origin, count := "cached", &m.cached[slot(k)]
	if encoded {
		origin, count = "encoded", &m.encoded[slot(k)]
	}
	count.Add(1)
	m.items.WithLabelValues(string(k), origin).Inc()
}

// repeat counts an encoding that another worker made durable first.
func (m *metrics) repeat(k tasks.Modality) {
	m.repeats.Add(1)
	m.again.WithLabelValues(string(k)).Inc()
}

// publishUser counts a shopper's vector. taken is when its newest row was taken in,
// Unix ms: one of long ago was not waited for.
func (m *metrics) publishUser(taken int64) {
	m.people.Add(1)
	if age := time.Since(time.UnixMilli(taken)); age < time.Minute {
		m.users.Observe(max(age, 0).Seconds())
	}
}

// batches counts and times the encoder calls of a modality.
func (m *metrics) batches(k tasks.Modality) func(extractors.BatchStats) {
	items, runs, waits := m.sizes.WithLabelValues(string(k)), m.runs.WithLabelValues(string(k)), m.steps.WithLabelValues("batch")
	return func(s extractors.BatchStats) {
		items.Observe(float64(s.Items))
		runs.Observe(s.Ran.Seconds())
		waits.Observe(s.Waited.Seconds())
	}
}
