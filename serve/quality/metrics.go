package quality

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the figures of all tenants of a process. No label holds an id.
type Metrics struct {
	judged   *prometheus.CounterVec // by tenant, road and outcome
	baseline *prometheus.CounterVec // by tenant and outcome
	unjudged *prometheus.CounterVec // by tenant
	followed *prometheus.GaugeVec   // by tenant
	shown    *prometheus.GaugeVec   // by tenant
	cosine   *prometheus.GaugeVec   // by tenant
	psi      *prometheus.GaugeVec   // by tenant
	recent   *prometheus.GaugeVec   // by tenant
}

// NewMetrics registers the figures.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		judged: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_lists_judged_total",
			Help: "Served lists by what their shopper did within half an hour: bought or clicked one of the first ten, acted elsewhere, or did nothing."}, []string{"tenant", "road", "outcome"}),
		baseline: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_popular_judged_total",
			Help: "The same lists' outcomes, had the ten most popular products been served instead."}, []string{"tenant", "outcome"}),
		unjudged: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_lists_unjudged_total",
			Help: "Served lists that were not followed: too many were, or the shopper's rows could not be read."}, []string{"tenant"}),
		followed: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_lists_followed", Help: "Served lists that wait for their half hour to pass."}, []string{"tenant"}),
		shown: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_lists_products",
			Help: "Different products among the lists that this process served in the last one to two hours, estimated to about 1 %."}, []string{"tenant"}),
		cosine: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_vectors_drift_cosine",
			Help: "Cosine of the mean product vector of the last day with the mean of all older ones."}, []string{"tenant"}),
		psi: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_vectors_drift_psi",
			Help: "Population stability index of the last day's product vectors: their likeness to the mean of the older ones, in ten parts."}, []string{"tenant"}),
		recent: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_vectors_recent", Help: "Products whose vector is of the last day."}, []string{"tenant"}),
	}
	for _, c := range []prometheus.Collector{m.judged, m.baseline, m.unjudged, m.followed, m.shown, m.cosine, m.psi, m.recent} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// drift shows a comparison; figures of too few vectors are not shown, for they would mean nothing.
func (m *Metrics) drift(tenant string, d Drift) {
	m.recent.WithLabelValues(tenant).Set(float64(d.Recent))
	if d.Recent < leastVectors || d.Older < leastVectors {
		m.cosine.DeleteLabelValues(tenant)
		m.psi.DeleteLabelValues(tenant)
		return
	}
	m.cosine.WithLabelValues(tenant).Set(d.Cosine)
	m.psi.WithLabelValues(tenant).Set(d.PSI)
}
