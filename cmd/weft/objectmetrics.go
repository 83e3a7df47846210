package main

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/storage/objects"
)

// objectMetrics counts and times what a process asks of its bucket.
type objectMetrics struct {
	seconds *prometheus.HistogramVec
	bytes   *prometheus.CounterVec
	failed  *prometheus.CounterVec
}

func newObjectMetrics(reg prometheus.Registerer) *objectMetrics {
	m := &objectMetrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_object_seconds", Help: "Seconds of a call to the object store, by operation.", Buckets: prometheus.ExponentialBuckets(0.0002, 4, 9),
		}, []string{"operation"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_object_bytes_total", Help: "Bytes moved to and from the object store; for lists the objects listed.",
		}, []string{"operation"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weft_object_errors_total", Help: "Calls to the object store that failed; the answers that an object is not there, or not as it was expected, do not count.",
		}, []string{"operation"}),
	}
	reg.MustRegister(m.seconds, m.bytes, m.failed)
	return m
}

// Observe implements objects.Observer.
func (m *objectMetrics) Observe(op objects.Operation, took time.Duration, n int64, err error) {
	m.seconds.WithLabelValues(string(op)).Observe(took.Seconds())
	m.bytes.WithLabelValues(string(op)).Add(float64(n))
	// Whoever looks, and whoever writes what another has just written, expects these answers.
	expected := errors.Is(err, objects.ErrNotExist) || errors.Is(err, objects.ErrPrecondition) || errors.Is(err, objects.ErrChanged)
	if err != nil && !expected {
		m.failed.WithLabelValues(string(op)).Inc()
	}
}
