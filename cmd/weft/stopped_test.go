package main

import (
	"context"
	"io"
	"log/slog"
	"testing"
)

// An orchestrator that changes its mind stops a process that is still starting. That is no failure.
func TestStoppedWhileStarting(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a := &app{out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler)}
	in := place{Tenant: "default", Objects: "file://" + t.TempDir(), Queue: "redis://127.0.0.1:1/0", Vectors: "redis://127.0.0.1:1/1"}
	for name, run := range map[string]func(context.Context, *app) error{
		"worker":    (&workerCmd{place: in}).Run,
		"scheduler": (&schedulerCmd{place: in}).Run,
		"serve":     (&serveCmd{place: in}).Run,
	} {
		if err := run(ctx, a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := run(context.Background(), a); err == nil {
			t.Errorf("%s: no error for a Redis that is not there", name)
		}
	}
}
