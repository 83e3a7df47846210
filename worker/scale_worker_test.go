package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/fusion"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

// asScaleWorker makes the test binary a worker process of TestScale.
const asScaleWorker = "worker-of-the-scale-test"

// scaleWorker is a worker process whose encoder takes its time and nothing else.
type scaleWorker struct {
	Redis, Bucket, AccessKey, SecretKey, Name string
	Cost                                      time.Duration // of an encoder call
	Idle                                      bool          // handlers that do nothing: what the queue alone can do
}

// Dimensions of the default encoders, so that what is stored has its usual size.
const (
	scaleImage = 1280
	scaleText  = 384
)

// run works until standard input ends.
func (s scaleWorker) run(in io.Reader, out io.Writer) (err error) {
	ctx := context.Background()
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis})
	rdbVectors := redis.NewClient(&redis.Options{Addr: s.Redis, DB: 1})
	defer func() { err = errors.Join(err, rdb.Close(), rdbVectors.Close()) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := queue.Config{Redis: rdb, Name: s.Name, Log: log, Refuse: func(_ context.Context, _ []byte, reason error) error { return reason }}
	if s.Idle {
		cfg.Handlers = map[tasks.Type]queue.Handler{tasks.ImageEmbed: func(context.Context, tasks.Task, queue.Attempt) error { return nil }}
		cfg.Slots = map[tasks.Type]int{tasks.ImageEmbed: slotsPerEncoder}
	} else {
		w, closing, err := s.worker(ctx, rdbVectors, log)
		if err != nil {
			return err
		}
		defer func() { _ = closing() }()
		cfg.Handlers, cfg.Slots, cfg.Refuse = w.Handlers(), w.Slots(), w.Refuse
	}
	server, err := queue.NewServer(cfg)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Stop()
	fmt.Fprintln(out, "ready")
	_, err = io.Copy(io.Discard, in)
	return err
}

func (s scaleWorker) worker(ctx context.Context, rdb *redis.Client, log *slog.Logger) (_ *Worker, closing func() error, err error) {
	bucket, err := objects.Open(ctx, s.Bucket, objects.Credentials{AccessKey: s.AccessKey, SecretKey: s.SecretKey})
	if err != nil {
		return nil, nil, err
	}
	l, err := lake.Open(ctx, lake.Config{Store: bucket, Log: log})
	if err != nil {
		return nil, nil, err
	}
	v, err := vectors.New(vectors.Config{Redis: rdb, Tenant: "shop"})
	if err != nil {
		return nil, nil, err
	}
	f, err := fusion.NewConcat(fusion.DefaultConfig(scaleImage, scaleText))
	if err != nil {
		return nil, nil, err
	}
	encode := func(ctx context.Context, _ []byte) ([]float32, error) {
		v := make([]float32, scaleImage)
		for i := range v {
			v[i] = float32(math.Sin(float64(i)))
		}
		if s.Cost == 0 {
			return v, nil
		}
		timer := time.NewTimer(s.Cost)
		defer timer.Stop()
		select {
		case <-timer.C:
			return v, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	m, err := NewMachine(MachineConfig{Images: &encoders{prepare: func(d []byte) ([]byte, error) { return d, nil }, encode: encode}, Texts: &textEncoder{},
		Encoders: 1, MaxPhoto: 1 << 20, Log: log})
	if err != nil {
		return nil, nil, err
	}
	w, err := New(Config{Machine: m, Tenant: "shop", Generation: gen, Recipes: map[tasks.Modality]string{tasks.Image: "r-image", tasks.Text: "r-text"}, Name: s.Name,
		Objects: bucket, Lake: l, Vectors: v, Fusion: f, Shared: true, Log: log})
	if err != nil {
		return nil, nil, err
	}
	return w, func() error { w.Close(); m.Close(); return l.Close(ctx) }, nil
}

// asScale is what the process does, from its argument.
func asScale(argument string) error {
	var s scaleWorker
	if err := json.Unmarshal([]byte(argument), &s); err != nil {
		return err
	}
	return s.run(os.Stdin, os.Stdout)
}

// start runs it as a process of its own and waits until it takes tasks; stop ends it.
func (s scaleWorker) start(t *testing.T) (stop func()) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	argument, err := json.Marshal(s)
	must(t, err)
	cmd := exec.Command(self, asScaleWorker, string(argument))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = in.Close() // it ends by this, and with this process
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
	t.Cleanup(stop)
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("%s does not start: %v", s.Name, err)
	}
	return stop
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
