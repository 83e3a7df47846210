package serve

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the HTTP side. No label holds an id or anything else a client chooses.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	search   prometheus.Histogram
	products *prometheus.GaugeVec
	bytes    *prometheus.GaugeVec
	fills    *prometheus.CounterVec
	skipped  *prometheus.CounterVec
	hints    *prometheus.CounterVec
	roads    *prometheus.CounterVec
}

func newMetrics(reg *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_http_requests_total", Help: "HTTP requests answered."}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weft_http_request_seconds", Help: "From the request's headers to the end of the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weft_http_in_flight", Help: "HTTP requests being answered."}),
		search: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weft_search_seconds", Help: "One neighbour search, without its wait.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}}),
		products: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_search_products", Help: "Products held in memory for neighbour search."}, []string{"tenant"}),
		bytes:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weft_search_bytes", Help: "Memory held for neighbour search."}, []string{"tenant"}),
		fills:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_search_fills_total", Help: "Times the neighbour search was filled anew from the vectors store."}, []string{"tenant"}),
		skipped:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_search_skipped_total", Help: "Vectors that cannot be searched."}, []string{"tenant"}),
		hints:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_hints_total", Help: "Hints to the scheduler after a write; lost ones are found by the sweep."}, []string{"result"}),
		roads:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weft_recommendations_total", Help: "Lists of recommendations, by the road they came on."}, []string{"road"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.inFlight, m.search, m.products, m.bytes, m.fills, m.skipped, m.hints, m.roads} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("%w: Registry: %w (one registry serves one server)", ErrConfig, err)
		}
	}
	return m, nil
}

func (m *metrics) request(r *http.Request, status int, took time.Duration) {
	route := r.Pattern
	if route == "" || route == "/" {
		route = "other"
	}
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
