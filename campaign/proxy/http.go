package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// HTTPFaults are the probabilities, from 0 to 1, with which requests go wrong. The
// zero value passes everything on.
type HTTPFaults struct {
	// Unavailable requests are answered 503 SlowDown; the server does not see them.
	Unavailable float64
	// Reset requests end in a reset connection; the server does not see them.
	Reset float64
	// Unheard requests are carried out, and their answer is lost in a reset.
	Unheard float64
	// Full writes are answered 507, as a server whose disk is full does.
	Full float64
	// Short bodies of answers end half way.
	Short float64
	// Slow bodies take Drip in all.
	Slow float64
	Drip time.Duration
	// Delay is added before each request.
	Delay time.Duration
}

// HTTP passes requests on to one S3 endpoint, with the Host header that they were
// signed for.
type HTTP struct {
	server   *http.Server
	listener net.Listener
	reverse  *httputil.ReverseProxy
	dice     *dice
	faults   atomic.Pointer[HTTPFaults]
	before   atomic.Pointer[func(*http.Request)]
	injected atomic.Int64
	ended    chan struct{}
}

// ListenHTTP serves on a free port of the loopback until Close. target is host:port.
func ListenHTTP(target string, seed uint64) (*HTTP, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", target, err)
	}
	p := &HTTP{listener: listener, dice: newDice(seed), ended: make(chan struct{})}
	p.Set(HTTPFaults{})
	quiet := log.New(io.Discard, "", 0) // aborted answers are what this is for
	p.reverse = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: target})
			r.Out.Host = r.In.Host
		},
		Transport:      &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second},
		ModifyResponse: p.spoil,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
		ErrorLog:       quiet,
		FlushInterval:  -1,
	}
	p.server = &http.Server{Handler: p, ErrorLog: quiet, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(p.ended)
		_ = p.server.Serve(listener) // ends by Close
	}()
	return p, nil
}

// Addr is where clients connect, host:port.
func (p *HTTP) Addr() string { return p.listener.Addr().String() }

// Set replaces the faults for requests to come.
func (p *HTTP) Set(f HTTPFaults) { p.faults.Store(&f) }

// Before is called with each request before it is passed on, on the request's
// goroutine; nil calls nothing. It must not touch the body.
func (p *HTTP) Before(f func(*http.Request)) {
	if f == nil {
		f = func(*http.Request) {}
	}
	p.before.Store(&f)
}

// Injected is how many requests went wrong on purpose so far.
func (p *HTTP) Injected() int64 { return p.injected.Load() }

// Close ends every connection and the server.
func (p *HTTP) Close() {
	_ = p.server.Close()
	<-p.ended
}

const (
	slowDown    = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`
	storageFull = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its minimum free drive threshold.</Message></Error>`
)

// ServeHTTP passes one request on, or not.
func (p *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := *p.faults.Load()
	if f.Delay > 0 {
		pause(r.Context(), f.Delay)
	}
	switch {
	case p.throw(f.Reset):
		reset(w)
		return
	case p.throw(f.Unavailable):
		answer(w, r, http.StatusServiceUnavailable, slowDown)
		return
	case r.Method == http.MethodPut && p.throw(f.Full):
		answer(w, r, http.StatusInsufficientStorage, storageFull)
		return
	}
	if before := p.before.Load(); before != nil {
		(*before)(r)
	}
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), faultsKey{}, f)))
}

// faultsKey carries the faults of a request to its answer.
type faultsKey struct{}

var errUnheard = errors.New("the answer is lost on purpose")

// spoil does to an answer what the faults say.
func (p *HTTP) spoil(r *http.Response) error {
	f, _ := r.Request.Context().Value(faultsKey{}).(HTTPFaults)
	if p.throw(f.Unheard) {
		return errUnheard
	}
	if r.Request.Method != http.MethodGet || r.StatusCode/100 != 2 {
		return nil
	}
	switch {
	case r.ContentLength > 1 && p.throw(f.Short):
		r.Body = &shortBody{ReadCloser: r.Body, left: r.ContentLength / 2}
	case r.ContentLength > 0 && p.throw(f.Slow):
		r.Body = &slowBody{ReadCloser: r.Body, ctx: r.Request.Context(), step: f.Drip / drips, most: int(r.ContentLength/drips) + 1}
	}
	return nil
}

func (p *HTTP) throw(probability float64) bool {
	hit := p.dice.hit(probability)
	if hit {
		p.injected.Add(1)
	}
	return hit
}

// answer says status with an S3 error. The body is read first, as a server does.
func answer(w http.ResponseWriter, r *http.Request, status int, body string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// reset ends the connection without an answer.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own way to end a connection
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
