package scheduler

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

// crowd is a shop with shoppers.
type crowd struct {
	*shop
	tables *behaviour.Tables
}

func openCrowd(t *testing.T) *crowd {
	t.Helper()
	s := openShop(t, embeddedURL(t))
	tables, err := behaviour.Open(t.Context(), s.lake)
	s.must(err)
	return &crowd{s, tables}
}

func (c *crowd) view() View {
	return View{Objects: c.bucket, Lake: c.lake, Behaviour: c.tables, Consent: true, Generation: gen, Recipes: recipes()}
}

func (c *crowd) scheduler() *Scheduler {
	return c.shop.scheduler(func(cfg *Config) { cfg.Behaviour, cfg.Consent = c.tables, true })
}

func (c *crowd) did(user, id, kind, product, target string) {
	c.t.Helper()
	c.must(c.tables.Events.Append(c.t.Context(), behaviour.Event{Row: lake.Row{Key: behaviour.RowKey(tasks.UserID(user), id), Version: 1},
		ID: id, User: user, Product: product, Type: kind, TargetUser: target, Time: int64(len(id)) * 1000, Digest: "d" + id}))
}

func (c *crowd) says(user, profiling string, version int64) {
	c.t.Helper()
	c.must(c.tables.Users.Append(c.t.Context(), behaviour.User{Row: lake.Row{Key: user, Version: version}, ID: user, Profiling: profiling, Digest: fmt.Sprint(version)}))
}

// fuseUser does what a worker does, with the same reading of the rows.
func (c *crowd) fuseUser(id tasks.UserID) {
	c.t.Helper()
	ctx := c.t.Context()
	history := func(id tasks.UserID) parts.History {
		var rows parts.Rows
		if u, ok, err := c.tables.Users.Get(ctx, string(id)); ok {
			c.must(err)
			rows.User = &u
		}
		var err error
		rows.Events, _, err = c.tables.Events.Within(ctx, behaviour.UserPrefix(id), parts.MostRows+1)
		c.must(err)
		rows.Reviews, _, err = c.tables.Reviews.Within(ctx, behaviour.UserPrefix(id), parts.MostRows)
		c.must(err)
		return parts.Of(rows, true)
	}
	known := func(id tasks.ProductID) uint64 {
		row, ok, err := c.lake.Products.Get(ctx, lake.ProductKey(string(gen), string(id)))
		if c.must(err); !ok {
			return 0
		}
		return parts.Short(row.Sources)
	}
	h := history(id)
	row := lake.UserVector{Row: lake.Row{Key: lake.UserKey(string(gen), string(id)), Version: 1}, User: string(id), Generation: string(gen), UpdatedAt: 1}
	if old, ok, err := c.lake.UserVectors.Latest(ctx, row.Key); ok {
		c.must(err)
		row.Version = old.Version + 1
	}
	tips := false
	passed := func(id tasks.UserID) uint64 {
		other := history(id)
		n := parts.Passed(other.Tips(), known)
		tips = tips || n != 0
		return n
	}
	if !h.Declined && !h.Empty {
		row.Sources = parts.Sources(h.Own(known), h.Followed, passed)
	}
	if row.Deleted = h.Empty || !h.Usable(known, tips); !row.Deleted {
		row.Vector = []float32{0, 1}
	}
	c.must(c.lake.UserVectors.Append(ctx, row))
}

// sweepUsers returns the shoppers that are due, after doing their tasks.
func (c *crowd) sweepUsers() (due []string, r UserReport) {
	c.t.Helper()
	r, err := c.scheduler().SweepUsers(c.t.Context())
	c.must(err)
	for _, t := range c.queue.tasks {
		if t.Type != tasks.UserFuse || t.Lane != tasks.Bulk {
			c.t.Errorf("enqueued %+v", t)
		}
		due = append(due, string(t.User))
	}
	c.queue.take()
	for _, id := range due {
		c.fuseUser(tasks.UserID(id))
	}
	slices.Sort(due)
	return due, r
}

func (c *crowd) auditAll() Audit {
	c.t.Helper()
	a, err := AuditBucket(c.t.Context(), c.view())
	c.must(err)
	return a
}

