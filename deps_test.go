// Package weft_test holds the rules of the house that a compiler does not check: who may import whom, and how the
// tree is kept. Each rule carries its reason, and says it when it is broken.
package weft_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "weft"

// layers says which of our top folders each top folder may import, beside itself.
var layers = map[string]struct {
	May []string
	Why string
}{
	"tasks":      {nil, "tasks is the vocabulary everyone shares; what it imported, everyone would"},
	"onnx":       {nil, "onnx is the runtime and nothing else, so that it can be tested and replaced alone"},
	"client":     {nil, "recommenders link the client: it must not drag the pipeline into their program"},
	"extractors": {[]string{"onnx"}, "extractors turn bytes into vectors and know nothing of queues or stores"},
	"fusion":     {[]string{"onnx"}, "fusion is a function of stored parts, not of where they are stored"},
	"storage":    {[]string{"tasks"}, "storage keeps rows and objects and knows nothing of who computes them"},
	"behaviour":  {[]string{"tasks", "storage"}, "behaviour is rows and what follows from them, whoever asks"},
	"gather":     {[]string{"tasks", "storage", "behaviour", "fusion"}, "gather reads what vectors are made of, also where no encoder and no queue is"},
	"learning":   {[]string{"tasks", "storage", "behaviour", "fusion", "gather"}, "learning turns what is stored into what is trained on; it encodes and serves nothing"},
	"evaluation": {[]string{"fusion"}, "evaluation measures what it is handed, opened: figures must not depend on where models and rows are kept, or on an encoder"},
	"scheduler":  {[]string{"tasks", "storage", "behaviour"}, "the scheduler compares and enqueues; it never decodes or encodes"},
	"promote":    {[]string{"tasks", "storage", "behaviour", "fusion", "gather"}, "promotion makes vectors of what is stored, where no encoder and no queue is"},
	"crew":       {nil, "a crew runs any program: how many there are to be is decided by who asks it"},
	"doctor":     {[]string{"tasks", "storage"}, "the doctor looks at servers and disks as weft meets them; encoders and generations are the command's"},
	"worker":     {[]string{"tasks", "storage", "extractors", "fusion", "behaviour", "gather"}, "the worker talks to the scheduler through the queue alone"},
	"serve":      {[]string{"tasks", "storage", "extractors", "fusion", "client", "behaviour", "gather"}, "serve reads what was published; it does not reach into workers or the scheduler"},
	"examples":   {[]string{"fusion", "onnx"}, "the sample's generators stand alone; their tests show what can be learned from what they make"},
	"campaign": {[]string{"tasks", "storage", "scheduler"},
		"the campaign breaks a fleet of programs from outside, and judges it by what the bucket and Redis hold"},
	"cmd": {[]string{"tasks", "onnx", "client", "extractors", "fusion", "storage", "behaviour", "gather", "learning", "evaluation", "promote", "doctor", "crew", "scheduler", "worker", "serve", "examples"},
		"cmd is the one place where everything is wired"},
}

// fences says where a third-party package may be imported. A prefix ends at a path boundary.
var fences = []struct {
	Package string
	Within  []string
	Why     string
}{
	{"github.com/hibiken/asynq", []string{"tasks/queue", "worker"}, "asynq's holes are answered in one place, and the queue stays replaceable"},
	{"github.com/minio/minio-go", []string{"storage"}, "S3 is one implementation of the object store"},
	{"github.com/yalue/onnxruntime_go", []string{"onnx"}, "every C call into the runtime is joined in one package"},
	{"github.com/parquet-go/parquet-go", []string{"storage", "fusion/dataset", "behaviour/files", "behaviour/divide/tables", "cmd"}, "the file format is the lake's (and export's) business, and that of tables which others wrote"},
	{"github.com/disintegration/imaging", []string{"serve", "cmd"}, "imaging makes thumbnails; it is not Pillow's resize and can panic in goroutines of its own"},
	{"github.com/alecthomas/kong", []string{"cmd"}, "flags and environment are read in cmd only"},
	{"github.com/chromedp", []string{}, "browsers are driven in tests alone"},
	{"flag", []string{"cmd", "examples"}, "flags and environment are read in cmd only"},
}

// cgoIn are the only packages with C in them.
var cgoIn = []string{"onnx", "extractors/pixels"}

