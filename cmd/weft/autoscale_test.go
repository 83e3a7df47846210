package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
	"weft/tasks/queue"
)

// Ctrl-C with work in hand: everything is drained, nothing is lost.
func TestAutoscaleInterrupted(t *testing.T) {
	const products = 120
	f := newFleet(t)
	f.startScheduler("1s")
	scaler := spawn(t, f.args("autoscale", "--max", "2", "--drain-target", "1s", "--cool-down", "2s", "--every", "200ms", "--json")...)
	for i, id := range samples(t, products) {
		f.put(fmt.Sprintf("media/q%03d/photo.jpg", i), samplePhoto(t, id))
	}
	rdb := redis.NewClient(&redis.Options{Addr: f.redis.Addr})
	defer func() { _ = rdb.Close() }()
	until(t, "a worker has work in hand", func() bool {
		scaler.alive()
		ds, err := queue.NewClient(rdb).Depths(t.Context())
		return err == nil && slices.ContainsFunc(ds, func(d tasks.Depth) bool { return d.Active > 0 })
	})
	scaler.signal(syscall.SIGINT)
	if code := scaler.wait(); code != exitDone {
		t.Errorf("exit %d", code)
	}
	lines := timeline(t, scaler)
	if end := lines[len(lines)-1]; end.Running+end.Draining+end.Crashed+end.Killed != 0 {
		t.Errorf("after Ctrl-C: %+v", end)
	}
	ds, err := queue.NewClient(rdb).Depths(t.Context())
	must(t, err)
	for _, d := range ds {
		if d.Active != 0 || d.Archived != 0 {
			t.Errorf("a worker ended with work in hand: %+v", d)
		}
	}
	// Whatever waited still does: one worker does the rest.
	f.workers = []*process{spawn(t, f.args("worker", "--runners", "1")...)}
	if a := f.settled(products); a.Products.Vectors != products {
		t.Errorf("%+v", a)
	}
}

// timeline reads what autoscale has printed so far.
func timeline(t *testing.T, p *process) (all []look) {
	t.Helper()
	text := p.out.String()
	text = text[:strings.LastIndexByte(text, '\n')+1]
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		var l look
		must(t, json.Unmarshal(lines.Bytes(), &l))
		all = append(all, l)
	}
	return all
}

func TestAutoscaleRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--max", "-1"}, {"--min", "3", "--max", "2"}, {"--cool-down", "0s"}, {"--drain-target", "0s"}, {"--every", "1ms"}, {"--tenant", "Shop"}, {"--tenants", "a,B", "--objects", "file:///tmp", "--queue", "redis://127.0.0.1:1/0", "--vectors", "redis://127.0.0.1:1/1"}, {"--queue", "redis://127.0.0.1:1/0"},
	} {
		if o := weft(t, append([]string{"autoscale"}, args...)...); o.code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, o.code, o.err)
		}
	}
}

// Every flag that says where, for whom and how is handed on: a worker with another encoder or for another tenant than the
// command says would be worse than none.
func TestAutoscaleHandsItsFlagsOn(t *testing.T) {
	c := autoscaleCmd{place: place{Tenant: "shop", Objects: "s3://b", Queue: "redis://:secret@h/0", Vectors: "redis://h/1", S3SecretKey: "k"}, several: several{Tenants: []string{"a", "b"}},
		encoders: encoders{Image: "m", Runners: 2, Devices: []int{0, 1}, GPUMemory: 2048}}
	env := map[string]string{}
	for _, e := range c.environment([]string{"PATH=/bin", "WEFT_QUEUE=old", "WEFT_TENANTS=old", "WEFT_METRICS=127.0.0.1:9090", "WEFT_TEST_AS_PROGRAM=1", "QUEUE=mine", "AWS_ACCESS_KEY_ID=a"}) {
		name, value, _ := strings.Cut(e, "=")
		if _, twice := env[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		env[name] = value
	}
	want := map[string]string{"PATH": "/bin", "QUEUE": "mine", "AWS_ACCESS_KEY_ID": "a", "WEFT_TEST_AS_PROGRAM": "1", "WEFT_TENANT": "shop", "WEFT_TENANTS": "a,b", "WEFT_OBJECTS": "s3://b",
		"WEFT_QUEUE": "redis://:secret@h/0", "WEFT_VECTORS": "redis://h/1", "WEFT_S3_SECRET_KEY": "k", "WEFT_IMAGE_MODEL": "m", "WEFT_RUNNERS": "2", "WEFT_DEVICES": "0,1", "WEFT_GPU_MEMORY": "2048"}
	if !maps.Equal(env, want) {
		t.Errorf("%v\nwant\n%v", env, want)
	}

	// As many variables as there are flags, and a worker understands each.
	c = autoscaleCmd{place: place{"t", "d", "o", "q", "v", "a", "s"}, several: several{[]string{"t"}}, encoders: encoders{"m", "c", "i", "x", "go", "cuda", "r", 3, []int{4}, 5, 6, 7}}
	flags := 0
	for _, group := range []any{c.place, c.several, c.encoders} {
		flags += reflect.TypeOf(group).NumField()
	}
	all := c.environment(nil)
	if len(all) != flags {
		t.Errorf("%d flags are handed on of %d: %v", len(all), flags, all)
	}
	help := done(t, "worker", "--help")
	for _, entry := range all {
		if name, _, _ := strings.Cut(entry, "="); !strings.Contains(help, "$"+name+")") && !strings.Contains(help, "$"+name+",") {
			t.Errorf("`weft worker` knows no %s", name)
		}
	}
}

func TestSimulatedDay(t *testing.T) {
	fleets := answer[[]simulatedFleet](t, "autoscale", "--simulate", "--json", "--max", "40")
	if len(fleets) != 3 || fleets[0].Late != 0 || fleets[0].WorkerHours >= fleets[1].WorkerHours || fleets[1].Late == 0 || fleets[2].WorkerHours < 10*fleets[0].WorkerHours {
		t.Errorf("%+v", fleets)
	}
}