// Each change makes exactly those due whom it concerns, once.
func TestSweepUsers(t *testing.T) {
	c := openCrowd(t)
	steps := []struct {
		name   string
		change func()
		due    []string
	}{
		{"nothing is there", func() {}, nil},
		{"views of a product that nobody knows", func() { c.did("a", "e1", behaviour.View, "p1", ""); c.did("a-b", "e1", behaviour.View, "p1", "") }, nil},
		{"the product appears", func() { c.fuse("p1", 1, tasks.Part{Key: "k", ETag: "1"}) }, []string{"a", "a-b"}},
		{"nothing new", func() {}, nil},
		{"an event", func() { c.did("a", "e22", behaviour.View, "p1", "") }, []string{"a"}},
		{"the product changes", func() { c.fuse("p1", 2, tasks.Part{Key: "k", ETag: "2"}) }, []string{"a", "a-b"}},
		{"someone follows", func() { c.did("c", "f", behaviour.Follow, "", "a") }, nil}, // a passes on nothing yet
		{"the followed chooses", func() { c.did("a", "e333", behaviour.Purchase, "p1", "") }, []string{"a", "c"}},
		{"a view of the followed is no tip", func() { c.did("a", "e4444", behaviour.View, "p1", "") }, []string{"a"}},
		{"the followed refuses", func() { c.says("a", "no", 1) }, []string{"a", "c"}},
		{"and agrees again", func() { c.says("a", "yes", 2) }, []string{"a", "c"}},
		{"a review", func() {
			c.must(c.tables.Reviews.Append(t.Context(), behaviour.Review{Row: lake.Row{Key: "a-b/r", Version: 1}, ID: "r", User: "a-b", Product: "p1", Digest: "r"}))
		}, []string{"a-b"}},
		{"dislikes alone", func() { c.did("d", "e1", behaviour.Dislike, "p1", "") }, nil},
		{"the product goes", func() { c.must(c.lake.Products.Delete(t.Context(), lake.ProductKey(string(gen), "p1"), 3)) }, []string{"a", "a-b", "c"}},
		{"all events go", func() {
			for _, key := range []string{"a/e1", "a/e22", "a/e333", "a/e4444"} {
				c.must(c.tables.Events.Delete(t.Context(), key, 2))
			}
		}, nil}, // there is no vector left
	}
	for _, s := range steps {
		s.change()
		if due, _ := c.sweepUsers(); !slices.Equal(due, s.due) {
			t.Errorf("%s: due are %v, want %v", s.name, due, s.due)
		}
		if due, _ := c.sweepUsers(); len(due) != 0 {
			t.Fatalf("%s: %v are due again", s.name, due)
		}
		a := c.auditAll()
		if a.Rows.Listed != a.Rows.sum() || slices.ContainsFunc(a.Missing, func(what string) bool { return strings.Contains(what, "shopper") }) {
			t.Errorf("%s: %+v", s.name, a)
		}
	}
}

// Ids that begin with one another lie in another order with a slash behind them.
func TestSlashed(t *testing.T) {
	ids := []string{"a", "a-", "a-b", "a-b-c", "a.", "a.b", "a0", "aa", "b", "b-", "c", "c:d"}
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var some []string
		for _, id := range ids {
			if r.IntN(2) == 0 {
				some = append(some, id)
			}
		}
		slices.Sort(some)
		var got []string
		for u, err := range slashed(usersOf(some)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, u.Key)
		}
		want := slices.Clone(some)
		slices.SortFunc(want, func(a, b string) int {
			if a+"/" < b+"/" {
				return -1
			}
			return 1
		})
		if !slices.Equal(got, want) {
			t.Fatalf("%v: %v, want %v", some, got, want)
		}
	}
}

func usersOf(ids []string) iter.Seq2[behaviour.User, error] {
	return func(yield func(behaviour.User, error) bool) {
		for _, id := range ids {
			if !yield(behaviour.User{Row: lake.Row{Key: id}}, nil) {
				return
			}
		}
	}
}

// Every row is in one of four places.
func TestAuditOfUsers(t *testing.T) {
	c := openCrowd(t)
	c.fuse("p1", 1, tasks.Part{Key: "k", ETag: "1"})
	c.did("buyer", "e1", behaviour.Purchase, "p1", "")
	c.did("buyer", "e2", behaviour.View, "p9", "")
	c.says("buyer", "", 1)
	c.did("refuser", "e1", behaviour.View, "p1", "")
	c.says("refuser", "no", 1)
	c.did("waiter", "e1", behaviour.View, "p8", "")
	for i := range 30 { // one a tick: no hand is that fast
		c.must(c.tables.Events.Append(t.Context(), behaviour.Event{Row: lake.Row{Key: fmt.Sprintf("buyer/x%02d", i), Version: 1}, ID: fmt.Sprintf("x%02d", i), User: "buyer",
			Product: "p1", Type: behaviour.View, Time: 1e12 + int64(i), Digest: "x"}))
	}
	a := c.auditAll()
	if want := (Subjects{Expected: 3, Declined: 1, Waiting: 2}); a.Users != want || a.Balanced {
		t.Errorf("before the fusion: %+v, balanced %t", a.Users, a.Balanced)
	}
	c.sweepUsers()
	a = c.auditAll()
	if want := (Subjects{Expected: 3, Vectors: 1, Declined: 1, Waiting: 1}); a.Users != want {
		t.Errorf("users %+v, want %+v", a.Users, want)
	}
	if want := (Places{Vector: 2, Declined: 32, Waiting: 2}); a.Rows.Places != want || a.Rows.Listed != 36 {
		t.Errorf("rows %+v, want %+v", a.Rows, want)
	}
	if !slices.Equal(a.Waits, []string{"p9", "p8"}) {
		t.Errorf("waits for %v", a.Waits)
	}
}

