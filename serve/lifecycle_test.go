package serve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/client"
	"weft/serve"
	"weft/storage/objects"
	"weft/tasks"
)

func TestStartAndStop(t *testing.T) {
	s := open(t, nil)
	addr := s.Addr().String()
	if err := s.Start(t.Context()); err != nil || s.Addr().String() != addr {
		t.Errorf("second start: %v at %v", err, s.Addr())
	}
	taken := s.cfg
	taken.Listen, taken.Registry = addr, nil
	other, err := serve.New(taken)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(t.Context()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("on a taken address: %v", err)
	}
	if err := other.Stop(t.Context()); err != nil {
		t.Errorf("stop of what did not start: %v", err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	select {
	case <-s.Done():
	default:
		t.Error("stopped, but not done")
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listens")
	}
	if err := s.Start(t.Context()); !errors.Is(err, serve.ErrStopped) {
		t.Errorf("start after stop: %v", err)
	}
}

// waiting is a bucket whose Put waits to be released.
type waiting struct {
	objects.Store
	began, release chan struct{}
}

func (w waiting) Put(ctx context.Context, key string, body []byte, c objects.Condition) (objects.Info, error) {
	close(w.began)
	select {
	case <-w.release:
		return w.Store.Put(ctx, key, body, c)
	case <-ctx.Done():
		return objects.Info{}, ctx.Err()
	}
}

func TestStopLetsRequestsFinish(t *testing.T) {
	w := waiting{began: make(chan struct{}), release: make(chan struct{})}
	s := open(t, func(c *serve.Config) {
		w.Store = c.Tenants["shop"].Objects
		c.Tenants["shop"] = serve.Tenant{Objects: w, Vectors: c.Tenants["shop"].Vectors}
	})
	put, stop := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.client.PutProduct(t.Context(), "p1", client.Listing{Title: "a"}, client.Condition{})
		put <- err
	}()
	<-w.began
	go func() { stop <- s.Stop(context.Background()) }()
	eventually(t, "the listener closes", func() bool {
		c, err := net.Dial("tcp", s.url[len("http://"):])
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(w.release)
	if err := errors.Join(<-put, <-stop); err != nil {
		t.Error(err)
	}
}

func TestStopCutsWhatDoesNotFinish(t *testing.T) {
	w := waiting{began: make(chan struct{}), release: make(chan struct{})}
	dir, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.Store = dir
	s, err := serve.New(serve.Config{Listen: "127.0.0.1:0", StopTimeout: 20 * time.Millisecond,
		Tenants: map[tasks.Tenant]serve.Tenant{"shop": {Objects: w, Vectors: newMemory()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := fmt.Fprint(c, "PUT /v1/shop/products/p1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	<-w.began
	if err := s.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "cut") {
		t.Errorf("got %v", err)
	}
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode < 500 {
			t.Errorf("an unfinished write was answered %d", res.StatusCode)
		}
	}
}
