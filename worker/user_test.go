package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

// withUsers gives the worker the tables of behaviour.
func withUsers(t *testing.T) func(*Config) {
	return func(c *Config) {
		tables, err := behaviour.Open(t.Context(), c.Lake)
		if err != nil {
			t.Fatal(err)
		}
		c.Behaviour, c.Consent = tables, true
	}
}

const day = int64(24 * 3600 * 1000)

func (b *bench) did(user, id, kind, product string, at int64) {
	b.t.Helper()
	b.must(b.Behaviour.Events.Append(b.t.Context(), behaviour.Event{Row: lake.Row{Key: behaviour.RowKey(tasks.UserID(user), id), Version: 1},
		ID: id, User: user, Product: product, Type: kind, Time: at, Digest: "d" + id}))
}

func (b *bench) says(user, attributes, profiling string, version int64) {
	b.t.Helper()
	b.must(b.Behaviour.Users.Append(b.t.Context(), behaviour.User{Row: lake.Row{Key: user, Version: version}, ID: user,
		Attributes: attributes, Profiling: profiling, Digest: fmt.Sprint(version)}))
}

// stocked stores the vector of a product as its fusion would.
func (b *bench) stocked(id, sources string, v ...float32) {
	b.t.Helper()
	b.must(b.Lake.Products.Append(b.t.Context(), lake.Product{Row: lake.Row{Key: lake.ProductKey(string(gen), id), Version: 1}, ID: id,
		Generation: string(gen), Vector: v, Sources: sources, UpdatedAt: 1}))
}

func (b *bench) fuseUser(id string) (vectors.Record, bool) {
	b.t.Helper()
	b.must(b.run(tasks.Task{Type: tasks.UserFuse, Tenant: "shop", Generation: gen, Lane: tasks.Live, User: tasks.UserID(id)}, queue.Attempt{}))
	r, err := b.Vectors.Get(b.t.Context(), gen, vectors.User, id)
	if errors.Is(err, vectors.ErrNotFound) {
		return r, false
	}
	b.must(err)
	return r, true
}

func (b *bench) storedUser(id string) (lake.UserVector, bool) {
	b.t.Helper()
	row, ok, err := b.Lake.UserVectors.Latest(b.t.Context(), lake.UserKey(string(gen), id))
	b.must(err)
	return row, ok
}

func near(got []float32, want ...float64) bool {
	for i := range want {
		if len(got) != len(want) || math.Abs(float64(got[i])-want[i]) > 1e-6 {
			return false
		}
	}
	return true
}

func TestUserVector(t *testing.T) {
	b := newBench(t, withUsers(t))
	b.stocked("p1", "aa", 1, 0, 0, 0, 0, 0, 0, 0)
	b.stocked("p2", "bb", 0, 1, 0, 0, 0, 0, 0, 0)
	b.did("u", "e1", behaviour.Cart, "p1", 100*day)
	b.did("u", "e2", behaviour.Wishlist, "p2", 100*day)
	got, ok := b.fuseUser("u")
	length := math.Hypot(3, 2.5)
	if !ok || !near(got.Vector, 3/length, 2.5/length, 0, 0, 0, 0, 0, 0) || !slices.Equal(got.Modalities, []string{"events"}) {
		t.Fatalf("%v, %+v", ok, got)
	}
	if row, ok := b.storedUser("u"); !ok || row.Sources != got.Sources || row.Version != got.SourceVersion || !slices.Equal(row.Vector, got.Vector) {
		t.Errorf("the lake holds %+v, Redis %+v", row, got)
	}
	// Nothing new: what is stored stays.
	before, _ := b.storedUser("u")
	b.fuseUser("u")
	if after, _ := b.storedUser("u"); after.Written != before.Written {
		t.Error("a vector of the same parts was stored again")
	}
}

// A shopper waits for a product that nobody knows, and has a vector as soon as it is there.
func TestUserWaitsForProduct(t *testing.T) {
	b := newBench(t, withUsers(t))
	b.did("u", "e1", behaviour.View, "late", day)
	if _, ok := b.fuseUser("u"); ok {
		t.Fatal("a vector of nothing")
	}
	waiting, ok := b.storedUser("u")
	if !ok || !waiting.Deleted || waiting.Sources == "" {
		t.Errorf("what was tried is not remembered: %+v", waiting)
	}
	b.stocked("late", "cc", 0, 0, 1, 0, 0, 0, 0, 0)
	got, ok := b.fuseUser("u")
	if !ok || !near(got.Vector, 0, 0, 1, 0, 0, 0, 0, 0) || got.Sources == waiting.Sources {
		t.Errorf("%v %+v", ok, got)
	}
}