// A vector that was lost in Redis comes back, one that was deleted in the lake goes.
func TestRefillAndRepairUsers(t *testing.T) {
	c := openCrowd(t)
	for i := range 3 {
		c.must(c.lake.UserVectors.Append(t.Context(), lake.UserVector{Row: lake.Row{Key: lake.UserKey(string(gen), fmt.Sprintf("u%d", i)), Version: 5}, User: fmt.Sprintf("u%d", i),
			Generation: string(gen), Vector: []float32{0.6, 0.8}, Sources: "s", UpdatedAt: 5}))
	}
	c.must(c.lake.Products.Append(t.Context(), product("p1", 1, "s")))
	n, err := Refill(t.Context(), c.lake, c.vectors, gen, c.vectors.LoadExclusive)
	if c.must(err); n != 4 {
		t.Errorf("%d vectors refilled, want 4", n)
	}
	c.must(c.rdb.Del(t.Context(), "weft:shop:"+string(gen)+":user:u0").Err())
	c.must(c.lake.UserVectors.Delete(t.Context(), lake.UserKey(string(gen), "u1"), 6))
	a := Audit{Balanced: true}
	c.must(a.CompareVectors(t.Context(), c.lake, c.vectors, gen))
	if want := (Held{Expected: 3, Current: 2, Missing: 1, Stale: 1, Live: true}); *a.Vectors != want || a.Balanced {
		t.Errorf("held %+v", *a.Vectors)
	}
	r, err := Repair(t.Context(), c.lake, c.vectors, gen, nil)
	if c.must(err); r != (Repaired{Products: 1, Users: 2, Reloaded: 1, Removed: 1}) {
		t.Errorf("repaired %+v", r)
	}
	for id, want := range map[string]bool{"u0": true, "u1": false, "u2": true} {
		if _, err := c.vectors.Get(t.Context(), gen, vectors.User, id); (err == nil) != want {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Reviews make their product due, and no other; without media they wait.
func TestReviewsArePartsOfProducts(t *testing.T) {
	c := openCrowd(t)
	for _, id := range []string{"p1", "p2"} {
		key := "media/" + id + "/a.jpg"
		etag := c.put(key, id)
		c.embed(key, etag, id)
		c.fuse(id, 1, tasks.Part{Key: key, ETag: etag})
	}
	review := func(product, text string) {
		c.must(c.tables.ProductReviews.Append(t.Context(), behaviour.ProductReview{Row: lake.Row{Key: product + "/u/r", Version: 1}, Product: product, User: "u", Review: "r", Digest: text, Text: text}))
	}
	sweep := func() []string {
		_, err := c.scheduler().Sweep(t.Context())
		c.must(err)
		return c.queue.take()
	}
	if got := sweep(); len(got) != 0 {
		t.Fatalf("enqueued %v", got)
	}
	review("p2", "fine")
	review("p3", "nobody knows it")
	want := []string{"product:fuse bulk p2"}
	if got := sweep(); !slices.Equal(got, want) {
		t.Errorf("enqueued %v, want %v", got, want)
	}
	c.must(c.scheduler().Consider(t.Context(), "p2"))
	if got := c.queue.take(); !slices.Equal(got, []string{"product:fuse live p2"}) {
		t.Errorf("a hint enqueued %v", got)
	}
	if a := c.auditAll(); a.Balanced || a.Products.Waiting != 1 {
		t.Errorf("%+v", a)
	}
}

// Hints coalesce and become live work.
func TestChanged(t *testing.T) {
	c := openCrowd(t)
	synctest.Test(t, func(t *testing.T) {
		s := &Scheduler{Config: Config{Tenant: "shop", Generation: gen, Queue: c.queue, Log: c.scheduler().Log}}
		s.Shares, s.Settings = NewShares(c.queue, nil, 10), tasks.DefaultSettings
		s.liveUsers = newWindow(s, shoppers, tasks.Live)
		s.people.wake, s.hints.wake, s.usersSoon = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
		s.Changed([]tasks.UserID{"u1", "u2"}, nil)
		s.Changed([]tasks.UserID{"u2"}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.peopleLoop(ctx); close(done) }()
		synctest.Wait()
		if !s.people.empty() {
			t.Error("hints are left")
		}
		cancel()
		<-done
		var got []string
		for _, task := range c.queue.tasks {
			got = append(got, fmt.Sprint(task.Type, task.Lane, task.User))
		}
		if slices.Sort(got); !slices.Equal(got, []string{"user:fuseliveu1", "user:fuseliveu2"}) {
			t.Errorf("enqueued %v", got)
		}
		// More than the bound are left to the sweep, which is told.
		var many []tasks.UserID
		for i := range maxHints + 5 {
			many = append(many, tasks.UserID(fmt.Sprint("u", i)))
		}
		s.Changed(many, nil)
		if len(s.people.due) != maxHints || len(s.usersSoon) != 1 {
			t.Errorf("%d hints are held, the sweep was told %d times", len(s.people.due), len(s.usersSoon))
		}
	})
}
