package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weft/storage/objects"
	"weft/storage/servertest"
)

// site answers GET with body and counts what it was asked.
func site(t *testing.T, body []byte) (target string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", strconv.Itoa(len(body))) // as S3 servers do
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), asked
}

func listenHTTP(t *testing.T, target string, f HTTPFaults) *HTTP {
	t.Helper()
	p, err := ListenHTTP(target, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Set(f)
	return p
}

// ask makes one request on a connection of its own: the client must not repeat it.
func ask(t *testing.T, method string, p *HTTP) (status int, body []byte, err error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.Addr()+"/bucket/key", strings.NewReader("sent"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func TestHTTPPassesOn(t *testing.T) {
	target, _ := site(t, []byte("hello"))
	p := listenHTTP(t, target, HTTPFaults{})
	if status, body, err := ask(t, http.MethodGet, p); status != http.StatusOK || string(body) != "hello" || err != nil {
		t.Errorf("%d %q %v", status, body, err)
	}
	if p.Injected() != 0 {
		t.Errorf("%d faults without any set", p.Injected())
	}
}

func TestHTTPFaults(t *testing.T) {
	content := bytes.Repeat([]byte("content "), 10_000)
	for _, test := range []struct {
		name   string
		method string
		faults HTTPFaults
		status int // 0: no answer
		broken bool
		heard  int64
	}{
		{"unavailable", http.MethodGet, HTTPFaults{Unavailable: 1}, 503, false, 0},
		{"reset", http.MethodPut, HTTPFaults{Reset: 1}, 0, true, 0},
		{"unheard", http.MethodPut, HTTPFaults{Unheard: 1}, 0, true, 1},
		{"full", http.MethodPut, HTTPFaults{Full: 1}, 507, false, 0},
		{"full, reading", http.MethodGet, HTTPFaults{Full: 1}, 200, false, 1},
		{"short", http.MethodGet, HTTPFaults{Short: 1}, 200, true, 1},
		{"slow", http.MethodGet, HTTPFaults{Slow: 1, Drip: 50 * time.Millisecond}, 200, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			target, asked := site(t, content)
			p := listenHTTP(t, target, test.faults)
			status, body, err := ask(t, test.method, p)
			if status != test.status || (err != nil) != test.broken {
				t.Errorf("status %d, error %v", status, err)
			}
			if asked.Load() != test.heard {
				t.Errorf("the server was asked %d times, want %d", asked.Load(), test.heard)
			}
			if test.status == 200 && bytes.Equal(body, content) == test.broken {
				t.Errorf("%d of %d bytes arrived", len(body), len(content))
			}
			if test.name != "full, reading" && p.Injected() != 1 {
				t.Errorf("%d faults counted, want 1", p.Injected())
			}
		})
	}
}

func TestHTTPSlowTakesItsTime(t *testing.T) {
	target, _ := site(t, make([]byte, 1000))
	p := listenHTTP(t, target, HTTPFaults{Slow: 1, Drip: 200 * time.Millisecond, Delay: 50 * time.Millisecond})
	began := time.Now()
	if _, _, err := ask(t, http.MethodGet, p); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 250*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// The proxy must keep signatures valid and be seen by weft's own client as the
// failures that they stand for.
func TestHTTPBeforeS3(t *testing.T) {
	s3 := servertest.S3(t)
	p := listenHTTP(t, s3.Addr, HTTPFaults{})
	store, err := objects.OpenS3(t.Context(), objects.S3Config{
		Endpoint: p.Addr(), Plain: true, Region: s3.Region, Bucket: s3.Bucket, Attempts: 1,
		Credentials: objects.Credentials{AccessKey: s3.AccessKey, SecretKey: s3.SecretKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("photo"), 20_000)
	info, err := store.Put(t.Context(), "media/p/a.jpg", body, objects.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(ctx context.Context) error {
		got, _, err := store.Get(ctx, "media/p/a.jpg", objects.GetOptions{IfMatch: info.ETag})
		if err == nil && !bytes.Equal(got, body) {
			t.Error("other bytes came back, and no error")
		}
		return err
	}
	if err := get(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]HTTPFaults{"unavailable": {Unavailable: 1}, "reset": {Reset: 1}, "short": {Short: 1}, "unheard": {Unheard: 1}} {
		p.Set(f)
		if err := get(t.Context()); !errors.Is(err, objects.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Set(HTTPFaults{Full: 1})
	if _, err := store.Put(t.Context(), "media/p/b.jpg", body, objects.Condition{}); !errors.Is(err, objects.ErrFull) {
		t.Errorf("full: %v", err)
	}
	p.Set(HTTPFaults{})
	p.Before(func(r *http.Request) {
		if r.Method == http.MethodGet { // between the listing and the reading
			p.Before(nil)
			if _, err := store.Put(context.Background(), "media/p/a.jpg", []byte("another"), objects.Condition{}); err != nil {
				t.Error(err)
			}
		}
	})
	if err := get(t.Context()); !errors.Is(err, objects.ErrPrecondition) {
		t.Errorf("overwritten before it is read: %v", err)
	}
}
