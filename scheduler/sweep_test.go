package scheduler

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"weft/storage/lake"
	"weft/tasks"
)

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("enqueued %q, want %q", got, want)
	}
}

// Folders whose names begin alike sort differently with and without their slash.
func TestASweepFindsWhatIsMissing(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	a, b := s.put("media/a/1.jpg", "photo"), s.put("media/a-b/1.jpg", "photo")
	s.put("media/a-b/product.json", "{}")
	s.put("media/a-b/notes.txt", "ignored")
	s.put("media/bad id/1.jpg", "refused")
	s.put("media/c/1.jpg", "photo")
	s.embed("media/a/1.jpg", a, "x")
	s.fuse("a", 1, tasks.Part{Key: "media/a/1.jpg", ETag: a})
	s.embed("media/a-b/1.jpg", b, "x")
	r := s.sweep()
	same(t, s.queue.take(), "text:embed bulk media/a-b/product.json", "image:embed bulk media/c/1.jpg")
	if r.Objects != 6 || r.Products != 3 || r.Current != 1 || r.Embed != 2 || r.Fuse != 0 || r.Dead != 1 || r.Ignored != 1 {
		t.Errorf("%+v", r)
	}
	row, ok, err := s.lake.Dead.Get(t.Context(), "media/bad id/1.jpg")
	if err != nil || !ok || row.Reason != string(tasks.ReasonBadID) || row.Worker != "test" || row.ETag == "" {
		t.Errorf("the refused key: %+v, %v", row, err)
	}
	if a := s.audit(); a.Balanced || a.Objects.Listed != 6 || a.Objects.Vector != 1 || a.Objects.Dead != 1 || a.Objects.Declined != 1 || a.Objects.Waiting != 3 {
		t.Errorf("%+v", a)
	}
}

func TestASweepOfAnUnchangedBucketEnqueuesNothing(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	for _, id := range []string{"p", "p-1", "p.2", "p:3", "pp"} {
		key := "media/" + id + "/1.jpg"
		etag := s.put(key, id)
		s.embed(key, etag, id)
		s.fuse(id, 1, tasks.Part{Key: key, ETag: etag})
	}
	if r := s.sweep(); r.Current != 5 || len(s.queue.take()) != 0 {
		t.Errorf("%+v", r)
	}
	if a := s.audit(); !a.Balanced || a.Products.Vectors != 5 {
		t.Errorf("%+v", a)
	}
}

func TestASweepForgetsWhatIsGone(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	etag := s.put("media/p/1.jpg", "photo")
	s.embed("media/p/1.jpg", etag, "x")
	s.fuse("p", 1, tasks.Part{Key: "media/p/1.jpg", ETag: etag})
	s.bury("media/q/1.jpg", "e", tasks.ReasonTruncated) // gone long ago
	s.remove("media/p/1.jpg")
	s.sweep()
	same(t, s.queue.take(), "product:fuse bulk p")
	if _, ok, err := s.lake.Objects.Get(t.Context(), "media/p/1.jpg"); ok || err != nil {
		t.Errorf("the object's row stays: %v", err)
	}
	if _, ok, err := s.lake.Dead.Get(t.Context(), "media/q/1.jpg"); ok || err != nil {
		t.Errorf("the dead letter of a deleted object stays: %v", err)
	}
}

// A dead letter is left alone until it is retried, dropped or its object changes.
func TestALetterIsDeadDroppedOrTriedAgain(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	const key = "media/p/1.jpg"
	etag := s.put(key, "broken")
	s.bury(key, etag, tasks.ReasonCorrupt)
	s.sweep()
	same(t, s.queue.take())
	if a := s.audit(); !a.Balanced || a.Objects.Dead != 1 || a.Products.Dead != 1 {
		t.Errorf("dead: %+v", a)
	}
	s.must(s.lake.Dead.Append(t.Context(), lake.Dead{Row: lake.Row{Key: key, Version: 2}, ETag: etag, Reason: string(tasks.ReasonCorrupt), Dropped: 2}))
	s.sweep()
	same(t, s.queue.take())
	if a := s.audit(); !a.Balanced || a.Objects.Dead != 0 || a.Objects.Declined != 1 || a.Products.Declined != 1 || a.Products.Expected != 1 {
		t.Errorf("dropped: %+v", a)
	}
	s.must(s.lake.Dead.Delete(t.Context(), key, 3)) // retried
	s.sweep()
	same(t, s.queue.take(), "image:embed bulk "+key)
	s.bury(key, etag, tasks.ReasonCorrupt)
	s.put(key, "fixed")
	s.sweep()
	same(t, s.queue.take(), "image:embed bulk "+key)
}

func TestAnAuditComparesWhatRedisHolds(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	for _, id := range []string{"p", "q"} {
		key := "media/" + id + "/1.jpg"
		etag := s.put(key, id)
		s.embed(key, etag, id)
		s.fuse(id, 1000, tasks.Part{Key: key, ETag: etag})
	}
	compared := func() Audit {
		t.Helper()
		a := s.audit()
		s.must(a.CompareVectors(t.Context(), s.lake, s.vectors, gen))
		return a
	}
	if a := compared(); a.Balanced || a.Vectors.Missing != 2 || a.Vectors.Live || len(a.Missing) != 2 {
		t.Errorf("an empty Redis: %+v, %+v", a, a.Vectors)
	}
	if _, err := Rebuild(t.Context(), s.lake, s.vectors, gen, nil); err != nil {
		t.Fatal(err)
	}
	if a := compared(); !a.Balanced || a.Vectors.Current != 2 || !a.Vectors.Live {
		t.Errorf("rebuilt: %+v, %+v", a, a.Vectors)
	}
	s.must(s.rdb.Del(t.Context(), "weft:shop:"+string(gen)+":product:q").Err())
	if a := compared(); a.Balanced || a.Vectors.Missing != 1 || !slices.Contains(a.Missing, "a vector that Redis has lost: q") {
		t.Errorf("one is lost: %+v, %+v", a, a.Vectors)
	}
}

func TestAHintIsLiveWork(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	etag := s.put("media/p/1.jpg", "photo")
	sch := s.scheduler(nil)
	s.must(sch.Consider(t.Context(), "p"))
	same(t, s.queue.take(), "image:embed live media/p/1.jpg")
	s.embed("media/p/1.jpg", etag, "x")
	s.must(sch.Consider(t.Context(), "p"))
	same(t, s.queue.take(), "product:fuse live p")
	s.fuse("p", 1, tasks.Part{Key: "media/p/1.jpg", ETag: etag})
	s.must(sch.Consider(t.Context(), "p"))
	s.must(sch.Consider(t.Context(), "unheard-of"))
	same(t, s.queue.take())
}

func TestHintsAreBoundedAndCoalesce(t *testing.T) {
	s := openShop(t, embeddedURL(t)).scheduler(nil)
	for i := range 2 * maxHints {
		for range 2 {
			if err := s.Hint(tasks.ProductID(fmt.Sprint("p", i)), 0); errors.Is(err, ErrHintLost) != (i >= maxHints) {
				t.Fatalf("hint %d: %v", i, err)
			}
		}
	}
	if n := len(s.hints.due); n != maxHints {
		t.Errorf("%d hints are kept, the bound is %d", n, maxHints)
	}
	if s.Idle() || s.hints.empty() {
		t.Error("idle with hints waiting")
	}
}

func TestAnEnqueueThatFailsEndsTheSweep(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	s.put("media/p/1.jpg", "photo")
	broken := errors.New("connection refused")
	s.queue.fail = func(int) error { return broken }
	if _, err := s.scheduler(nil).Sweep(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