// Whoever takes consent back has no vector, in Redis or the lake, and a task that began
// before cannot bring it back.
func TestUserWithdraws(t *testing.T) {
	b := newBench(t, withUsers(t))
	b.stocked("p1", "aa", 1, 0, 0, 0, 0, 0, 0, 0)
	b.did("u", "e1", behaviour.Purchase, "p1", day)
	old, ok := b.fuseUser("u")
	if !ok {
		t.Fatal("no vector")
	}
	b.says("u", `{}`, "no", 2)
	if _, ok := b.fuseUser("u"); ok {
		t.Error("a vector without consent")
	}
	if row, _ := b.storedUser("u"); !row.Deleted || len(row.Vector) != 0 {
		t.Errorf("the lake holds %+v", row)
	}
	if _, err := b.Vectors.Put(t.Context(), gen, vectors.User, old); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Vectors.Get(t.Context(), gen, vectors.User, "u"); !errors.Is(err, vectors.ErrNotFound) {
		t.Errorf("an older task brought the vector back: %v", err)
	}
	b.says("u", `{}`, "yes", 3)
	if _, ok := b.fuseUser("u"); !ok {
		t.Error("no vector though consent was given again")
	}
}

func TestBotHasNoVector(t *testing.T) {
	b := newBench(t, withUsers(t))
	b.stocked("p1", "aa", 1, 0, 0, 0, 0, 0, 0, 0)
	rows := make([]behaviour.Event, parts.MostRows+5)
	for i := range rows {
		id := fmt.Sprintf("e%06d", i)
		rows[i] = behaviour.Event{Row: lake.Row{Key: behaviour.RowKey("bot", id), Version: 1}, ID: id, User: "bot", Product: "p1", Type: behaviour.View, Time: int64(i) * day}
	}
	b.must(b.Behaviour.Events.Append(t.Context(), rows...))
	if _, ok := b.fuseUser("bot"); ok {
		t.Error("a bot has a vector")
	}
}

// The words of a review are read once, for its writer and for its product; they count
// with the writer as the rating says.
func TestReviewIsReadOnce(t *testing.T) {
	b := newBench(t, withUsers(t))
	photo := b.put("media/p1/a.jpg", "a photo")
	b.must(b.run(photo, queue.Attempt{}))
	plain, _ := b.vector("p1")
	five := 5.0
	review := behaviour.Review{Row: lake.Row{Key: behaviour.RowKey("u", "r1"), Version: 1}, ID: "r1", User: "u", Product: "p1", Rating: &five,
		Title: "Lovely", Text: "Warm and soft", Time: day, Digest: "x"}
	b.must(b.Behaviour.Reviews.Append(t.Context(), review))
	b.must(b.Behaviour.ProductReviews.Append(t.Context(), behaviour.ProductReview{Row: lake.Row{Key: behaviour.ProductPrefix("p1") + review.Key, Version: 1},
		Product: "p1", User: "u", Review: "r1", Rating: &five, Time: day, Digest: "x", Text: review.ReadText()}))
	b.must(b.run(tasks.Task{Type: tasks.ProductFuse, Tenant: "shop", Generation: gen, Lane: tasks.Live, Product: "p1"}, queue.Attempt{}))
	got, ok := b.vector("p1")
	if !ok || !slices.Equal(got.Modalities, []string{"image", "review"}) || got.Sources == plain.Sources || slices.Equal(got.Vector, plain.Vector) {
		t.Errorf("product: %+v", got)
	}
	user, ok := b.fuseUser("u")
	if !ok || !slices.Equal(user.Modalities, []string{"events", "words"}) {
		t.Errorf("user: %v %+v", ok, user)
	}
	if n := b.texts.encoded.Load(); n != 1 {
		t.Errorf("the review was encoded %d times", n)
	}
	// A product with no media waits, whatever is written of it.
	b.must(b.Behaviour.ProductReviews.Append(t.Context(), behaviour.ProductReview{Row: lake.Row{Key: behaviour.ProductPrefix("p9") + review.Key, Version: 1},
		Product: "p9", User: "u", Review: "r1", Time: day, Digest: "x", Text: "Words"}))
	b.must(b.run(tasks.Task{Type: tasks.ProductFuse, Tenant: "shop", Generation: gen, Lane: tasks.Live, Product: "p9"}, queue.Attempt{}))
	if _, ok := b.vector("p9"); ok {
		t.Error("a vector of reviews alone")
	}
}

