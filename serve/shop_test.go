package serve_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/client"
	"weft/serve"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

const gen tasks.Generation = "g0123456789ab"

// memory is a vectors store that fails on demand.
type memory struct {
	mu      sync.Mutex
	live    tasks.Generation
	records map[string]vectors.Record // generation/id
	users   map[string]vectors.Record
	stream  []vectors.Update
	wake    chan struct{} // closed and replaced at each change
	down    error
}

func newMemory() *memory {
	return &memory{live: gen, records: map[string]vectors.Record{}, users: map[string]vectors.Record{}, wake: make(chan struct{})}
}

func (m *memory) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.wake)
	m.wake = make(chan struct{})
}

func (m *memory) put(g tasks.Generation, id string, v ...float32) {
	price := 5.0
	m.change(func() {
		m.records[string(g)+"/"+id] = vectors.Record{ID: id, Vector: v, Content: v, Modalities: []string{"text"}, SourceVersion: 7,
			Sources: "s", UpdatedAt: int64(len(m.stream) + 1), Title: "title of " + id, Category: "dress", Price: &price}
		m.announce(g, id)
	})
}

func (m *memory) drop(g tasks.Generation, id string) {
	m.change(func() { delete(m.records, string(g)+"/"+id); m.announce(g, id) })
}

func (m *memory) announce(g tasks.Generation, id string) {
	m.stream = append(m.stream, vectors.Update{Position: strconv.Itoa(len(m.stream) + 1), Kind: vectors.Product, ID: id, Generation: g})
}

func (m *memory) Live(context.Context) (tasks.Generation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil && m.live == "" {
		return "", vectors.ErrNotLive
	}
	return m.live, m.down
}

func (m *memory) Get(_ context.Context, g tasks.Generation, kind vectors.Kind, id string) (vectors.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[string(g)+"/"+id]
	if kind == vectors.User {
		r, ok = m.users[id]
	}
	if m.down == nil && !ok {
		return r, vectors.ErrNotFound
	}
	return r, m.down
}

func (m *memory) All(_ context.Context, g tasks.Generation, _ vectors.Kind) iter.Seq2[vectors.Record, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	records, down := maps.Clone(m.records), m.down
	return func(yield func(vectors.Record, error) bool) {
		if down != nil {
			yield(vectors.Record{}, down)
			return
		}
		for key, r := range records {
			if strings.HasPrefix(key, string(g)+"/") && !yield(r, nil) {
				return
			}
		}
	}
}

func (m *memory) Heads(ctx context.Context, g tasks.Generation, k vectors.Kind) iter.Seq2[vectors.Head, error] {
	return func(yield func(vectors.Head, error) bool) {
		for r, err := range m.All(ctx, g, k) {
			if !yield(vectors.Head{ID: r.ID, UpdatedAt: r.UpdatedAt, SourceVersion: r.SourceVersion, Sources: r.Sources}, err) {
				return
			}
		}
	}
}

func (m *memory) Last(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strconv.Itoa(len(m.stream)), m.down
}

func (m *memory) Follow(ctx context.Context, after string) iter.Seq2[vectors.Update, error] {
	at, err := strconv.Atoi(after)
	return func(yield func(vectors.Update, error) bool) {
		for ctx.Err() == nil {
			m.mu.Lock()
			fresh, wake := slices.Clone(m.stream[at:]), m.wake
			err = errors.Join(err, m.down)
			m.mu.Unlock()
			if err != nil {
				yield(vectors.Update{}, err)
				return
			}
			for _, u := range fresh {
				at++
				if !yield(u, nil) {
					return
				}
			}
			select {
			case <-wake:
			case <-ctx.Done():
			}
		}
	}
}

// shop is a running server with one tenant, "shop", on a real directory.
type shop struct {
	*serve.Server
	url     string
	objects *objects.Dir
	vectors *memory
	client  *client.Client
	cfg     serve.Config
}

// open starts a server, which adjust may configure.
func open(t testing.TB, adjust func(*serve.Config)) *shop {
	t.Helper()
	dir, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{objects: dir, vectors: newMemory()}
	s.cfg = serve.Config{
		Listen:   "127.0.0.1:0",
		Tenants:  map[tasks.Tenant]serve.Tenant{"shop": {Objects: dir, Vectors: s.vectors}},
		Registry: prometheus.NewRegistry(),
		Log:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if adjust != nil {
		adjust(&s.cfg)
	}
	if s.Server, err = serve.New(s.cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	s.url = "http://" + s.Addr().String()
	s.client = s.as(t, "shop", "")
	return s
}

// as is a client of a tenant, which asks once.
func (s *shop) as(t testing.TB, tenant, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: s.url, Tenant: tenant, Token: token, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// do sends a request as it is, and returns the answer and its body.
func (s *shop) do(t testing.TB, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// eventually asks until done, and fails the test when that takes half a minute.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !done(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (s *shop) ready(t testing.TB) {
	t.Helper()
	eventually(t, "ready", func() bool { return s.client.Ready(t.Context()) == nil })
}

// keys lists the bucket.
func (s *shop) keys(t testing.TB) []string {
	t.Helper()
	var keys []string
	for info, err := range s.objects.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}
