package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/client"
	"weft/fusion"
	"weft/fusion/dataset"
	"weft/fusion/towers/towerstest"
	"weft/gather"
	"weft/tasks"
)

// liking is shoppers who buy within one class each: what their rows are, and the same as a training reads it.
type liking struct {
	products []string
	events   string // a file of events
	users    []string
	rows     []dataset.Interaction // of users and products, in the order of both
}

const firstBuy = 1_700_000_000_000

func newLiking(t *testing.T, products []string, users int) liking {
	t.Helper()
	l := liking{products: slices.Sorted(slices.Values(products)), events: filepath.Join(t.TempDir(), "events.jsonl")}
	classes := map[string][]int{}
	for i, id := range l.products {
		class, _, _ := strings.Cut(id, "-")
		classes[class] = append(classes[class], i)
	}
	var names []string
	for class, of := range classes {
		if len(of) >= 4 {
			names = append(names, class)
		}
	}
	slices.Sort(names)
	var events []fields
	for u := range users {
		l.users = append(l.users, fmt.Sprintf("u%03d", u))
		of := classes[names[u%len(names)]]
		for k := range 4 {
			item := of[(u/len(names)+k)%len(of)]
			at := int64(firstBuy + k*7*24*3600*1000 + u*1000)
			l.rows = append(l.rows, dataset.Interaction{User: int32(u), Item: int32(item), Time: at, Last: at, Weight: 5})
			events = append(events, fields{"id": fmt.Sprintf("e%d-%d", u, k), "user": l.users[u], "type": "purchase", "product": l.products[item],
				"time": time.UnixMilli(at).UTC().Format(time.RFC3339Nano)})
		}
	}
	write(t, l.events, lines(events))
	return l
}

// dataset reads the features of the shop's products as they are gathered. The last purchase of each shopper is the
// validation part.
func (l liking) dataset(t *testing.T, s shop) *dataset.Dataset {
	t.Helper()
	cat, err := (place{Tenant: "default", Data: s.dir}).openCatalogue(t.Context(), &app{})
	must(t, err)
	defer cat.close(t.Context())
	r := gather.Reader{Objects: cat.bucket, Lake: cat.lake, Behaviour: cat.tables, Generation: cat.generation, Recipes: cat.recipes, Consent: true}
	d := &dataset.Dataset{Users: l.users, Items: l.products, Timed: true, Split: dataset.ByTime, TrainVal: l.rows}
	for name, dim := range cat.spec.dims() {
		if name == "image" || name == "text" {
			d.Modalities = append(d.Modalities, dataset.Modality{Name: name, Dim: dim, Rows: make([]float32, dim*len(l.products)), Present: make([]bool, len(l.products))})
		}
	}
	for i, id := range l.products {
		media, err := r.Media(t.Context(), tasks.ProductID(id))
		must(t, err)
		p, err := r.Product(t.Context(), tasks.ProductID(id), media)
		must(t, err)
		rows, err := fusion.Pool(p.Parts())
		must(t, err)
		for k := range d.Modalities {
			m := &d.Modalities[k]
			m.Present[i] = copy(m.Row(int32(i)), rows[m.Name]) > 0
		}
	}
	for k, row := range l.rows {
		if k%4 == 3 {
			d.Val = append(d.Val, row)
		} else {
			d.Train = append(d.Train, row)
		}
	}
	return d
}

// farthest is the largest difference between rows by id and those of a trained model's file.
func farthest(t *testing.T, dir, kind string, rows map[string][]float32) (worst float64) {
	t.Helper()
	data, _, dim, err := dataset.ReadNPY(filepath.Join(dir, kind+".npy"))
	must(t, err)
	for i, id := range strings.Fields(string(read(t, filepath.Join(dir, kind+".ids.txt")))) {
		if len(rows[id]) != dim {
			t.Fatalf("%s %s has %d values, training wrote %d", kind, id, len(rows[id]), dim)
		}
		for k, x := range rows[id] {
			worst = max(worst, math.Abs(float64(x-data[i*dim+k])))
		}
	}
	return worst
}

