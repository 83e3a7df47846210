package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

// flood puts very many bad photos into the bucket among good ones.
func (c *campaign) flood() {
	k := kind{name: fmt.Sprintf("%d poison images at once", *floodFlag)}
	c.report.kinds = append(c.report.kinds, k)
	c.report.lines[k.name] = &line{}
	began := time.Now()
	c.shop.flood(c.ctx, *floodFlag)
	for range 20 {
		c.shop.create(c.ctx)
	}
	c.report.injected(k, false, c.busy())
	how := c.converge()
	c.report.converged(batch{faults: []kind{k}}, how)
	c.say("%s: written and converged in %.1f s", k.name, time.Since(began).Seconds())
	if len(how.missing) > 0 {
		c.t.Errorf("the flood did not converge: %d missing\n%s", len(how.missing), head(how.missing, 20))
	}
}

// row is what `weft export products` writes for a product.
type row struct {
	ID            string    `json:"id"`
	Vector        []float32 `json:"vector"`
	Content       []float32 `json:"content"`
	Modalities    []string  `json:"modalities"`
	SourceVersion int64     `json:"source_version"`
	Sources       string    `json:"sources"`
	Title         string    `json:"title"`
	Category      string    `json:"category"`
	Price         *float64  `json:"price"`
}

// finish compares what came of the bucket with what comes of it without faults, and
// prints the report.
func (c *campaign) finish() {
	want, err := c.shop.expect(c.ctx)
	c.must(err)
	have := c.export("--objects", c.s3.URL(""))
	c.compareRedis(have, want)
	c.compareDead(want)
	worst := c.compareUndisturbed(have)
	if err := c.fleet.stop(); err != nil {
		c.t.Errorf("processes ended otherwise than they should:\n%v", err)
	}
	distinct := c.distinct()
	encoded, _ := c.fleet.totals()
	repeats := encoded - int64(distinct)
	var out strings.Builder
	fmt.Fprintf(&out, "seed %d\n", c.cfg.seed)
	c.report.write(&out)
	faults, kinds, lost := c.report.total()
	fmt.Fprintf(&out, "%d faults of %d kinds, lost %d; %d writes; %d vectors, %d dead letters; largest difference to an undisturbed run %.1g\n",
		faults, kinds, lost, c.shop.written, len(have), len(want.dead), worst)
	fmt.Fprintf(&out, "encoder calls %d for %d distinct contents: repeats %d (%.1f %%)\n", encoded, distinct, repeats, 100*float64(repeats)/float64(max(1, distinct)))
	fmt.Fprintf(&out, "processes started %d times, %d of them in vain while a server was away; replies lost %d, requests spoilt %d\n",
		c.fleet.starts, c.fleet.refusals, c.tcp.Lost(), c.http.Injected())
	c.t.Log("\n" + out.String())
	c.say("\n%s", out.String())
}

// export reads the lake with weft's own command.
func (c *campaign) export(where ...string) map[string]row {
	file := filepath.Join(c.t.TempDir(), "products.jsonl")
	_, err := c.weft(c.ctx, append([]string{"export", "products", "--format", "jsonl", "--out", file}, where...)...)
	c.must(err)
	body, err := os.ReadFile(file)
	c.must(err)
	rows := map[string]row{}
	for dec := json.NewDecoder(bytes.NewReader(body)); dec.More(); {
		var r row
		c.must(dec.Decode(&r))
		rows[r.ID] = r
	}
	return rows
}

// compareRedis holds the vectors that a recommender reads against the lake and the
// digests of the bucket.
func (c *campaign) compareRedis(have map[string]row, want expectation) {
	seen := 0
	for r, err := range c.vectors.All(c.ctx, c.generation, vectors.Product) {
		c.must(err)
		seen++
		inLake := have[r.ID]
		switch {
		case r.Sources != want.sources[r.ID] || inLake.Sources != want.sources[r.ID]:
			c.t.Errorf("%s: Redis has %q, the lake %q, the bucket says %q", r.ID, r.Sources, inLake.Sources, want.sources[r.ID])
		case distance(r.Vector, inLake.Vector) > tolerance || distance(r.Content, inLake.Content) > tolerance:
			c.t.Errorf("%s: Redis holds another vector than the lake", r.ID)
		}
	}
	if seen != len(have) {
		c.t.Errorf("Redis holds %d vectors, the lake %d", seen, len(have))
	}
}

