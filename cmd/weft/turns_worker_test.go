package main

import (
	"context"
	"log/slog"
	"math"
	"time"

	"weft/worker"
)

// fixedCost is an encoder that takes its time and no core.
type fixedCost struct{ cost time.Duration }

func (fixedCost) Prepare(photo []byte) ([]byte, error) { return photo, nil }

func (f fixedCost) Encode(ctx context.Context, photos [][]byte) ([][]float32, error) {
	timer := time.NewTimer(f.cost * time.Duration(len(photos)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := make([][]float32, len(photos))
	for i := range out {
		out[i] = make([]float32, 1280) // of the default encoder
		for j := range out[i] {
			out[i][j] = float32(math.Sin(float64(j)))
		}
	}
	return out, nil
}

// worker works in this process as `weft worker` does, but for the encoder, until the test ends.
func (f *turns) worker(cost time.Duration, runners int) {
	t := f.t
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	p := place{Tenant: "small", Objects: f.s3.URL("shop"), Queue: f.redis.URL("0"), Vectors: f.redis.URL("1"), S3AccessKey: f.s3.AccessKey, S3SecretKey: f.s3.SecretKey}
	e := encoders{Image: "efficientnet-lite0", Text: "all-minilm-l6-v2", Decoder: "auto", Provider: "cpu", Runners: runners}
	n, err := openNode(t.Context(), &app{log: log}, p, e, p.Queue, p.Vectors, true)
	must(t, err)
	t.Cleanup(n.stop)
	var first *tenant
	until(t, "the small tenant has begun", func() bool {
		f.scheduler.alive()
		first, err = n.openTenant(t.Context(), "small")
		return err == nil
	})
	m, err := worker.NewMachine(worker.MachineConfig{Images: fixedCost{cost}, Texts: texts{first.pinned.encoders.text, n.lost}, Encoders: runners, MaxPhoto: 1 << 20, Log: log})
	must(t, err)
	n.machines.run[first.pinned.encoders.class] = m
	must(t, first.newWorker())
	n.hold(first, true)
	n.admit(first)
	must(t, n.startWorker(first.pinned))
}
