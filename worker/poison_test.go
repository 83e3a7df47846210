package worker

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weft/tasks"
	"weft/tasks/queue"
)

// apartFrom decodes and encodes suspects in this test binary; decoding here fails the test.
func apartFrom(t *testing.T, limit time.Duration) func(*MachineConfig) {
	return func(c *MachineConfig) {
		c.ApartCommand, c.DecodeLimit = []string{os.Args[0], asDecoder}, limit
		c.Images.(*encoders).prepare = func(d []byte) ([]byte, error) {
			t.Errorf("the suspect %.20q is decoded in the worker", d)
			return d, nil
		}
	}
}

func suspectOf(t tasks.Task) tasks.Task {
	t.Attempt = 1
	return t
}

func TestAPhotoThatCrashesItsDecoderIsSetAside(t *testing.T) {
	b := newBench(t, nil, apartFrom(t, 10*time.Second))
	poison := suspectOf(b.put("media/p1/a.jpg", "crash me"))
	b.must(b.run(poison, queue.Attempt{}))
	row, ok := b.dead(poison.Key)
	if !ok || row.Reason != string(tasks.ReasonCrashed) || row.Stage != "decode" || row.ETag != poison.ETag || len(row.ContentSHA256) != 64 ||
		row.Worker != "w1" || row.Time == 0 || row.Attempts != 2 || !strings.Contains(row.Stack, "SIGSEGV") || row.Product != "p1" {
		t.Errorf("the dead letter is not complete: %+v", row)
	}
	// A photo among good ones, and the same bytes elsewhere.
	good := suspectOf(b.put("media/p2/a.jpg", "a good photo"))
	b.must(b.run(good, queue.Attempt{}))
	if _, ok := b.vector("p2"); !ok {
		t.Error("a good suspect has no vector")
	}
	copied := b.put("media/p3/b.jpg", "crash me")
	b.must(b.run(copied, queue.Attempt{})) // not even a suspect: refused before it is decoded
	if row, ok := b.dead(copied.Key); !ok || row.Reason != string(tasks.ReasonCrashed) || row.Stage != "quarantine" {
		t.Errorf("the same bytes under another key: %+v", row)
	}
	if n := b.Progress().Dead; n != 2 {
		t.Errorf("%d dead, want 2", n)
	}
}

func TestAPhotoThatHangsItsDecoderIsSetAside(t *testing.T) {
	b := newBench(t, nil, apartFrom(t, 50*time.Millisecond))
	b.Worker.apart.limit = 100 * time.Millisecond
	hang := suspectOf(b.put("media/p1/a.jpg", "hang"))
	b.must(b.run(hang, queue.Attempt{}))
	if row, ok := b.dead(hang.Key); !ok || row.Reason != string(tasks.ReasonCrashed) || !strings.Contains(row.Message, "hung") {
		t.Errorf("%+v", row)
	}
}

func TestADecoderApartRefusesLikeOneHere(t *testing.T) {
	b := newBench(t, nil, apartFrom(t, 10*time.Second))
	bad := suspectOf(b.put("media/p1/a.jpg", "bad photo"))
	b.must(b.run(bad, queue.Attempt{}))
	if row, ok := b.dead(bad.Key); !ok || row.Reason != string(tasks.ReasonTruncated) {
		t.Errorf("%+v", row)
	}
	if _, ok := b.dead(tasks.QuarantinePrefix + sha("bad photo")); ok {
		t.Error("a photo that is merely bad is quarantined")
	}
	for range 20 { // one process serves them all
		v, err := b.apart.encode(t.Context(), []byte("good"))
		if err != nil || !slices.Equal(v, vectorOf([]byte("good"))) {
			t.Fatalf("%v, %v", v, err)
		}
	}
	if n := len(b.apart.idle); n != 1 {
		t.Errorf("%d processes wait, want 1", n)
	}
}

