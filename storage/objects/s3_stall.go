package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const dialTimeout = 5 * time.Second

// stallTransport gives up a request that moves no byte, in either direction, for
// limit. Large bodies may take as long as they need.
type stallTransport struct {
	next  http.RoundTripper
	limit time.Duration
}

var errStalled = errors.New("no byte moved")

func newStallTransport(limit time.Duration) *stallTransport {
	return &stallTransport{limit: limit, next: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   2 * dialTimeout,
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   256, // there is one host
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true, // bodies as they are stored
	}}
}

func (t *stallTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	w := &watch{ctx: ctx, cancel: cancel, limit: t.limit}
	w.timer = time.AfterFunc(t.limit, func() { cancel(fmt.Errorf("%w for %v", errStalled, t.limit)) })
	request = request.Clone(ctx)
	if request.Body != nil && request.Body != http.NoBody {
		request.Body = &watchedBody{request.Body, w, false}
	}
	response, err := t.next.RoundTrip(request)
	if err != nil {
		w.end()
		return nil, w.why(err)
	}
	w.move()
	response.Body = &watchedBody{response.Body, w, true}
	return response, nil
}

// watch cancels its request when nothing moves.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func (w *watch) move() { w.timer.Reset(w.limit) }

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// why replaces the cancellation that a stall caused by its cause.
func (w *watch) why(err error) error {
	if cause := context.Cause(w.ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return err
}

// watchedBody reports every read; closing the body of the answer ends the watch.
type watchedBody struct {
	io.ReadCloser
	watch  *watch
	answer bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.move()
	}
	if err != nil && err != io.EOF {
		err = b.watch.why(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	if b.answer {
		b.watch.end()
	}
	return b.ReadCloser.Close()
}
