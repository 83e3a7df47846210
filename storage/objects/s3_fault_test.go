package objects_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/storage/objects"
	"weft/storage/servertest"
)

// gate is a proxy before an S3 server that spoils answers.
type gate struct {
	*httptest.Server

	mu    sync.Mutex
	spoil func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool // true: dealt with
	seen  int
}

func newGate(t *testing.T, server *servertest.S3Server) *gate {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: server.Addr})
	g := &gate{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.seen++
		spoil := g.spoil
		g.mu.Unlock()
		if spoil == nil || !spoil(w, r, proxy) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(g.Server.Close)
	return g
}

func (g *gate) set(spoil func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spoil, g.seen = spoil, 0
}

func (g *gate) requests() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}

// first applies spoil to the first n requests.
func first(n int, spoil func(w http.ResponseWriter, r *http.Request, pass http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
		mu.Lock()
		n--
		now := n >= 0
		mu.Unlock()
		if now {
			spoil(w, r, pass)
		}
		return now
	}
}

// The faults.

func unavailable(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	http.Error(w, "come back later", http.StatusServiceUnavailable)
}

func cut(w http.ResponseWriter, _ *http.Request, _ http.Handler) { hangUp(w) }

func short(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	answer := httptest.NewRecorder()
	pass.ServeHTTP(answer, r)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	hangUp(w)
}

// lost carries the request out and loses the answer.
func lost(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	hangUp(w)
}

func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

func (g *gate) config(server *servertest.S3Server, prefix string) objects.S3Config {
	return objects.S3Config{
		Endpoint: strings.TrimPrefix(g.URL, "http://"), Plain: true, Region: server.Region, Bucket: server.Bucket, Prefix: prefix,
		Credentials: objects.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey}, Attempts: 4, Stall: 300 * time.Millisecond,
	}
}

func TestS3Faults(t *testing.T) {
	server := servertest.S3(t)
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"unavailable": unavailable, "cut": cut, "short": short, "lost": lost, "hang": hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, server)
			s, err := objects.OpenS3(t.Context(), g.config(server, name))
			if err != nil {
				t.Fatal(err)
			}
			body := bytes.Repeat([]byte("0123456789"), 5000)
			survives := func(what string, call func() error) {
				t.Helper()
				g.set(first(1, fault))
				if err := call(); err != nil {
					t.Errorf("%s does not survive a fault: %v", what, err)
				}
				if n := g.requests(); n < 2 && (name != "short" || what != "Stat" && what != "Delete" && !strings.HasPrefix(what, "Put")) {
					t.Errorf("%s made %d requests, so it saw no fault", what, n)
				}
			}
			var info objects.Info
			survives("Put", func() (err error) { info, err = s.Put(t.Context(), "k", body, objects.Condition{}); return err })
			survives("Put IfMatch", func() (err error) {
				body[0] = 'X'
				info, err = s.Put(t.Context(), "k", body, objects.Condition{IfMatch: info.ETag})
				return err
			})
			survives("Put IfAbsent", func() error {
				_, err := s.Put(t.Context(), "new", body, objects.Condition{IfAbsent: true})
				return err
			})
			survives("Get", func() error {
				got, read, err := s.Get(t.Context(), "k", objects.GetOptions{})
				if err == nil && (!bytes.Equal(got, body) || read.ETag != info.ETag) {
					t.Errorf("Get after faults: %d bytes, %+v", len(got), read)
				}
				return err
			})
			survives("ReadRange", func() error {
				got, err := s.ReadRange(t.Context(), "k", 100, 20_000, info.ETag)
				if err == nil && !bytes.Equal(got, body[100:20_100]) {
					t.Errorf("ReadRange after faults: %d bytes", len(got))
				}
				return err
			})
			survives("Stat", func() error { _, err := s.Stat(t.Context(), "k"); return err })
			survives("List", func() error {
				var keys []string
				for info, err := range s.List(t.Context(), "", "") {
					if err != nil {
						return err
					}
					keys = append(keys, info.Key)
				}
				if !slices.Equal(keys, []string{"k", "new"}) {
					t.Errorf("List after faults: %q", keys)
				}
				return nil
			})
			survives("Delete", func() error { return s.Delete(t.Context(), "k") })

			g.set(first(1000, fault))
			_, _, err = s.Get(t.Context(), "new", objects.GetOptions{})
			if !errors.Is(err, objects.ErrUnavailable) {
				t.Errorf("Get with nothing but faults: %v, want ErrUnavailable", err)
			}
			// The HTTP client itself repeats a GET on a kept connection that breaks.
			if n := g.requests(); n < 4 || n > 8 {
				t.Errorf("%d requests, want as many as attempts: 4", n)
			}
		})
	}
}