type listed struct {
	ImportPath, Name, Dir              string
	Standard                           bool
	GoFiles, CgoFiles                  []string
	Imports, TestImports, XTestImports []string
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	fields := "-json=ImportPath,Name,Dir,Standard,GoFiles,CgoFiles,Imports,TestImports,XTestImports"
	cmd := exec.Command("go", append([]string{"list", "-e", fields}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// inside is the path of a package of ours below the module root; ok is false for others.
func inside(importPath string) (path string, ok bool) {
	path, ok = strings.CutPrefix(strings.TrimSuffix(importPath, "_test"), module+"/")
	return path, ok
}

func under(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// brokenImport says which rule forbids that from imports what, or nothing.
func brokenImport(from, what string) (why string) {
	if other, ok := inside(what); ok {
		top, _, _ := strings.Cut(from, "/")
		otherTop, _, _ := strings.Cut(other, "/")
		layer, known := layers[top]
		switch {
		case !known:
			return "the folder " + top + " has no rule in deps_test.go: say there whom it may import, and why"
		case otherTop != top && !slices.Contains(layer.May, otherTop):
			return layer.Why
		case from != "tasks" && top == "tasks" && other != "tasks" && !strings.HasPrefix(other, from+"/"):
			return "below tasks only the vocabulary is shared"
		case from == "tasks" && other != "tasks":
			return "tasks imports nothing of ours, its own implementations included"
		}
		return ""
	}
	for _, fence := range fences {
		if under(what, []string{fence.Package}) && !under(from, fence.Within) {
			return fence.Why + " (allowed in " + strings.Join(fence.Within, ", ") + ")"
		}
	}
	return ""
}

// forTests tells the packages that serve tests, ours and the library's: their names end in test, as in objecttest.
func forTests(path string) bool { return strings.HasSuffix(path, "test") }

func TestImports(t *testing.T) {
	for _, p := range goList(t, "./...") {
		from, ok := inside(p.ImportPath)
		if !ok {
			continue // this package
		}
		for _, what := range p.Imports {
			switch why := brokenImport(from, what); {
			case forTests(from): // in no program
			case forTests(what):
				t.Errorf("%s imports %s: servers and conformance suites for tests have no place in a program", from, what)
			case why != "":
				t.Errorf("%s imports %s: %s", from, what, why)
			}
		}
		// Tests may use other libraries (a flag for goldens, a raw client), but the layers hold for them as well.
		for _, what := range slices.Concat(p.TestImports, p.XTestImports) {
			if _, ours := inside(what); !ours || forTests(what) {
				continue
			}
			if why := brokenImport(from, what); why != "" {
				t.Errorf("a test in %s imports %s: %s", from, what, why)
			}
		}
		if len(p.CgoFiles) > 0 && !under(from, cgoIn) {
			t.Errorf("%s has cgo in %v: C is kept in %s, where every call is joined and its memory checked",
				from, p.CgoFiles, strings.Join(cgoIn, " and "))
		}
	}
}

// A rule that forbids nothing is no rule: each of these must be caught.
func TestImportRulesBite(t *testing.T) {
	for _, broken := range [][2]string{
		{"tasks", "weft/storage/objects"}, {"tasks", "weft/tasks/queue"}, {"tasks/queue", "weft/storage"},
		{"onnx/graph", "weft/extractors"}, {"client", "weft/tasks"}, {"extractors/models", "weft/tasks"},
		{"scheduler", "weft/worker"}, {"worker", "weft/scheduler"}, {"gather", "weft/extractors"}, {"fusion", "weft/gather"}, {"learning", "weft/extractors"}, {"worker", "weft/learning"}, {"evaluation", "weft/storage/lake"}, {"serve", "weft/evaluation"}, {"doctor", "weft/extractors/models"}, {"serve", "weft/worker"}, {"serve", "weft/onnx"},
		{"scheduler", "github.com/hibiken/asynq"}, {"worker", "github.com/minio/minio-go/v7"},
		{"extractors", "github.com/yalue/onnxruntime_go"}, {"worker", "flag"}, {"somewhere", "weft/tasks"}, {"cmd/weft", "weft/campaign/proxy"},
	} {
		if brokenImport(broken[0], broken[1]) == "" {
			t.Errorf("no rule forbids that %s imports %s", broken[0], broken[1])
		}
	}
	for _, fine := range [][2]string{
		{"tasks/queue", "weft/tasks"}, {"tasks/queue", "github.com/hibiken/asynq"}, {"storage/objects", "github.com/minio/minio-go/v7"},
		{"worker", "weft/fusion"}, {"extractors/efficientnet", "weft/onnx/graph"}, {"cmd/weft", "weft/worker"}, {"client", "net/http"},
	} {
		if why := brokenImport(fine[0], fine[1]); why != "" {
			t.Errorf("%s may import %s, but: %s", fine[0], fine[1], why)
		}
	}
}

// The client is linked into other people's programs: no C, no queue, and few modules.
func TestClientStaysSmall(t *testing.T) {
	modules := map[string]bool{}
	for _, p := range goList(t, "-deps", "./client/...") {
		if p.Standard {
			continue
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("client pulls in cgo through %s", p.ImportPath)
		}
		if _, ours := inside(p.ImportPath); !ours {
			parts := strings.SplitN(p.ImportPath, "/", 4)
			modules[strings.Join(parts[:min(3, len(parts))], "/")] = true
		}
	}
	if modules["github.com/hibiken/asynq"] {
		t.Error("client pulls in asynq: a reader needs no queue")
	}
	if len(modules) > 5 {
		t.Errorf("client pulls in %d modules, keep it to 5: %v", len(modules), modules)
	}
}
