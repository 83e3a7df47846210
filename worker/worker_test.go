package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"weft/extractors/pixels"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestTheLastPartFusesTheProduct(t *testing.T) {
	b := newBench(t, nil)
	photo := b.put("media/p1/a.jpg", "a photo")
	listing := b.put("media/p1/product.json", `{"title":"A dress","price":20,"category":"dress"}`)
	b.must(b.run(photo, queue.Attempt{}))
	if _, ok := b.vector("p1"); ok {
		t.Error("a vector although a part is not settled")
	}
	b.must(b.run(listing, queue.Attempt{}))
	got, ok := b.vector("p1")
	if !ok || got.Title != "A dress" || *got.Price != 20 || got.Category != "dress" || got.Image != photo.Key || !slices.Equal(got.Modalities, []string{"image", "text"}) {
		t.Fatalf("%+v", got)
	}
	want := tasks.Sources([]tasks.Part{{Key: photo.Key, ETag: photo.ETag}, {Key: listing.Key, ETag: listing.ETag}})
	if got.Sources != want {
		t.Errorf("sources %s, want %s", got.Sources, want)
	}
	row, ok, err := b.Lake.Products.Get(t.Context(), lake.ProductKey(string(gen), "p1"))
	if err != nil || !ok || row.Sources != want || row.Version != got.SourceVersion || row.Image != photo.Key {
		t.Errorf("the lake holds %+v, %v", row, err)
	}
}

// However many products show a photo at once, and however often its task comes
// back, it is encoded once.
func TestAContentIsEncodedOnce(t *testing.T) {
	b := newBench(t, nil)
	running, proceed := make(chan struct{}), make(chan struct{})
	b.images.encode = func(_ context.Context, p []byte) ([]float32, error) {
		close(running)
		<-proceed
		return vectorOf(p), nil
	}
	var all []tasks.Task
	for i := range 8 {
		all = append(all, b.put(fmt.Sprintf("media/p%d/a.jpg", i), "one photo"))
	}
	go func() { <-running; close(proceed) }()
	for i, err := range b.together(all...) {
		if err != nil {
			t.Errorf("p%d: %v", i, err)
		}
	}
	b.must(b.run(all[0], queue.Attempt{}))
	if n := b.images.encoded.Load(); n != 1 {
		t.Errorf("encoded %d times", n)
	}
	p := b.Progress()
	if p.Encoded[tasks.Image] != 1 || p.Cached[tasks.Image] != 8 || p.Published < 8 || p.Repeats != 0 {
		t.Errorf("%+v", p)
	}
}

// Those who wait for the run of another get its failure, and later ones try anew.
func TestAFailureIsSharedAndForgotten(t *testing.T) {
	b := newBench(t, nil)
	var calls atomic.Int64
	b.images.encode = func(_ context.Context, p []byte) ([]float32, error) {
		if calls.Add(1) == 1 {
			return nil, fmt.Errorf("reading weights: %w", objects.ErrUnavailable)
		}
		return vectorOf(p), nil
	}
	fl, first := b.flights.join("k")
	if !first {
		t.Fatal("nobody flies yet")
	}
	second, first := b.flights.join("k")
	if first || second != fl {
		t.Fatal("two fly at once")
	}
	broken := errors.New("broken")
	b.flights.land("k", fl, broken)
	<-second.done
	if !errors.Is(second.err, broken) {
		t.Errorf("the outcome is %v", second.err)
	}
	if _, first := b.flights.join("k"); !first {
		t.Error("a landed flight is remembered")
	}
}