func (s shop) vectors() (products, users map[string][]float32) {
	s.t.Helper()
	products, users = map[string][]float32{}, map[string][]float32{}
	type row struct { // what is looked at here
		ID     string
		Vector []float32
	}
	for _, r := range exported[row](s.t, "products", "--data", s.dir) {
		products[r.ID] = r.Vector
	}
	for _, r := range exported[row](s.t, "users", "--data", s.dir) {
		users[r.ID] = r.Vector
	}
	return products, users
}

func (s shop) promote(args ...string) promoted {
	s.t.Helper()
	out := answer[promoted](s.t, append([]string{"models", "promote", "--data", s.dir, "--json"}, args...)...)
	s.t.Cleanup(func() { // what was fetched into the user's cache
		if out.Fusion != untrained {
			cache, err := os.UserCacheDir()
			must(s.t, err)
			_ = os.RemoveAll(filepath.Join(cache, "weft", "fusion", out.Fusion))
		}
	})
	return out
}

// TestPromote trains on a shop, promotes, goes on working, goes back and comes again: whoever makes a vector, it is the one
// that training wrote.
func TestPromote(t *testing.T) {
	s := newShop(t)
	all := samples(t, 40)
	s.stock(all...)
	l := newLiking(t, all, 40)
	done(t, "import", "--data", s.dir, "--kind", "events", l.events)
	s.up()
	first := answer[client.Status](t, "status", "--data", s.dir, "--json")
	oldProducts, oldUsers := s.vectors()
	dir := towerstest.Train(t, l.dataset(t, s))

	out := s.promote(dir, "--force") // so small a shop may be served as well without
	if out.Gate == nil || out.Gate.Users != 40 || out.Gate.After.Recall == 0 || out.Made != int64(len(all)+40) || out.Left != 0 || out.Before != tasks.Generation(first.Generation) {
		t.Fatalf("promoted: %+v, gate %+v", out, out.Gate)
	}
	t.Log(out.Gate)
	now := answer[client.Status](t, "status", "--data", s.dir, "--json")
	if first.Fusion != untrained || now.Fusion != out.Fusion || now.Generation != string(out.Generation) {
		t.Errorf("fusion %s, then %s of generation %s", first.Fusion, now.Fusion, now.Generation)
	}
	products, users := s.vectors()
	if p, u := farthest(t, dir, "items", products), farthest(t, dir, "users", users); p > 1e-6 || u > 1e-6 {
		t.Errorf("promotion made other vectors than training: products differ by %g, shoppers by %g", p, u)
	}

	// Started again, there is nothing to do; what comes later is made by the towers, and only what is new is encoded.
	if r := s.up(); r.Published != 0 || r.Users != 0 || r.Encoded["image"]+r.Encoded["text"] != 0 {
		t.Errorf("after a restart: %+v", r)
	}
	s.put(all[0], "photo.jpg", samplePhoto(t, all[0])) // the same photo, written anew: its product is fused again
	s.put("later", "photo.jpg", samplePhoto(t, all[1]))
	more := filepath.Join(t.TempDir(), "more.jsonl")
	write(t, more, lines([]fields{{"id": "n1", "user": "newcomer", "type": "purchase", "product": "later", "time": "2026-01-02T08:00:00Z"},
		{"id": "n2", "user": "wordy", "type": "search", "query": "a red dress", "time": "2026-01-02T08:00:00Z"}}))
	done(t, "import", "--data", s.dir, "--kind", "events", more)
	if r := s.up(); r.Published < 2 || r.Encoded["image"] != 0 || r.Encoded["text"] != 1 {
		t.Errorf("after a change: %+v", r)
	}
	products, users = s.vectors()
	if p, u := farthest(t, dir, "items", products), farthest(t, dir, "users", users); p > 1e-6 || u > 1e-6 {
		t.Errorf("the worker made other vectors than training: products differ by %g, shoppers by %g", p, u)
	}
	if len(products["later"]) != 256 || users["wordy"] != nil {
		t.Errorf("a later product has %d values, one who only searched %d", len(products["later"]), len(users["wordy"]))
	}
	if a := s.audit(); !a.Balanced {
		t.Errorf("audit: %+v", a)
	}

	back := s.promote("--back")
	if back.Generation != out.Before || back.Fusion != untrained || back.Why != "back" || back.Made < 4 || back.Left != 0 {
		t.Errorf("back: %+v", back)
	}
	again, people := s.vectors()
	for id, v := range oldProducts {
		if !slices.Equal(v, again[id]) {
			t.Errorf("product %s is not what it was", id)
		}
	}
	for id, v := range oldUsers {
		if !slices.Equal(v, people[id]) {
			t.Errorf("user %s is not what they were", id)
		}
	}
	if r := s.up(); r.Encoded["image"]+r.Encoded["text"] != 0 {
		t.Errorf("going back encoded: %+v", r)
	}
	if forth := s.promote(out.Fusion[:10], "--force"); forth.Generation != out.Generation || forth.Gate == nil {
		t.Errorf("forth: %+v", forth)
	}
	if o := weft(t, "models", "promote", out.Fusion[:10], "--data", s.dir, "--force"); o.code != exitFailed || !strings.Contains(o.err, "is live already") {
		t.Errorf("twice: exit %d, %s", o.code, o.err)
	}

	// A damaged file in the bucket: nobody makes vectors with it.
	cache, err := os.UserCacheDir()
	must(t, err)
	must(t, os.RemoveAll(filepath.Join(cache, "weft", "fusion", out.Fusion)))
	path := filepath.Join(s.dir, "bucket", "default", "lake", "v1", "models", out.Fusion, "residual.npy")
	body := read(t, path)
	body[len(body)-3] ^= 1
	must(t, os.WriteFile(path, body, 0o644))
	if o := weft(t, s.upArgs()...); o.code != exitFailed || !strings.Contains(o.err, "residual.npy is damaged") {
		t.Errorf("with a damaged model up exits %d: %s", o.code, o.err)
	}
}

