package serve_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/client"
	"weft/serve"
	"weft/storage/objects"
	"weft/tasks"
)

func TestProduct(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "p1", 0.6, 0.8)
	price := 5.0
	want := client.Product{ID: "p1", Vector: []float32{0.6, 0.8}, Content: []float32{0.6, 0.8}, Modalities: []string{"text"}, SourceVersion: 7,
		Sources: "s", UpdatedAt: 1, Title: "title of p1", Category: "dress", Price: &price, Generation: string(gen)}
	got, err := s.client.Product(t.Context(), "p1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	want.Vector, want.Content = nil, nil
	if got, err = s.client.ProductInfo(t.Context(), "p1"); err != nil || !cmp.Equal(want, got) {
		t.Errorf("without vectors: %v, %s", err, cmp.Diff(want, got))
	}
	if res, body := s.do(t, "GET", "/v1/shop/products/p1?vectors=perhaps", ""); res.StatusCode != 422 || !strings.Contains(body, "query.vectors") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestProductNotModified(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "p1", 0.6, 0.8)
	const path = "/v1/shop/products/p1"
	res, _ := s.do(t, "GET", path, "")
	etag := res.Header.Get("ETag")
	if res, body := s.do(t, "GET", path, "", "If-None-Match", etag); res.StatusCode != 304 || body != "" || res.Header.Get("ETag") != etag {
		t.Errorf("same: %d %q", res.StatusCode, body)
	}
	if res, _ := s.do(t, "GET", path+"?vectors=false", "", "If-None-Match", etag); res.StatusCode != 200 {
		t.Errorf("another representation: %d", res.StatusCode)
	}
	if res, _ := s.do(t, "PUT", path, "{}", "If-Match", etag); res.StatusCode != 412 {
		t.Errorf("a vector's tag let a listing be written: %d", res.StatusCode)
	}
	s.vectors.put(gen, "p1", 0, 1)
	if res, _ := s.do(t, "GET", path, "", "If-None-Match", etag); res.StatusCode != 200 {
		t.Errorf("changed: %d", res.StatusCode)
	}
	if res, _ := s.do(t, "GET", path, "", "If-None-Match", "abc"); res.StatusCode != 422 {
		t.Errorf("malformed: %d", res.StatusCode)
	}
}

