package main

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/redis/go-redis/v9"
)

// planned are the flags of a capacity plan.
type planned struct {
	Plan   int           `help:"Photos, one to a product, to plan a fleet for from what was measured." placeholder:"N"`
	Within time.Duration `help:"The time in which the fleet of --plan is to have done them." default:"8h"`
}

// benchCost is what one photo cost in a run: measured, except where it says otherwise.
type benchCost struct {
	CoreSeconds float64            `json:"core_seconds"` // of this machine's cores, everything that weft does included
	Media       float64            `json:"media_bytes"`  // the photo itself
	Lake        float64            `json:"lake_bytes"`   // weft's own tables
	Requests    map[string]float64 `json:"requests"`     // to the bucket, by operation
	Redis       float64            `json:"redis_bytes"`  // of its vector
	OnServer    bool               `json:"redis_measured"`
}

// What a plan assumes, because one run on one machine does not show it.
const (
	usable      = 0.8  // of a worker's time: starts, drains, slower neighbours, retries
	redisFactor = 1.6  // what Redis takes for a hash of this size beyond its values, where only the embedded one was run
	redisKey    = 300  // bytes, its key and tables, likewise
	redisRoom   = 1.5  // fragmentation and room to copy on write
	taskBytes   = 2048 // of a task that waits
	windowTasks = 2000 // that wait at once for a tenant, and
	workerTasks = 1000 // for each worker if that is more
	lakeRoom    = 2.0  // while a table is compacted it is there twice
)

// capacity is a plan.
type capacity struct {
	Photos   int     `json:"photos"`
	Hours    float64 `json:"hours"`
	Workers  int     `json:"workers"` // of one core each
	Rate     float64 `json:"photos_per_s"`
	Redis    float64 `json:"redis_bytes"`
	Lake     float64 `json:"lake_bytes"`
	Media    float64 `json:"media_bytes"`
	Requests float64 `json:"requests_per_s"`
	Read     float64 `json:"read_bytes_per_s"`
}

func (p planned) valid() error {
	switch {
	case p.Plan < 0:
		return usagef("--plan %d: want the number of photos", p.Plan)
	case p.Plan > 0 && (p.Within < time.Minute || p.Within > 365*24*time.Hour):
		return usagef("--within %v: want a minute to a year", p.Within)
	}
	return nil
}

// fleet is the smallest that does it.
func (p planned) fleet(c benchCost) capacity {
	seconds := p.Within.Seconds()
	n := float64(p.Plan)
	workers := max(1, int(math.Ceil(n*c.CoreSeconds/usable/seconds-1e-9)))
	requests := 0.0
	for _, r := range c.Requests {
		requests += r
	}
	rate := n / seconds
	return capacity{Photos: p.Plan, Hours: p.Within.Hours(), Workers: workers, Rate: rate, Redis: redisRoom * (n*c.Redis + taskBytes*max(windowTasks, workerTasks*float64(workers))),
		Lake: lakeRoom * n * c.Lake, Media: n * c.Media, Requests: rate * requests, Read: rate * c.Media}
}

// cost is what a photo of this run cost.
func (u *up) cost(ctx context.Context, bucket string, images int, rate float64) (benchCost, error) {
	n := float64(images)
	c := benchCost{CoreSeconds: float64(encoders{}.runners()) / rate, Requests: map[string]float64{}}
	for what, sum := range map[string]*float64{"media": &c.Media, "lake": &c.Lake} {
		bytes, err := folderBytes(filepath.Join(bucket, "default", what))
		if err != nil {
			return c, err
		}
		*sum = float64(bytes) / n
	}
	families, err := u.node.registry.Gather()
	if err != nil {
		return c, err
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "weft_object_seconds" {
				c.Requests[label(m)] = float64(m.Histogram.GetSampleCount()) / n
			}
		}
	}
	c.Redis, c.OnServer, err = u.vectorBytes(ctx)
	return c, err
}

