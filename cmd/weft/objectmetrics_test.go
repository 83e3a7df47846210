package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"weft/storage/objects"
)

// An alert watches the errors: what is expected of a bucket is none.
func TestExpectedAnswersAreNoErrors(t *testing.T) {
	m := newObjectMetrics(prometheus.NewRegistry())
	for _, err := range []error{nil, objects.ErrNotExist, fmt.Errorf("put: %w", objects.ErrPrecondition), objects.ErrChanged, objects.ErrUnavailable, objects.ErrFull} {
		m.Observe(objects.OpPut, time.Millisecond, 1, err)
	}
	var failed dto.Metric
	must(t, m.failed.WithLabelValues(string(objects.OpPut)).Write(&failed))
	if n := failed.GetCounter().GetValue(); n != 2 {
		t.Errorf("%g errors, want 2", n)
	}
}