func TestWhyThereIsNoVector(t *testing.T) {
	var letters []serve.DeadMedium
	var lookup error
	s := open(t, func(c *serve.Config) {
		c.Dead = func(context.Context, tasks.Tenant, tasks.ProductID) ([]serve.DeadMedium, error) {
			return append([]serve.DeadMedium(nil), letters...), lookup
		}
	})
	s.ready(t)
	ctx := t.Context()
	ask := func(what string, is, isNot error, says string) {
		t.Helper()
		_, err := s.client.Product(ctx, "p1")
		if !errors.Is(err, is) || errors.Is(err, isNot) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
		if _, similar := s.client.Similar(ctx, "p1", 3); !errors.Is(similar, is) {
			t.Errorf("%s: similar: %v", what, similar)
		}
	}
	ask("nothing", client.ErrNotFound, client.ErrWaiting, "not known")
	if _, err := s.objects.Put(ctx, "media/p1/notes.txt", []byte("x"), objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	ask("a file that is no medium", client.ErrNotFound, client.ErrWaiting, "not known")
	photo, err := s.objects.Put(ctx, "media/p1/a.jpg", []byte("x"), objects.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	ask("a photo", client.ErrWaiting, client.ErrDead, "1 of its 1 media wait")
	letters = []serve.DeadMedium{
		{Key: "media/p1/a.jpg", ETag: photo.ETag, Reason: tasks.ReasonTruncated, Message: "ends after 1 byte"},
		{Key: "media/p1/gone.jpg", ETag: "x", Reason: tasks.ReasonEmpty, Message: "no bytes"},
	}
	ask("a dead photo", client.ErrDead, client.ErrWaiting, "ends after 1 byte (media/p1/a.jpg: truncated)")
	if _, err := s.objects.Put(ctx, "media/p1/product.json", []byte("{}"), objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	ask("a dead photo and a listing", client.ErrWaiting, client.ErrDead, "1 of its 2 media wait")
	if _, err := s.objects.Put(ctx, "media/p1/a.jpg", []byte("xy"), objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	ask("a photo replaced", client.ErrWaiting, client.ErrDead, "2 of its 2 media wait")
	lookup = errors.New("lake: secret")
	if res, body := s.do(t, "GET", "/v1/shop/products/p1", ""); res.StatusCode != 500 || strings.Contains(body, "secret") {
		t.Errorf("failed lookup: %d %s", res.StatusCode, body)
	}
}

func TestSimilar(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "a", 1, 0)
	s.vectors.put(gen, "b", 0.8, 0.6)
	s.vectors.put(gen, "c", 0, 1)
	s.vectors.put("gffffffffffff", "other", 1, 0)
	s.ready(t)
	near, err := s.client.Similar(t.Context(), "a", 10)
	if err != nil {
		t.Fatal(err)
	}
	price := 5.0
	want := []client.Neighbour{
		{ID: "b", Score: 0.8, Title: "title of b", Category: "dress", Price: &price},
		{ID: "c", Score: 0, Title: "title of c", Category: "dress", Price: &price},
	}
	if d := cmp.Diff(want, near); d != "" {
		t.Error(d)
	}
	if near, err = s.client.Similar(t.Context(), "a", 1); err != nil || len(near) != 1 {
		t.Errorf("k=1: %v, %v", near, err)
	}
	for _, k := range []string{"0", "-1", "1001", "1000000000", "99999999999999999999", "ten", "1.5"} {
		if res, body := s.do(t, "GET", "/v1/shop/products/a/similar?k="+k, ""); res.StatusCode != 422 || !strings.Contains(body, "query.k") {
			t.Errorf("k=%s: %d %s", k, res.StatusCode, body)
		}
	}
	for i := range 15 {
		s.vectors.put(gen, fmt.Sprintf("n%02d", i), 1, float32(i))
	}
	eventually(t, "15 more", func() bool {
		res, body := s.do(t, "GET", "/v1/shop/products/a/similar", "")
		return res.StatusCode == 200 && strings.Count(body, `"id"`) == 10
	})
}

func TestSimilarOfAnOnlyProductIsEmpty(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "a", 1, 0)
	s.ready(t)
	if res, body := s.do(t, "GET", "/v1/shop/products/a/similar", ""); res.StatusCode != 200 || strings.TrimSpace(body) != "[]" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}

func TestNeighboursFollowTheStream(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "a", 1, 0)
	s.vectors.put(gen, "b", 0.8, 0.6)
	s.ready(t)
	nearest := func() string {
		near, err := s.client.Similar(t.Context(), "a", 1)
		if err != nil {
			return err.Error()
		}
		if len(near) == 0 {
			return "nothing"
		}
		return fmt.Sprintf("%s %.1f", near[0].ID, near[0].Score)
	}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "b 0.8"},
		{func() { s.vectors.put(gen, "c", 1, 0) }, "c 1.0"},
		{func() { s.vectors.put(gen, "c", 0, 1) }, "b 0.8"},
		{func() { s.vectors.drop(gen, "b") }, "c 0.0"},
		{func() { s.vectors.put("gffffffffffff", "d", 1, 0) }, "c 0.0"},
		{func() { s.vectors.put(gen, "e", 1, 0, 0); s.vectors.put(gen, "f", 0.6, 0.8) }, "f 0.6"}, // e cannot be compared
	} {
		step.do()
		eventually(t, step.want, func() bool { return nearest() == step.want })
	}
}

