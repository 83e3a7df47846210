package scheduler

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
	"weft/storage/servertest"
	"weft/storage/vectors"
	"weft/tasks"
)

const gen = tasks.Generation("g0123456789ab")

func recipes() map[tasks.Modality]string {
	return map[tasks.Modality]string{tasks.Image: "r-image", tasks.Text: "r-text"}
}

// shop is a tenant's bucket, lake and Redis, and a queue that remembers.
type shop struct {
	t       *testing.T
	bucket  objects.Store
	lake    *lake.Lake
	rdb     *redis.Client
	vectors *vectors.Store
	queue   *recorder
}

func embeddedURL(t *testing.T) string { return "redis://" + miniredis.RunT(t).Addr() }
func serverURL(t *testing.T) string   { return servertest.Redis(t).URL("0") }

func openShop(t *testing.T, url string) *shop {
	t.Helper()
	s := &shop{t: t, bucket: &objecttest.Memory{}, queue: &recorder{}}
	var err error
	if s.lake, err = lake.Open(t.Context(), lake.Config{Store: s.bucket, CommitDelay: time.Millisecond, IdleDelay: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.lake.Close(context.Background()) })
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	s.rdb = redis.NewClient(opt)
	t.Cleanup(func() { _ = s.rdb.Close() })
	if s.vectors, err = vectors.New(vectors.Config{Redis: s.rdb, Tenant: "shop"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) scheduler(change func(*Config)) *Scheduler {
	s.t.Helper()
	cfg := Config{Tenant: "shop", Generation: gen, Recipes: recipes(), Objects: s.bucket, Lake: s.lake, Vectors: s.vectors,
		Queue: s.queue, Shares: NewShares(s.queue, nil, 2000), Name: "test", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&cfg)
	}
	made, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

func (s *shop) sweep() Report {
	s.t.Helper()
	r, err := s.scheduler(nil).Sweep(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *shop) audit() Audit {
	s.t.Helper()
	a, err := AuditBucket(s.t.Context(), View{Objects: s.bucket, Lake: s.lake, Generation: gen, Recipes: recipes()})
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// put writes an object and returns its ETag.
func (s *shop) put(key, body string) string {
	s.t.Helper()
	info, err := s.bucket.Put(s.t.Context(), key, []byte(body), objects.Condition{})
	if err != nil {
		s.t.Fatal(err)
	}
	return info.ETag
}

func (s *shop) remove(key string) {
	s.t.Helper()
	if err := s.bucket.Delete(s.t.Context(), key); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// embed does what a worker does with a photo or a listing.
func (s *shop) embed(key, etag, sha string) {
	s.t.Helper()
	m := tasks.ParseMediaKey(key)
	recipe := recipes()[m.Modality]
	s.must(s.lake.Features.Append(s.t.Context(), lake.Feature{Row: lake.Row{Key: lake.FeatureKey(sha, recipe), Version: 1},
		ContentSHA256: sha, Recipe: recipe, Modality: string(m.Modality), Vector: []float32{1, 0}}))
	s.must(s.lake.Objects.Append(s.t.Context(), lake.Object{Row: lake.Row{Key: key, Version: 1}, ETag: etag, ContentSHA256: sha,
		Product: string(m.Product), Modality: string(m.Modality), Recipe: recipe}))
}

// fuse stores a product's vector, made of the parts.
func (s *shop) fuse(id string, version int64, parts ...tasks.Part) {
	s.t.Helper()
	s.must(s.lake.Products.Append(s.t.Context(), product(id, version, tasks.Sources(parts))))
}

func product(id string, version int64, sources string) lake.Product {
	return lake.Product{Row: lake.Row{Key: lake.ProductKey(string(gen), id), Version: version}, ID: id, Generation: string(gen),
		Vector: []float32{0.6, 0.8}, Modalities: []string{"image"}, Sources: sources, UpdatedAt: version}
}

func (s *shop) bury(key, etag string, reason tasks.Reason) {
	s.t.Helper()
	s.must(s.lake.Dead.Append(s.t.Context(), lake.Dead{Row: lake.Row{Key: key, Version: 1}, ETag: etag, Reason: string(reason), Time: 1}))
}

// recorder is a Queue that keeps what it is given.
type recorder struct {
	mu     sync.Mutex
	tasks  []tasks.Task
	depths map[tasks.Tenant][]tasks.Depth
	fail   func(n int) error // of the nth call, from 1
	calls  int
}

func (r *recorder) Enqueue(_ context.Context, t tasks.Task) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls++; r.fail != nil {
		if err := r.fail(r.calls); err != nil {
			return false, err
		}
	}
	if _, err := t.Encode(); err != nil {
		return false, err
	}
	r.tasks = append(r.tasks, t)
	return true, nil
}

func (r *recorder) Depths(context.Context) (all []tasks.Depth, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ds := range r.depths {
		all = append(all, ds...)
	}
	return all, nil
}

func (r *recorder) DepthsByTenant(context.Context) (map[tasks.Tenant][]tasks.Depth, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[tasks.Tenant][]tasks.Depth{}
	maps.Copy(out, r.depths)
	return out, nil
}

// take returns what was enqueued since, as "type lane key-or-product".
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, t := range r.tasks {
		what := t.Key
		if what == "" {
			what = string(t.Product)
		}
		out = append(out, fmt.Sprintf("%s %s %s", t.Type, t.Lane, what))
	}
	r.tasks = nil
	return out
}
