package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"time"

	"weft/scheduler"
	"weft/storage/vectors"
)

// convergence is what it took until nothing was missing, counted from the end of the
// last fault and of the load.
type convergence struct {
	resumed  time.Duration // until the first task ended
	readable time.Duration // until Redis held the vectors of exactly what the bucket holds
	balanced time.Duration // until the audit balanced as well: the whole time
	missing  []string      // what never came
}

const (
	checkEvery = 250 * time.Millisecond
	slow       = 25 * time.Second // what is missing then is told at once
)

// converge waits until the fleet has caught up with the bucket.
func (c *campaign) converge() convergence {
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.patience)
	defer cancel()
	var r convergence
	want, err := c.shop.expect(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	_, before := c.fleet.totals()
	told := false
	_ = poll(ctx, checkEvery, func() bool {
		if !told && time.Since(began) > slow {
			told = true
			c.say("%d missing after %v: %s; queues:\n%s", len(r.missing), slow, head(r.missing, 3), c.queues())
		}
		if _, now := c.fleet.totals(); r.resumed == 0 && now > before {
			r.resumed = time.Since(began)
		}
		r.missing = c.unreadable(ctx, want)
		if len(r.missing) > 0 {
			return false
		}
		if r.readable == 0 {
			r.readable = time.Since(began)
		}
		r.missing = c.unbalanced(ctx, want)
		return len(r.missing) == 0
	})
	r.balanced = time.Since(began)
	return r
}

// unreadable compares Redis with what is expected, digest by digest: a vector that is
// missing, of other parts than the bucket holds, or of a product that is gone.
func (c *campaign) unreadable(ctx context.Context, want expectation) []string {
	live, err := c.vectors.Live(ctx)
	if err != nil {
		return []string{"live: " + err.Error()}
	}
	if live != c.generation {
		return []string{fmt.Sprintf("live: %s, want %s", live, c.generation)}
	}
	have := map[string]string{}
	for head, err := range c.vectors.Heads(ctx, live, vectors.Product) {
		if err != nil {
			return []string{"vectors: " + err.Error()}
		}
		if !head.Deleted {
			have[head.ID] = head.Sources
		}
	}
	var missing []string
	for _, id := range slices.Sorted(maps.Keys(want.sources)) {
		sources := want.sources[id]
		if sources != "" && have[id] == "" {
			missing = append(missing, "no vector of "+id+" in Redis")
		} else if have[id] != sources {
			missing = append(missing, "the vector of "+id+" in Redis is of other files than the bucket holds")
		}
	}
	for id := range have {
		if _, ok := want.sources[id]; !ok {
			missing = append(missing, "Redis has a vector of "+id+", which is gone")
		}
	}
	return missing
}

// unbalanced asks `weft audit`, and compares its sums with what is expected.
func (c *campaign) unbalanced(ctx context.Context, want expectation) []string {
	a, err := c.audit(ctx)
	if err != nil {
		return []string{"audit: " + err.Error()}
	}
	alive := 0
	for _, sources := range want.sources {
		if sources != "" {
			alive++
		}
	}
	missing := slices.Clone(a.Missing)
	for _, sum := range []struct {
		what       string
		have, want int
	}{
		{"objects listed", a.Objects.Listed, want.objects}, {"objects dead", a.Objects.Dead, len(want.dead)},
		{"objects in vectors", a.Objects.Vector, want.objects - len(want.dead)}, {"products with a vector", a.Products.Vectors, alive},
		{"products all dead", a.Products.Dead, len(want.sources) - alive},
	} {
		if sum.have != sum.want {
			missing = append(missing, fmt.Sprintf("audit: %d %s, want %d", sum.have, sum.what, sum.want))
		}
	}
	if !a.Balanced && len(missing) == 0 {
		missing = append(missing, "audit: does not balance")
	}
	return missing
}

// audit runs `weft audit --json` against the server itself.
func (c *campaign) audit(ctx context.Context) (scheduler.Audit, error) {
	var a scheduler.Audit
	out, err := c.weft(ctx, "audit", "--objects", c.s3.URL(""), "--json")
	if len(out) > 0 {
		return a, json.Unmarshal(out, &a) // exit 1 goes with what is missing
	}
	return a, err
}

// weft runs a command and returns its data.
func (c *campaign) weft(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.fleet.binary, args...)
	cmd.Env = c.fleet.env
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("weft %s: %w\n%s", args[0], err, errOut.Bytes())
	}
	return out, err
}
