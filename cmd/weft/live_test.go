package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/client"
)

// running is a shop that a child works on.
type running struct {
	shop
	*process
	redis *redis.Client
}

// open starts `weft up` and waits until it says where it answers.
func (s shop) open(args ...string) running {
	s.t.Helper()
	r := running{shop: s, process: spawn(s.t, append([]string{"up", "--data", s.dir, "--listen", "127.0.0.1:0", "--json"}, args...)...)}
	until(s.t, "weft up is ready", func() bool {
		r.alive()
		_, ok := runningAt(s.dir)
		return ok
	})
	info, _ := runningAt(s.dir)
	opt, err := redis.ParseURL(info.Redis)
	must(s.t, err)
	r.redis = redis.NewClient(opt)
	s.t.Cleanup(func() { _ = r.redis.Close() })
	return r
}

// hash is the product's key in Redis, as a recommender would find it; nil when
// there is none.
func (r running) hash(id string) map[string]string {
	r.shop.t.Helper()
	ctx := context.Background()
	gen, err := r.redis.Get(ctx, "weft:default:live").Result()
	must(r.shop.t, err)
	h, err := r.redis.HGetAll(ctx, "weft:default:"+gen+":product:"+id).Result()
	must(r.shop.t, err)
	if h["vector"] == "" { // a tombstone
		return nil
	}
	return h
}

// has asks the running process through a command.
func (s shop) has(id string) bool {
	return weft(s.t, "get", "product", id, "--data", s.dir).code == exitDone
}

func TestLive(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 5)
	s.stock(ids[0])
	r := s.open("--sweep-every", "1h") // beyond the first sweep, the watch must find everything
	until(t, "the first product is there", func() bool { return s.has(ids[0]) })

	t.Run("watch", func(t *testing.T) {
		s.stock(ids[1])
		s.put("late", "photo.jpg", samplePhoto(t, ids[2]))
		until(t, "dropped products are there", func() bool { return s.has(ids[1]) && s.has("late") })
		s.put("late", "product.json", read(t, filepath.Join(sample, ids[2], "product.json")))
		until(t, "a listing has joined its photo", func() bool { return len(s.product("late").Modalities) == 2 })
		if h := r.hash("late"); len(h["vector"]) != 4*len(s.product("late").Vector) || h["title"] == "" || h["sources"] == "" {
			t.Errorf("in Redis: %d bytes of vector, title %q", len(h["vector"]), h["title"])
		}
		s.remove("late")
		until(t, "a deleted product is gone", func() bool { return !s.has("late") && r.hash("late") == nil })
	})
	t.Run("http", func(t *testing.T) { overHTTP(t, r, ids[3], ids[4]) })
	t.Run("lock", func(t *testing.T) {
		second := weft(t, s.upArgs()...)
		if second.code != exitFailed || !strings.Contains(second.err, "process") || !strings.Contains(second.err, s.dir) || !strings.Contains(second.err, "stop it first") {
			t.Errorf("a second up: exit %d, %s", second.code, second.err)
		}
		st := answer[client.Status](t, "status", "--data", s.dir, "--json")
		if len(st.Queues) != 8 {
			t.Errorf("status of a running shop has %d queues; it was not read from the process", len(st.Queues))
		}
	})
	t.Run("stop", func(t *testing.T) {
		until(t, "nothing waits", func() bool { return answer[client.Status](t, "status", "--data", s.dir, "--json").Waiting == 0 })
		r.signal(syscall.SIGINT)
		if code := r.wait(); code != exitDone {
			t.Errorf("after Ctrl-C: exit %d", code)
		}
		var report upReport
		parse(t, r.out.String(), &report)
		if report.Dead != 0 || report.Published < 4 {
			t.Errorf("report after Ctrl-C: %+v", report)
		}
		if a := s.audit(); !a.Balanced || a.Products.Vectors != 3 {
			t.Errorf("audit after Ctrl-C: %+v", a)
		}
		if again := s.up("--cache", hollowCache(t)); again.Refilled != 3 || again.Published != 0 {
			t.Errorf("the run after Ctrl-C: %+v; want 3 vectors refilled and no work", again)
		}
	})
}