// TestS3LostRace loses the answer of a conditional put that truly failed.
func TestS3LostRace(t *testing.T) {
	server := servertest.S3(t)
	g := newGate(t, server)
	s, err := objects.OpenS3(t.Context(), g.config(server, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "k", []byte("theirs"), objects.Condition{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	g.set(first(2, lost))
	if _, err := s.Put(t.Context(), "k", []byte("ours"), objects.Condition{IfAbsent: true}); !errors.Is(err, objects.ErrPrecondition) {
		t.Errorf("Put over another's object: %v, want ErrPrecondition", err)
	}
}

func TestS3ListGoesOn(t *testing.T) {
	server := servertest.S3(t)
	g := newGate(t, server)
	s, err := objects.OpenS3(t.Context(), g.config(server, ""))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 2500 {
		want = append(want, fmt.Sprintf("media/%04d", i))
	}
	var group sync.WaitGroup
	for part := range slices.Chunk(want, 250) {
		group.Go(func() {
			for _, key := range part {
				if _, err := s.Put(t.Context(), key, nil, objects.Condition{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	// Every other request fails: more failures in all than attempts, never two in a row.
	n := 0
	g.set(func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
		g.mu.Lock()
		n++
		odd := n%2 == 1
		g.mu.Unlock()
		if odd {
			unavailable(w, r, pass)
		}
		return odd
	})
	var got []string
	for info, err := range s.List(t.Context(), "media/", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %d objects, want %d", len(got), len(want))
	}
}

func TestOpenS3Refuses(t *testing.T) {
	server := servertest.S3(t)
	g := newGate(t, server)
	refused := func(what string, c objects.S3Config, sentinel error, parts ...string) {
		t.Helper()
		c.Attempts = 2
		_, err := objects.OpenS3(t.Context(), c)
		if err == nil || sentinel != nil && !errors.Is(err, sentinel) {
			t.Errorf("%s: error %v, want %v", what, err, sentinel)
			return
		}
		for _, part := range append(parts, c.Endpoint) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q does not name %q", what, err, part)
			}
		}
	}
	c := g.config(server, "")
	c.Bucket = "nowhere"
	refused("absent bucket", c, nil, "nowhere", "create it")
	c = g.config(server, "")
	c.Credentials.SecretKey = "wrong"
	refused("wrong secret", c, nil)
	for _, header := range []string{"If-None-Match", "If-Match"} {
		g.set(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			ignored := r.Method == http.MethodPut && r.Header.Get(header) != ""
			if ignored {
				w.Header().Set("ETag", `"written"`)
			}
			return ignored
		})
		refused("no "+header, g.config(server, ""), nil, header)
	}
	c = g.config(server, "")
	g.Close()
	refused("nobody there", c, objects.ErrUnavailable)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connects, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c.Endpoint = silent.Addr().String()
	refused("nobody answers", c, objects.ErrUnavailable, "no byte moved")
}

// TestS3ForeignObjects lists what other programs leave in a bucket.
func TestS3ForeignObjects(t *testing.T) {
	const page = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bucket</Name><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>%s</ListBucketResult>`
	listing := func(keys ...string) string {
		var b strings.Builder
		for _, key := range keys {
			fmt.Fprintf(&b, `<Contents><Key>%s</Key><ETag>"e"</ETag><Size>1</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>`, url.QueryEscape(key))
		}
		return fmt.Sprintf(page, "<EncodingType>url</EncodingType>"+b.String())
	}
	server := servertest.S3(t)
	g := newGate(t, server)
	s, err := objects.OpenS3(t.Context(), g.config(server, ""))
	if err != nil {
		t.Fatal(err)
	}
	list := func(keys ...string) (found []string, err error) {
		g.set(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(w, listing(keys...))
			return true
		})
		for info, err := range s.List(t.Context(), "a", "a/0") {
			if err != nil {
				return found, err
			}
			found = append(found, info.Key)
		}
		return found, nil
	}
	if got, err := list("a/0", "a/2", "a/1"); err == nil || !slices.Equal(got, []string{"a/2"}) {
		t.Errorf("a listing out of order gave %q, %v", got, err)
	}
	// What weft cannot read is listed all the same, so that it can be reported.
	got, err := list("a/", "a/../b", "a/.DS_Store", "a//b", "a/0", "a/1", "a/1/.hidden/x", "a/1//x", "a/1/folder/", `a/\`, "b")
	if want := []string{"a/1", "a/1//x", `a/\`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("List = %q, %v; want %q", got, err, want)
	}
}