// compareDead holds the dead letters against the poison that lies in the bucket.
func (c *campaign) compareDead(want expectation) {
	l := c.openLake()
	defer func() { _ = l.Close(c.ctx) }()
	have := map[string]lake.Dead{}
	for d, err := range l.Dead.Scan(c.ctx) {
		c.must(err)
		have[d.Key] = d
		if _, ok := want.dead[d.Key]; !ok && strings.HasPrefix(d.Key, tasks.MediaPrefix) {
			c.t.Errorf("%s is dead (%s, %s) and should not be: %s", d.Key, d.Reason, d.Stage, d.Message)
		} else if !ok {
			c.t.Errorf("a task is dead (%s, %s): %s: %s", d.Reason, d.Stage, d.Key, d.Message)
		}
	}
	for key, reason := range want.dead {
		if d := have[key]; d.Reason != string(reason) {
			c.t.Errorf("%s is dead for %q, want %q", key, d.Reason, reason)
		}
	}
}

const tolerance = 1e-6

// compareUndisturbed runs `weft up` over a copy of the bucket and returns the largest
// difference of any component.
func (c *campaign) compareUndisturbed(have map[string]row) (worst float64) {
	data := c.t.TempDir()
	folder := filepath.Join(data, "bucket", string(tasks.DefaultTenant))
	c.must(os.MkdirAll(folder, 0o755))
	copied, err := objects.OpenDir(folder)
	c.must(err)
	for info, err := range c.shop.list(c.ctx) {
		c.must(err)
		body, _, err := c.store.Get(c.ctx, info.Key, objects.GetOptions{})
		c.must(err)
		_, err = copied.Put(c.ctx, info.Key, body, objects.Condition{})
		c.must(err)
	}
	_, err = c.weft(c.ctx, "up", "--data", data, "--until-idle", "--listen", "127.0.0.1:0")
	c.must(err)
	clean := c.export("--data", data)
	for id, w := range clean {
		h, ok := have[id]
		if !ok {
			c.t.Errorf("an undisturbed run makes a vector of %s, the campaign none", id)
			continue
		}
		worst = max(worst, distance(h.Vector, w.Vector), distance(h.Content, w.Content))
		if d := max(distance(h.Vector, w.Vector), distance(h.Content, w.Content)); d > tolerance {
			c.t.Errorf("%s differs from an undisturbed run by %g", id, d)
		}
		if !slices.Equal(h.Modalities, w.Modalities) || h.Title != w.Title || h.Category != w.Category || !equal(h.Price, w.Price) {
			c.t.Errorf("%s: %v %q %q, an undisturbed run says %v %q %q", id, h.Modalities, h.Title, h.Category, w.Modalities, w.Title, w.Category)
		}
	}
	if len(clean) != len(have) || len(clean) == 0 {
		c.t.Errorf("%d vectors, an undisturbed run makes %d", len(have), len(clean))
	}
	return worst
}

// distinct counts the contents that were ever encoded and stored.
func (c *campaign) distinct() int {
	l := c.openLake()
	defer func() { _ = l.Close(c.ctx) }()
	n := 0
	for _, err := range l.Features.Select(c.ctx, lake.Query{Columns: []string{"modality"}}) {
		c.must(err)
		n++
	}
	return n
}

// busy is how many tasks wait or are in work, -1 if Redis cannot say.
func (c *campaign) busy() int {
	depths, err := queue.NewClient(c.queueRDB).Depths(c.ctx)
	if err != nil {
		return -1
	}
	return tasks.Waiting(depths)
}

// queues says what they hold, for a batch that did not converge.
func (c *campaign) queues() string {
	var out []string
	keys := c.queueRDB.Scan(c.ctx, 0, "asynq:*", 1000).Iterator()
	kinds := map[string]int{}
	for keys.Next(c.ctx) {
		key := keys.Val()
		if i := strings.Index(key, "}:t:"); i > 0 {
			state := c.queueRDB.HGet(c.ctx, key, "state").Val()
			kinds[key[:i+1]+" task "+state]++
			continue
		}
		if n := c.queueRDB.LLen(c.ctx, key).Val() + c.queueRDB.ZCard(c.ctx, key).Val(); n > 0 {
			out = append(out, fmt.Sprintf("%s=%d", key, n))
		}
	}
	for k, n := range kinds {
		out = append(out, fmt.Sprintf("%s=%d", k, n))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var d float64
	for i := range a {
		d = max(d, math.Abs(float64(a[i])-float64(b[i])))
	}
	return d
}

func equal(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