// overHTTP uploads a product through the API and deletes it again.
func overHTTP(t *testing.T, r running, id, twin string) {
	ctx := t.Context()
	info, _ := runningAt(r.dir)
	c, err := client.New(client.Config{URL: "http://" + info.HTTP})
	must(t, err)
	var l client.Listing
	must(t, json.Unmarshal(read(t, filepath.Join(sample, id, "product.json")), &l))
	l.Images = nil
	for _, name := range []string{"web-1", "web-2"} {
		if _, err := c.PutProduct(ctx, name, l, client.Condition{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutImage(ctx, name, "front.jpg", samplePhoto(t, id), client.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	var p client.Product
	until(t, "uploaded products are there, photo and listing", func() bool {
		p, err = c.Product(ctx, "web-1")
		other, otherErr := c.Product(ctx, "web-2")
		return err == nil && otherErr == nil && len(p.Modalities) == 2 && len(other.Modalities) == 2
	})
	if p.Title != l.Title || *p.Price != *l.Price || !slices.Equal(p.Vector, r.product("web-1").Vector) {
		t.Errorf("got %q at %v, listed %q at %v", p.Title, *p.Price, l.Title, *l.Price)
	}
	until(t, "the twin is the nearest", func() bool {
		near := r.similar("web-1")
		return len(near) >= 3 && near[0] == "web-2"
	})
	for _, name := range []string{"web-1", "web-2"} {
		if _, err := c.DeleteProduct(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	r.stock(twin) // the shop goes on meanwhile
	until(t, "deleted products are gone", func() bool { return !r.has("web-1") && !r.has("web-2") && r.hash("web-1") == nil && r.has(twin) })
	if slices.Contains(r.similar(twin), "web-1") {
		t.Error("a deleted product is still a neighbour")
	}
	if left, err := os.ReadDir(r.media("web-1")); err == nil && len(left) > 0 {
		t.Errorf("the bucket still has %v", left)
	}
}

// TestInterrupted stops work in the middle: what was made stays made, nothing is
// lost, nothing is made twice after a polite end, and the lake is whole.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		photos int // more than are in hand at once: a polite end finishes those
	}{{syscall.SIGINT, 500}, {syscall.SIGKILL, 100}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			s := newShop(t)
			photo := samplePhoto(t, samples(t, 1)[0])
			for n := range c.photos {
				id := fmt.Sprintf("p%03d", n)
				s.put(id, "photo.jpg", append(slices.Clone(photo), id...)) // bytes after the end of the picture
			}
			r := s.open("--runners", "1")
			until(t, "some vectors are made", func() bool {
				keys, err := r.redis.Keys(t.Context(), "weft:default:*:product:*").Result() // cheaper than an audit
				return err == nil && len(keys) >= 10
			})
			r.signal(c.signal)
			code := r.wait()
			made := len(exported[productRow](t, "products", "--data", s.dir))
			if made < 10 || made >= c.photos {
				t.Fatalf("%d products had vectors when it ended; this test must stop it in between", made)
			}
			again := s.up()
			if again.Refilled != made || again.Dead != 0 {
				t.Errorf("the run after that: %+v; want %d vectors refilled", again, made)
			}
			if c.signal == syscall.SIGINT {
				var first upReport
				parse(t, r.out.String(), &first)
				if code != exitDone || first.Encoded["image"]+again.Encoded["image"] != int64(c.photos) {
					t.Errorf("exit %d; %d photos encoded before, %d after, want %d in all", code, first.Encoded["image"], again.Encoded["image"], c.photos)
				}
			}
			if again.Encoded["image"] > int64(c.photos-made) {
				t.Errorf("%d of %d products had vectors, and %d photos were encoded after that", made, c.photos, again.Encoded["image"])
			}
			if a := s.audit(); !a.Balanced || a.Products.Vectors != c.photos {
				t.Errorf("audit: %+v", a)
			}
		})
	}
}