// Two processes over one bucket: what one has stored, the other does not encode.
func TestAnotherWorkersFeatureIsFoundOrCountedAsARepeat(t *testing.T) {
	a := newBench(t, func(c *Config) { c.Shared = true })
	b := newBench(t, func(c *Config) {
		c.Shared, c.Objects, c.Vectors = true, a.bucket, a.Vectors
		c.Lake = openLake(t, a.bucket)
	})
	b.bucket = a.bucket
	task := a.put("media/p1/a.jpg", "photo")
	b.images.encode = func(_ context.Context, p []byte) ([]float32, error) {
		a.must(a.run(task, queue.Attempt{})) // a is faster, while b encodes
		b.must(b.Lake.Features.Refresh(t.Context()))
		return vectorOf(p), nil
	}
	b.must(b.run(task, queue.Attempt{}))
	if p := b.Progress(); p.Repeats != 1 || p.Encoded[tasks.Image] != 1 {
		t.Errorf("%+v", p)
	}
	b.must(b.run(task, queue.Attempt{}))
	if n := b.images.encoded.Load(); n != 1 {
		t.Errorf("encoded %d times", n)
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	outage := func(err error) func(context.Context, []byte) ([]float32, error) {
		return func(context.Context, []byte) ([]float32, error) { return nil, err }
	}
	encoded := func(v float32) func(context.Context, []byte) ([]float32, error) {
		return func(context.Context, []byte) ([]float32, error) { return []float32{v, 0, 0, 0}, nil }
	}
	unreadable := func(code string) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return nil, &pixels.Error{Code: code, Msg: "so"} }
	}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		prepare func([]byte) ([]byte, error)
		encode  func(context.Context, []byte) ([]float32, error)
		attempt queue.Attempt
		reason  tasks.Reason // dead with it
		err     error        // back to the queue with it
	}{
		"truncated":                   {prepare: unreadable(pixels.Truncated), reason: tasks.ReasonTruncated},
		"too many pixels":             {prepare: unreadable(pixels.TooManyPixels), reason: tasks.ReasonTooManyPixels},
		"a panic of the decoder":      {prepare: func([]byte) ([]byte, error) { panic("index out of range") }, reason: tasks.ReasonCorrupt},
		"the encoder fails on it":     {encode: outage(broken), reason: tasks.ReasonEncoder},
		"infinity":                    {encode: encoded(float32(math.Inf(1))), reason: tasks.ReasonNotFinite},
		"not a number":                {encode: encoded(float32(math.NaN())), reason: tasks.ReasonNotFinite},
		"the decoder fails":           {prepare: func([]byte) ([]byte, error) { return nil, broken }, err: broken},
		"it fails for the last time":  {prepare: func([]byte) ([]byte, error) { return nil, broken }, attempt: queue.Attempt{Failed: 5, Last: true}, reason: tasks.ReasonRetries},
		"it times out":                {prepare: func([]byte) ([]byte, error) { return nil, context.DeadlineExceeded }, attempt: queue.Attempt{Failed: 5, Last: true}, reason: tasks.ReasonTimeout},
		"the store is away":           {prepare: func([]byte) ([]byte, error) { return nil, objects.ErrUnavailable }, attempt: queue.Attempt{Failed: 5, Last: true}, err: queue.ErrPostpone},
		"the vectors' Redis is full":  {prepare: func([]byte) ([]byte, error) { return nil, vectors.ErrFull }, attempt: queue.Attempt{Last: true}, err: queue.ErrPostpone},
		"the vectors' Redis is away ": {prepare: func([]byte) ([]byte, error) { return nil, vectors.ErrUnavailable }, attempt: queue.Attempt{Last: true}, err: queue.ErrPostpone},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			if c.prepare != nil {
				b.images.prepare = c.prepare
			}
			if c.encode != nil {
				b.images.encode = c.encode
			}
			task := b.put("media/p1/a.jpg", "photo")
			if err := b.run(task, c.attempt); !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			row, dead := b.dead(task.Key)
			if dead != (c.reason != "") {
				t.Fatalf("dead: %v (%+v)", dead, row)
			}
			if dead && (row.Reason != string(c.reason) || row.ETag != task.ETag || row.Stage == "" || row.Message == "" || row.Worker != "w1" ||
				row.Time == 0 || row.Attempts != int64(c.attempt.Failed+1) || row.Product != "p1") {
				t.Errorf("the dead letter is not complete: %+v", row)
			}
		})
	}
}

func TestADeadLetterLeavesWhenItsObjectChanges(t *testing.T) {
	b := newBench(t, nil)
	b.images.prepare = func(d []byte) ([]byte, error) {
		if string(d) == "broken" {
			return nil, &pixels.Error{Code: pixels.Corrupt, Msg: "so"}
		}
		return d, nil
	}
	broken := b.put("media/p1/a.jpg", "broken")
	b.must(b.run(broken, queue.Attempt{}))
	if _, ok := b.dead(broken.Key); !ok {
		t.Fatal("a broken photo is not dead")
	}
	if _, ok := b.vector("p1"); ok {
		t.Error("a vector of nothing")
	}
	fixed := b.put("media/p1/a.jpg", "whole")
	b.must(b.run(broken, queue.Attempt{})) // late: there is a newer version
	b.must(b.run(fixed, queue.Attempt{}))
	if row, ok := b.dead(fixed.Key); ok {
		t.Errorf("still dead: %+v", row)
	}
	if _, ok := b.vector("p1"); !ok {
		t.Error("the fixed photo has no vector")
	}
}

func TestAProductWithoutPartsIsWithdrawn(t *testing.T) {
	b := newBench(t, nil)
	photo := b.put("media/p1/a.jpg", "photo")
	b.must(b.run(photo, queue.Attempt{}))
	if _, ok := b.vector("p1"); !ok {
		t.Fatal("no vector")
	}
	b.must(b.bucket.Delete(t.Context(), photo.Key))
	b.must(b.run(tasks.Task{Type: tasks.ProductFuse, Tenant: "shop", Generation: gen, Lane: tasks.Live, Product: "p1"}, queue.Attempt{}))
	if _, ok := b.vector("p1"); ok {
		t.Error("a product without media has a vector in Redis")
	}
	if _, ok, err := b.Lake.Products.Get(t.Context(), lake.ProductKey(string(gen), "p1")); ok || err != nil {
		t.Errorf("in the lake: %v, %v", ok, err)
	}
}

func TestAnUnreadablePayloadIsWrittenDown(t *testing.T) {
	b := newBench(t, nil)
	b.must(b.Refuse(t.Context(), []byte("nonsense"), tasks.ErrBadPayload))
	row, ok := b.dead("task/" + sha("nonsense")[:32])
	if !ok || row.Reason != string(tasks.ReasonPayload) || row.Worker != "w1" {
		t.Errorf("%+v", row)
	}
}
