package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"weft/storage/objects"
	"weft/tasks"
)

type benchCmd struct {
	encoders
	planned
	Redis    string `help:"Redis server to run over, instead of the embedded one: redis://host:port. Databases 14 and 15 are flushed." placeholder:"URL"`
	Photos   string `arg:"" help:"Folder of photos, sub-folders too." type:"existingdir" placeholder:"DIR"`
	Runs     int    `help:"Measured runs, each over a new bucket." default:"3"`
	Baseline string `help:"Command to run in turn with weft; prints JSON with images_per_s. {model} and {photos} are replaced." placeholder:"COMMAND"`
	JSON     bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (benchCmd) Help() string {
	return `Each run puts the photos into a new directory bucket, one product each, and times 'weft up' from the first task
to the last vector; the model is loaded before, as start-up. With --baseline the two take turns, so that a drifting machine hits both, and the ratio is
taken pair by pair.
With --plan the cheapest run is turned into a capacity plan: how many workers, how much Redis and how much of the bucket so many
photos need, and what of that was measured and what assumed.

Examples:
  weft bench photos/
  weft bench photos/ --runs 5 --baseline 'python3 bench/baseline.py --model {model} --processes 2 {photos}'
  weft bench photos/ --redis redis://localhost:6379 --plan 1000000 --within 8h`
}

// benchRun is one measured run.
type benchRun struct {
	Images     int                `json:"images"`
	ImagesRate float64            `json:"images_per_s"`
	Startup    float64            `json:"startup_s"`
	Work       float64            `json:"work_s"`
	Shares     map[string]float64 `json:"shares"` // of the cores' time during the work
	PeakMB     float64            `json:"peak_mb"`
	Baseline   float64            `json:"baseline_images_per_s,omitempty"`
	Ratio      float64            `json:"ratio,omitempty"`
	Cost       benchCost          `json:"cost"`
}

// Run is `weft bench`.
func (c *benchCmd) Run(ctx context.Context, a *app) error {
	if c.Runs < 1 {
		return usagef("--runs %d: want at least 1", c.Runs)
	}
	if err := c.valid(); err != nil {
		return err
	}
	var runs []benchRun
	for i := range c.Runs {
		r, err := c.once(ctx, a)
		if err != nil {
			return err
		}
		if c.Baseline != "" {
			if r.Baseline, err = c.baseline(ctx); err != nil {
				return err
			}
			r.Ratio = r.ImagesRate / r.Baseline
		}
		fmt.Fprintf(a.err, "run %d of %d: %.0f photos/s%s\n", i+1, c.Runs, r.ImagesRate, beside(r))
		runs = append(runs, r)
	}
	best := slices.MinFunc(runs, func(a, b benchRun) int { return cmp.Compare(a.Cost.CoreSeconds, b.Cost.CoreSeconds) })
	switch {
	case c.JSON && c.Plan > 0:
		return json.NewEncoder(a.out).Encode(map[string]any{"runs": runs, "plan": c.fleet(best.Cost)})
	case c.JSON:
		return json.NewEncoder(a.out).Encode(runs)
	}
	if err := printBench(a, runs); err != nil || c.Plan == 0 {
		return err
	}
	return printPlan(a, c.planned, best.Cost)
}

func beside(r benchRun) string {
	if r.Baseline == 0 {
		return ""
	}
	return fmt.Sprintf(", baseline %.0f, ratio %.2f", r.Baseline, r.Ratio)
}

// once measures one run in this process.
func (c *benchCmd) once(ctx context.Context, a *app) (benchRun, error) {
	dir, err := os.MkdirTemp("", "weft-bench-*")
	if err != nil {
		return benchRun{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := upCmd{place: place{Tenant: "default", Data: dir}, encoders: c.encoders, Listen: "127.0.0.1:0", SweepEvery: time.Hour, warm: true}
	if c.Redis != "" {
		cmd.Queue, cmd.Vectors = c.Redis+"/14", c.Redis+"/15"
		if err := flush(ctx, cmd.Queue, cmd.Vectors); err != nil {
			return benchRun{}, err
		}
	}
	images, err := layOut(ctx, c.Photos, cmd.bucketDir())
	if err != nil {
		return benchRun{}, err
	}
	u, err := cmd.start(ctx, a)
	if err != nil {
		return benchRun{}, err
	}
	defer u.stop()
	if err := u.wait(ctx, true); err != nil {
		return benchRun{}, err
	}
	report := u.report()
	if int(report.Published) < images {
		return benchRun{}, fmt.Errorf("%d of %d photos have a vector (%d dead)", report.Published, images, report.Dead)
	}
	shares, err := u.shares(report.Work)
	if err != nil {
		return benchRun{}, err
	}
	cost, err := u.cost(ctx, cmd.bucketDir(), images, report.ImagesRate)
	return benchRun{Images: images, ImagesRate: report.ImagesRate, Startup: report.Startup, Work: report.Work, Shares: shares, PeakMB: peakMB(), Cost: cost}, err
}

// flush empties the databases of an earlier run.
func flush(ctx context.Context, urls ...string) error {
	for _, url := range urls {
		rdb, err := openRedis(ctx, "--redis", url)
		if err != nil {
			return err
		}
		err = rdb.FlushDB(ctx).Err()
		if err = errors.Join(err, rdb.Close()); err != nil {
			return fmt.Errorf("--redis: %w", err)
		}
	}
	return nil
}

// layOut makes each photo a product of its own.
func layOut(ctx context.Context, photos, bucketDir string) (int, error) {
	if err := os.MkdirAll(bucketDir, 0o755); err != nil {
		return 0, err
	}
	bucket, err := objects.OpenDir(bucketDir)
	if err != nil {
		return 0, err
	}
	paths, err := filepath.Glob(filepath.Join(photos, "*"))
	if err != nil {
		return 0, err
	}
	deeper, err := filepath.Glob(filepath.Join(photos, "*", "*"))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, path := range append(paths, deeper...) {
		key := fmt.Sprintf("default/media/p%05d/%s", n, filepath.Base(path))
		m := tasks.ParseMediaKey(strings.TrimPrefix(key, "default/"))
		if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() || m.Modality != tasks.Image || m.Err != nil {
			continue
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return n, err
		}
		if _, err := bucket.Put(ctx, key, body, objects.Condition{}); err != nil {
			return n, err
		}
		n++
	}
	if n == 0 {
		return 0, usagef("%s: no photos", photos)
	}
	return n, nil
}

// baseline runs the other command once.
func (c *benchCmd) baseline(ctx context.Context) (float64, error) {
	s, err := c.shelf()
	if err != nil {
		return 0, err
	}
	m, err := s.all.Find(c.Image)
	if err != nil {
		return 0, err
	}
	var words []string
	for _, w := range strings.Fields(c.Baseline) {
		words = append(words, strings.NewReplacer("{model}", s.cache.Path(*m.Files.Model), "{photos}", c.Photos).Replace(w))
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("--baseline: %w", err)
	}
	var r struct {
		ImagesPerS float64 `json:"images_per_s"`
	}
	if err := json.Unmarshal(out, &r); err != nil || r.ImagesPerS <= 0 {
		return 0, errors.Join(fmt.Errorf("--baseline printed %.200q, want JSON with images_per_s", out), err)
	}
	return r.ImagesPerS, nil
}

func printBench(a *app, runs []benchRun) error {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	row := func(name, unit string, get func(benchRun) float64) {
		var v []float64
		for _, r := range runs {
			v = append(v, get(r))
		}
		slices.Sort(v)
		fmt.Fprintf(w, "%s\t%.3g\t%.3g\t%.3g\t%s\n", name, v[0], v[len(v)/2], v[len(v)-1], unit)
	}
	fmt.Fprintln(w, "\tmin\tmedian\tmax\t")
	row("weft", "photos/s", func(r benchRun) float64 { return r.ImagesRate })
	if runs[0].Baseline > 0 {
		row("baseline", "photos/s", func(r benchRun) float64 { return r.Baseline })
		row("ratio", "weft/baseline, pair by pair", func(r benchRun) float64 { return r.Ratio })
	}
	for _, share := range []string{"decode", "encode", "fuse", "queue", "sink"} {
		row(share, "of the cores' time", func(r benchRun) float64 { return r.Shares[share] })
	}
	row("start-up", "s", func(r benchRun) float64 { return r.Startup })
	row("peak memory", "MB", func(r benchRun) float64 { return r.PeakMB })
	return w.Flush()
}
