package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/storage/servertest"
)

func TestPlanFromWhatAPhotoCosts(t *testing.T) {
	cost := benchCost{CoreSeconds: 0.012, Media: 20_000, Lake: 6_000, Redis: 8_000, Requests: map[string]float64{"get": 1, "put": 0.5}}
	p := planned{Plan: 1_000_000, Within: 8 * time.Hour}
	got := p.fleet(cost)
	// 12,000 s of a core in 28,800 s, of which four fifths are usable: one worker.
	if got.Workers != 1 || math.Abs(got.Rate-34.72) > 0.01 || math.Abs(got.Requests-52.08) > 0.01 || got.Media != 20e9 || got.Lake != 12e9 {
		t.Errorf("%+v", got)
	}
	p.Within = 10 * time.Minute
	if got := p.fleet(cost); got.Workers != 25 || got.Redis < 1.5*8e9 {
		t.Errorf("%+v", got)
	}
	for _, bad := range []planned{{Plan: -1, Within: time.Hour}, {Plan: 1}, {Plan: 1, Within: 10_000 * time.Hour}} {
		if bad.valid() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

// A plan from a real run over a real redis-server: what Redis holds is told by the server.
func TestBenchPlans(t *testing.T) {
	photos := t.TempDir()
	for _, id := range samples(t, 12) {
		must(t, os.WriteFile(filepath.Join(photos, id+".jpg"), samplePhoto(t, id), 0o600))
	}
	server := servertest.Redis(t)
	var got struct {
		Runs []benchRun
		Plan capacity
	}
	args := []string{"bench", photos, "--runs", "1", "--redis", strings.TrimSuffix(server.URL("0"), "/0"), "--plan", "1000000", "--within", "10m"}
	parse(t, done(t, append(args, "--json")...), &got)
	cost := got.Runs[0].Cost
	// Two vectors of 576 numbers are 4,608 bytes; the lake holds at least the photo's feature of 1,280.
	if !cost.OnServer || cost.Redis < 4608 || cost.Redis > 20_000 || cost.Media < 1000 || cost.Lake < 1280 || cost.Requests["get"] <= 0 || cost.Requests["put"] <= 0 || cost.CoreSeconds <= 0 {
		t.Errorf("%+v", cost)
	}
	if want := int(math.Ceil(1e6 * cost.CoreSeconds / usable / 600)); got.Plan.Workers != want || got.Plan.Photos != 1_000_000 {
		t.Errorf("%+v, want %d workers", got.Plan, want)
	}
	if o := done(t, append(args[:4:4], "--plan", "1000000")...); !strings.Contains(o, "1,000,000 photos in 8h0m0s") || !strings.Contains(o, "assumed") {
		t.Errorf("%s", o)
	}
	if o := weft(t, "bench", photos, "--plan", "5", "--within", "1s"); o.code != exitUsage || !strings.Contains(o.err, "--within") {
		t.Errorf("exit %d, %s", o.code, o.err)
	}
}