// Those followed pass on what they chose, unless they may not be profiled.
func TestFollowed(t *testing.T) {
	b := newBench(t, withUsers(t))
	b.stocked("p1", "aa", 1, 0, 0, 0, 0, 0, 0, 0)
	b.stocked("p2", "bb", 0, 1, 0, 0, 0, 0, 0, 0)
	b.did("friend", "f1", behaviour.Purchase, "p2", day)
	b.did("friend", "f2", behaviour.View, "p1", day) // a glance is no choice
	b.must(b.Behaviour.Events.Append(t.Context(), behaviour.Event{Row: lake.Row{Key: behaviour.RowKey("u", "e1"), Version: 1}, ID: "e1", User: "u",
		Type: behaviour.Follow, TargetUser: "friend", Time: day, Digest: "e1"}))
	got, ok := b.fuseUser("u")
	if !ok || !near(got.Vector, 0, 1, 0, 0, 0, 0, 0, 0) || !slices.Equal(got.Modalities, []string{"social"}) {
		t.Errorf("%v %+v", ok, got)
	}
	b.says("friend", `{}`, "no", 1)
	if _, ok := b.fuseUser("u"); ok {
		t.Error("a tip of someone who may not be profiled")
	}
}

// A text on which the encoder fails costs the text.
func TestUserWithoutTheWords(t *testing.T) {
	broken := &failingTexts{}
	b := newBench(t, withUsers(t), func(c *MachineConfig) { c.Texts = broken })
	b.stocked("p1", "aa", 1, 0, 0, 0, 0, 0, 0, 0)
	b.did("u", "e1", behaviour.View, "p1", day)
	b.must(b.Behaviour.Events.Append(t.Context(), behaviour.Event{Row: lake.Row{Key: behaviour.RowKey("u", "e2"), Version: 1}, ID: "e2", User: "u",
		Type: behaviour.Search, Query: "red dress", Time: day, Digest: "e2"}))
	got, ok := b.fuseUser("u")
	if !ok || !slices.Equal(got.Modalities, []string{"events"}) || broken.calls.Load() == 0 {
		t.Errorf("%v %+v after %d calls", ok, got, broken.calls.Load())
	}
}

type failingTexts struct{ calls atomic.Int64 }

func (*failingTexts) Tokenize(string) ([]int32, error) { return []int32{1}, nil }

func (f *failingTexts) Encode(context.Context, [][]int32) ([][]float32, error) {
	f.calls.Add(1)
	return nil, errors.New("broken")
}

// One run at a time for each shopper; all who come while it runs share the next, which
// begins after they came, and not before the shopper has rested.
func TestOneRunAtATimeForAUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var users userRuns
		var running, runs atomic.Int64
		began := time.Now()
		var starts []time.Duration
		run := func() (time.Duration, error) {
			if running.Add(1) > 1 {
				t.Error("two at once")
			}
			starts = append(starts, time.Since(began))
			time.Sleep(100 * time.Millisecond)
			running.Add(-1)
			runs.Add(1)
			return 100 * time.Millisecond, nil
		}
		come := func(n int) {
			for range n {
				go func() {
					if err := users.do(t.Context(), "u", run); err != nil {
						t.Error(err)
					}
				}()
			}
			synctest.Wait()
		}
		come(1)
		come(50)
		time.Sleep(5 * time.Second)
		users.mu.Lock() // taken last by whoever left
		if want := []time.Duration{0, time.Second}; runs.Load() != 2 || !slices.Equal(starts, want) {
			t.Errorf("%d runs, begun at %v, want %v", runs.Load(), starts, want)
		}
		users.mu.Unlock()
		// Whoever gives up waiting leaves nothing behind.
		come(1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if err := users.do(ctx, "u", run); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}()
		synctest.Wait()
		cancel()
		time.Sleep(5 * time.Second)
		users.mu.Lock()
		defer users.mu.Unlock()
		if runs.Load() != 3 || len(users.now) != 0 {
			t.Errorf("%d runs, %d shoppers are remembered", runs.Load(), len(users.now))
		}
	})
}

// A task in a fleet sees what was committed before it began, and a burst shares listings.
func TestFreshSeesWhatOthersCommitted(t *testing.T) {
	b := newBench(t, func(c *Config) { withUsers(t)(c); c.Shared = true })
	other, err := behaviour.Open(t.Context(), openLake(t, b.bucket))
	b.must(err)
	b.stocked("p1", "aa", 1, 0, 0, 0, 0, 0, 0, 0)
	for i := range 5 {
		user := fmt.Sprintf("u%d", i)
		b.must(other.Events.Append(t.Context(), behaviour.Event{Row: lake.Row{Key: behaviour.RowKey(tasks.UserID(user), "e"), Version: 1}, ID: "e", User: user,
			Product: "p1", Type: behaviour.View, Time: day, Digest: "e"}))
		if _, ok := b.fuseUser(user); !ok {
			t.Errorf("%s: what another process committed was overlooked", user)
		}
	}
}