func folderBytes(folder string) (sum int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			sum += st.Size()
		}
		return err
	})
	if os.IsNotExist(err) {
		err = nil
	}
	return sum, err
}

// sampledKeys of the vectors are weighed.
const sampledKeys = 200

// vectorBytes is what Redis holds for a product: told by the server itself, or, where it is the embedded one, which
// cannot tell, its values and an allowance.
func (u *up) vectorBytes(ctx context.Context) (bytes float64, measured bool, err error) {
	rdb, err := openRedis(ctx, "--vectors", u.vectorsURL)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = rdb.Close() }()
	scan, n := rdb.Scan(ctx, 0, "weft:default:*:product:*", 1000).Iterator(), 0.0
	for scan.Next(ctx) && n < sampledKeys {
		var one float64
		if one, measured, err = keyBytes(ctx, rdb, scan.Val(), u.redis == nil); err != nil {
			return 0, false, fmt.Errorf("weighing %s: %w", scan.Val(), err)
		}
		bytes, n = bytes+one, n+1
	}
	return bytes / max(n, 1), measured, scan.Err()
}

func keyBytes(ctx context.Context, rdb redis.UniversalClient, key string, server bool) (float64, bool, error) {
	if server {
		// All fields: by default the server weighs five drawn at random and takes the rest to be like them, which for a
		// hash of two long fields among short ones is anything.
		n, err := rdb.MemoryUsage(ctx, key, 0).Result()
		return float64(n), true, err
	}
	fields, err := rdb.HGetAll(ctx, key).Result()
	sum := 0
	for name, value := range fields {
		sum += len(name) + len(value)
	}
	return redisFactor*float64(sum) + redisKey, false, err
}

// printPlan tells the plan, and of each figure whether it was measured.
func printPlan(a *app, p planned, c benchCost) error {
	plan := p.fleet(c)
	fmt.Fprintf(a.out, "\n%s photos in %v, %.0f a second:\n", humanize.Comma(int64(plan.Photos)), p.Within, plan.Rate)
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	from := "measured here, over redis-server"
	if !c.OnServer {
		from = fmt.Sprintf("values measured × %.1f + %d assumed; --redis measures it", redisFactor, redisKey)
	}
	var requests []string
	for _, op := range []string{"get", "put", "list", "stat", "delete"} {
		if n := c.Requests[op]; n > 0 {
			requests = append(requests, fmt.Sprintf("%.2f %s", n, op))
		}
	}
	for _, row := range [][3]string{
		{"workers", fmt.Sprintf("%d, each with a core like one of these", plan.Workers), fmt.Sprintf("%.1f ms of a core a photo, measured here; %.0f %% of a worker's time assumed to be usable", 1000*c.CoreSeconds, 100*usable)},
		{"Redis", size(plan.Redis), fmt.Sprintf("%.0f bytes a vector (%s); %d bytes for each of %.0f tasks that wait, × %.1f, assumed", c.Redis, from, taskBytes, max(windowTasks, workerTasks*float64(plan.Workers)), redisRoom)},
		{"bucket, photos", size(plan.Media), fmt.Sprintf("%.0f bytes a photo, measured", c.Media)},
		{"bucket, weft's own", size(plan.Lake), fmt.Sprintf("%.0f bytes a photo, measured; twice that while tables are compacted, assumed", c.Lake)},
		{"bucket, requests", fmt.Sprintf("%.0f a second, %s/s read", plan.Requests, size(plan.Read)), "a photo: " + strings.Join(requests, ", ") + ", measured on a directory; more workers commit more often"},
	} {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row[0], row[1], row[2])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.out, "Not in it: listings, reviews and shoppers; the network; copies that Redis or the bucket keep. Photos of another size cost another decode.")
	return nil
}

// size writes bytes with the unit that suits.
func size(bytes float64) string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	i := 0
	for ; bytes >= 1000 && i < len(units)-1; i++ {
		bytes /= 1000
	}
	return fmt.Sprintf("%.3g %s", bytes, units[i])
}