// TestPromoteRefuses is what is told of models that must not serve.
func TestPromoteRefuses(t *testing.T) {
	s := newShop(t)
	s.stock(samples(t, 6)...)
	s.up()
	other := towerstest.Train(t, towerstest.Shop(40, 40, map[string]int{"image": 8, "text": 6}))
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"other features":    {[]string{other}, exitFailed, "it reads 8 values of image, the generation's encoder gives 1280"},
		"no model":          {[]string{t.TempDir()}, exitFailed, "holds no manifest.json"},
		"unknown id":        {[]string{"abcdef"}, exitFailed, "of 0 of the 0 models"},
		"nothing to go to":  {[]string{"--back"}, exitFailed, "none to go back to"},
		"nothing":           {nil, exitUsage, "give a model's folder or id"},
		"both":              {[]string{other, "--back"}, exitUsage, "not both"},
		"nothing runs here": {[]string{other, "--data", t.TempDir()}, exitFailed, ""},
	} {
		args := []string{"models", "promote"}
		if !slices.Contains(c.args, "--data") {
			args = append(args, "--data", s.dir)
		}
		if o := weft(t, append(args, c.args...)...); o.code != c.code || !strings.Contains(o.err, c.want) {
			t.Errorf("%s: exit %d, %s", name, o.code, o.err)
		}
	}
}

