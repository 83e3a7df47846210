package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/extractors/pixels"
	"weft/fusion"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

// asDecoder makes the test binary a process apart, as `weft` is in production.
const asDecoder = "decoder-of-the-tests"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asDecoder {
		if err := ServeApart(context.Background(), os.Stdin, os.Stdout, 10*time.Second, func() { os.Exit(1) }, encodersApart()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 2 && os.Args[1] == asScaleWorker {
		if err := asScale(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// encodersApart are those of the test binary as a process apart.
func encodersApart() *encoders {
	return &encoders{prepare: decodeInTest, encode: func(_ context.Context, p []byte) ([]float32, error) {
		if bytes.HasPrefix(p, []byte("encoder's end")) {
			fmt.Fprintln(os.Stderr, "SIGSEGV in conv")
			os.Exit(139)
		}
		return vectorOf(p), nil
	}}
}

// decodeInTest stands for a decoder in C: these photos end it, or do not come back.
func decodeInTest(photo []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(photo, []byte("crash")):
		fmt.Fprintln(os.Stderr, "SIGSEGV in decode_mcu")
		os.Exit(139)
	case bytes.HasPrefix(photo, []byte("hang")):
		select {} // until it is killed
	case bytes.HasPrefix(photo, []byte("bad")):
		return nil, &pixels.Error{Code: pixels.Truncated, Msg: "ends early"}
	}
	return photo, nil
}

const (
	gen   = tasks.Generation("g0123456789ab")
	dimIn = 4
)

// encoders are fakes: a photo's pixels are its bytes, its vector depends on them.
type encoders struct {
	encoded atomic.Int64
	prepare func([]byte) ([]byte, error)
	encode  func(ctx context.Context, photo []byte) ([]float32, error)
}

func (e *encoders) Prepare(data []byte) ([]byte, error) { return e.prepare(data) }

func (e *encoders) Encode(ctx context.Context, photos [][]byte) ([][]float32, error) {
	var out [][]float32
	for _, p := range photos {
		e.encoded.Add(1)
		v, err := e.encode(ctx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

type textEncoder struct{ encoded atomic.Int64 }

func (*textEncoder) Tokenize(text string) ([]int32, error) { return []int32{int32(len(text))}, nil }

func (e *textEncoder) Encode(_ context.Context, ids [][]int32) ([][]float32, error) {
	e.encoded.Add(int64(len(ids)))
	out := make([][]float32, len(ids))
	for i := range out {
		out[i] = []float32{1, float32(ids[i][0]), 0, 1}
	}
	return out, nil
}

func vectorOf(photo []byte) []float32 { return []float32{1, float32(len(photo)), 2, 0} }

// bench is a worker over a bucket in memory.
type bench struct {
	*Worker
	t      *testing.T
	bucket objects.Store
	images *encoders
	texts  *textEncoder
}

func newBench(t *testing.T, change func(*Config), equipment ...func(*MachineConfig)) *bench {
	t.Helper()
	b := &bench{t: t, bucket: &objecttest.Memory{}, texts: &textEncoder{}, images: &encoders{
		prepare: func(d []byte) ([]byte, error) { return d, nil },
		encode:  func(_ context.Context, p []byte) ([]float32, error) { return vectorOf(p), nil },
	}}
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	v, err := vectors.New(vectors.Config{Redis: rdb, Tenant: "shop"})
	b.must(err)
	f, err := fusion.NewConcat(fusion.DefaultConfig(dimIn, dimIn))
	b.must(err)
	m := MachineConfig{Images: b.images, Texts: b.texts, Encoders: 2, MaxPhoto: 1 << 20, Log: slog.New(slog.DiscardHandler)}
	for _, equip := range equipment {
		equip(&m)
	}
	machine, err := NewMachine(m)
	b.must(err)
	t.Cleanup(machine.Close)
	cfg := Config{Machine: machine, Tenant: "shop", Generation: gen, Recipes: map[tasks.Modality]string{tasks.Image: "r-image", tasks.Text: "r-text"}, Name: "w1",
		Objects: b.bucket, Lake: openLake(t, b.bucket), Vectors: v, Fusion: f,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&cfg)
	}
	b.Worker, err = New(cfg)
	b.must(err)
	t.Cleanup(b.Close)
	return b
}

func openLake(t *testing.T, store objects.Store) *lake.Lake {
	t.Helper()
	l, err := lake.Open(t.Context(), lake.Config{Store: store, CommitDelay: time.Millisecond, IdleDelay: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// put writes an object and returns the task that a scheduler would issue for it.
func (b *bench) put(key, body string) tasks.Task {
	b.t.Helper()
	info, err := b.bucket.Put(b.t.Context(), key, []byte(body), objects.Condition{})
	b.must(err)
	m := tasks.ParseMediaKey(key)
	t := tasks.Task{Type: tasks.ImageEmbed, Tenant: "shop", Generation: gen, Lane: tasks.Bulk, Product: m.Product, Key: key, ETag: info.ETag}
	if m.Modality == tasks.Text {
		t.Type = tasks.TextEmbed
	}
	return t
}

func (b *bench) run(t tasks.Task, a queue.Attempt) error {
	return b.Handlers()[t.Type](b.t.Context(), t, a)
}

func (b *bench) dead(key string) (lake.Dead, bool) {
	b.t.Helper()
	row, ok, err := b.Lake.Dead.Get(b.t.Context(), key)
	b.must(err)
	return row, ok
}

func (b *bench) vector(id string) (vectors.Record, bool) {
	b.t.Helper()
	r, err := b.Vectors.Get(b.t.Context(), gen, vectors.Product, id)
	if errors.Is(err, vectors.ErrNotFound) {
		return r, false
	}
	b.must(err)
	return r, true
}

// together runs the tasks at the same time and returns their errors.
func (b *bench) together(all ...tasks.Task) []error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, t := range all {
		wg.Go(func() { errs[i] = b.run(t, queue.Attempt{}) })
	}
	wg.Wait()
	return errs
}