// A worker that is being stopped must not take its own impatience for the photo's
// fault.
func TestAStopIsNoCrash(t *testing.T) {
	b := newBench(t, nil, apartFrom(t, time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	hang := suspectOf(b.put("media/p1/a.jpg", "hang"))
	if err := b.Handlers()[hang.Type](ctx, hang, queue.Attempt{}); !errors.Is(err, queue.ErrPostpone) {
		t.Errorf("got %v, want ErrPostpone", err)
	}
	if _, ok := b.dead(hang.Key); ok {
		t.Error("a photo died of a stop")
	}
}

// A photo that hangs the worker's own decoder comes back as a suspect, and the slot
// is free.
func TestAHangingDecoderHereGivesItsSlotBack(t *testing.T) {
	release := make(chan struct{})
	var here atomic.Int64
	b := newBench(t, nil, func(c *MachineConfig) {
		c.ApartCommand, c.DecodeLimit, c.Encoders = []string{os.Args[0], asDecoder}, 30*time.Millisecond, 1
		c.Images.(*encoders).prepare = func(d []byte) ([]byte, error) {
			here.Add(1)
			if string(d) == "hang" {
				<-release
			}
			return d, nil
		}
	})
	t.Cleanup(func() { close(release) })
	hang := b.put("media/p1/a.jpg", "hang")
	if err := b.run(hang, queue.Attempt{}); !errors.Is(err, errHangs) {
		t.Fatalf("got %v, want errHangs", err)
	}
	b.must(b.run(b.put("media/p2/a.jpg", "good"), queue.Attempt{}))
	if _, ok := b.vector("p2"); !ok {
		t.Error("no other photo is decoded any more")
	}
	b.apart.limit = 100 * time.Millisecond
	b.must(b.run(hang, queue.Attempt{Failed: 1}))
	if row, ok := b.dead(hang.Key); !ok || row.Reason != string(tasks.ReasonCrashed) || row.Attempts != 2 {
		t.Errorf("%+v", row)
	}
	if n := here.Load(); n != 2 {
		t.Errorf("%d photos were decoded in the worker, want 2", n)
	}
}

// What ends a worker in the encoder is tried apart as well.
func TestAPhotoThatCrashesTheEncoderIsSetAside(t *testing.T) {
	b := newBench(t, nil, apartFrom(t, 10*time.Second))
	killer := suspectOf(b.put("media/p1/a.jpg", "encoder's end"))
	b.must(b.run(killer, queue.Attempt{}))
	row, ok := b.dead(killer.Key)
	if !ok || row.Reason != string(tasks.ReasonCrashed) || row.Stage != "encode" || !strings.Contains(row.Stack, "conv") {
		t.Errorf("%+v", row)
	}
	if n := b.images.encoded.Load(); n != 0 {
		t.Errorf("it was encoded %d times in the worker", n)
	}
	if _, ok := b.dead(tasks.QuarantinePrefix + sha("encoder's end")); !ok {
		t.Error("its content is not quarantined")
	}
	good := suspectOf(b.put("media/p2/a.jpg", "a good photo"))
	good.Attempt = maxDeaths // an innocent that was there whenever a worker died
	b.must(b.run(good, queue.Attempt{}))
	if _, ok := b.vector("p2"); !ok {
		t.Error("a good suspect has no vector")
	}
}

// A listing cannot be tried apart: one that keeps ending workers is set aside.
func TestAListingThatKeepsEndingWorkersIsSetAside(t *testing.T) {
	b := newBench(t, nil)
	killer := b.put("media/p1/product.json", `{"title":"a hat"}`)
	killer.Attempt = maxDeaths
	b.must(b.run(killer, queue.Attempt{}))
	if row, ok := b.dead(killer.Key); !ok || row.Reason != string(tasks.ReasonCrashed) || row.Stage != "encode" {
		t.Errorf("%+v", row)
	}
	if n := b.texts.encoded.Load(); n != 0 {
		t.Errorf("it was encoded %d times", n)
	}
}