// TestPromoteWhileRunning promotes under a scheduler and a worker with a real Redis, then takes all that Redis holds away.
func TestPromoteWhileRunning(t *testing.T) {
	s := newShop(t)
	all := samples(t, 40)
	s.stock(all...)
	l := newLiking(t, all, 40)
	done(t, "import", "--data", s.dir, "--kind", "events", l.events)
	s.up()
	dir := towerstest.Train(t, l.dataset(t, s))
	server, indexes := queryEngine(t)
	place := []string{"--objects", "file://" + s.dir + "/bucket", "--queue", server.URL("1"), "--vectors", server.URL("0")}
	scheduler := spawn(t, append([]string{"scheduler", "--sweep-every", "1s"}, place...)...)
	worker := spawn(t, append([]string{"worker"}, place...)...)
	serve := spawn(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, place...)...)
	fleet := []*process{scheduler, worker, serve}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, DB: 0})
	t.Cleanup(func() { _ = rdb.Close() })
	live := func() string { return rdb.Get(t.Context(), "weft:default:live").Val() }
	ready := func(p *process) bool { p.alive(); return strings.Contains(p.err.String(), "weft "+p.cmd.Args[1]) }
	until(t, "all roles run", func() bool { return live() != "" && ready(scheduler) && ready(worker) && ready(serve) })
	api := regexp.MustCompile(`http://[0-9.:]+`).FindString(serve.err.String())

	// Shoppers ask all the time, and nobody is told that there is no answer.
	asked, refused, asking := 0, "", make(chan struct{})
	var asker sync.WaitGroup
	ask := func() string {
		res, err := http.Get(api + "/v1/default/users/" + l.users[0] + "/recommendations")
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if res.StatusCode == http.StatusOK && err == nil {
			return ""
		}
		return fmt.Sprintf("%s %s %v", res.Status, body, err)
	}
	until(t, "serve has read the shop", func() bool { return ask() == "" })
	asker.Go(func() {
		for {
			select {
			case <-asking:
				return
			default:
			}
			asked++
			if said := ask(); said != "" {
				refused = said
			}
		}
	})
	moved := func(where string, from, to tasks.Generation) {
		t.Helper()
		until(t, where+": Redis says so", func() bool { return live() == string(to) })
		for _, p := range fleet {
			line := fmt.Sprintf("from=%s to=%s", from, to)
			until(t, where+": "+p.cmd.Args[1]+" has gone over", func() bool { p.alive(); return strings.Contains(p.err.String(), line) })
		}
		if indexes {
			until(t, where+": the alias leads to an index of it, the only one", func() bool {
				all, err := rdb.Do(t.Context(), "FT._LIST").StringSlice()
				return err == nil && len(all) == 1 && all[0] == "weft:default:"+string(to)+":products" && rdb.Do(t.Context(), "FT.INFO", "weft:default:products").Err() == nil
			})
		}
	}
	count := func() int { return len(rdb.Keys(t.Context(), "weft:default:"+live()+":*").Val()) }

	out := s.promote(dir, "--force")
	moved("forth", out.Before, out.Generation)
	if n := count(); n != len(all)+40 {
		t.Errorf("live with %d vectors in Redis, want %d", n, len(all)+40)
	}
	s.put("later", "photo.jpg", samplePhoto(t, all[1]))
	post(t, strings.TrimPrefix(api, "http://"), "events", []fields{{"id": "n1", "user": "newcomer", "type": "purchase", "product": all[3], "time": "2026-01-02T08:00:00Z"}})
	for _, id := range []string{"product:later", "user:newcomer"} {
		key := "weft:default:" + string(out.Generation) + ":" + id
		until(t, id+" has a vector of the towers", func() bool { return len(rdb.HGet(t.Context(), key, "vector").Val()) == 4*256 })
	}

	must(t, rdb.FlushAll(t.Context()).Err())
	until(t, "Redis is filled again", func() bool { return live() == string(out.Generation) })
	if n := count(); n != len(all)+42 {
		t.Errorf("filled again with %d vectors, want %d", n, len(all)+42)
	}
	back := s.promote("--back")
	moved("back", out.Generation, back.Generation)
	close(asking)
	asker.Wait()
	if refused != "" || asked == 0 {
		t.Errorf("one of %d questions was answered with %s", asked, refused)
	}
	for _, p := range fleet {
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != exitDone {
			t.Errorf("%s: exit %d", p.cmd.Args[1], code)
		}
	}
}
