package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is the flag of roles that answer no other HTTP.
type metrics struct {
	Metrics string `help:"Address of GET /metrics for Prometheus, such as 127.0.0.1:9090; none by default." placeholder:"ADDR"`
}

// start answers GET /metrics until the node stops.
func (m metrics) start(n *node) error {
	if m.Metrics == "" {
		return nil
	}
	listener, err := net.Listen("tcp", m.Metrics)
	if err != nil {
		return usageError{fmt.Errorf("--metrics %s: %w; give a free host:port", m.Metrics, err)}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	n.roles.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("metrics are no longer answered", "address", listener.Addr(), "error", err)
		}
	})
	n.onStop(func() { _ = server.Close() })
	n.log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	return nil
}