func TestAnotherGenerationGoesLive(t *testing.T) {
	const next tasks.Generation = "gffffffffffff"
	s := open(t, nil)
	s.vectors.put(gen, "a", 1, 0)
	s.vectors.put(gen, "b", 0, 1)
	s.vectors.put(next, "a", 0, 0, 1)
	s.vectors.put(next, "c", 0, 0.6, 0.8)
	s.ready(t)
	s.vectors.change(func() { s.vectors.live = next })
	eventually(t, "neighbours of the next generation", func() bool {
		near, err := s.client.Similar(t.Context(), "a", 1)
		return err == nil && len(near) == 1 && near[0].ID == "c"
	})
	if p, err := s.client.Product(t.Context(), "a"); err != nil || p.Generation != string(next) {
		t.Errorf("%+v, %v", p, err)
	}
}

// While the vectors are lost or away, products cannot be read, neighbours can.
func TestVectorsAreLost(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "a", 1, 0)
	s.vectors.put(gen, "b", 0.8, 0.6)
	inMemory := func() {
		t.Helper()
		s.ready(t)
		eventually(t, "both products are in memory", func() bool {
			near, err := s.client.Similar(t.Context(), "a", 1)
			return err == nil && len(near) == 1
		})
	}
	inMemory()
	for name, lose := range map[string]func(){
		"not live": func() { s.vectors.live = "" },
		"down":     func() { s.vectors.down = errors.New("connection refused by 10.1.2.3") },
	} {
		s.vectors.change(lose)
		if err := s.client.Ready(t.Context()); !errors.Is(err, client.ErrUnavailable) || strings.Contains(err.Error(), "10.1.2.3") {
			t.Errorf("%s: ready: %v", name, err)
		}
		res, body := s.do(t, "GET", "/v1/shop/products/a", "")
		if res.StatusCode < 500 || strings.Contains(body, "10.1.2.3") {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
		if near, err := s.client.Similar(t.Context(), "a", 1); err != nil || len(near) != 1 {
			t.Errorf("%s: similar: %v, %v", name, near, err)
		}
		s.vectors.change(func() { s.vectors.live, s.vectors.down = gen, nil })
		inMemory()
	}
	s.vectors.put(gen, "c", 1, 0)
	eventually(t, "updates after the loss", func() bool {
		near, err := s.client.Similar(t.Context(), "a", 1)
		return err == nil && near[0].ID == "c"
	})
}

func TestNotReadyBeforeTheFirstFill(t *testing.T) {
	s := open(t, func(c *serve.Config) { c.Tenants["shop"].Vectors.(*memory).live = "" })
	if err := s.client.Ready(t.Context()); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("ready: %v", err)
	}
	for _, path := range []string{"/v1/shop/products/a", "/v1/shop/products/a/similar"} {
		if res, body := s.do(t, "GET", path, ""); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if res, _ := s.do(t, "GET", "/healthz", ""); res.StatusCode != 200 {
		t.Errorf("health: %d", res.StatusCode)
	}
}

func TestStatus(t *testing.T) {
	var fail error
	s := open(t, func(c *serve.Config) {
		c.Status = func(_ context.Context, tenant tasks.Tenant) (client.Status, error) {
			return client.Status{Waiting: 4, Queues: []client.Queue{{Type: "image:embed", Lane: "live", Pending: 4}}, Products: client.Places{Expected: 3, Vectors: 2}}, fail
		}
	})
	s.vectors.put(gen, "a", 1, 0)
	s.ready(t)
	eventually(t, "one product in memory", func() bool {
		st, err := s.client.Status(t.Context())
		return err == nil && st.Search.Products == 1
	})
	st, err := s.client.Status(t.Context())
	if err != nil || st.Tenant != "shop" || st.Generation != string(gen) || st.Waiting != 4 || len(st.Queues) != 1 || st.Products.Vectors != 2 || !st.Search.Ready || st.Search.Bytes == 0 {
		t.Errorf("%+v, %v", st, err)
	}
	fail = errors.New("no queue")
	if _, err := s.client.Status(t.Context()); err == nil {
		t.Error("a failed status was answered")
	}
}
