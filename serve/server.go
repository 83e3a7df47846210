package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"golang.org/x/net/netutil"

	"weft/extractors/pixels"
	"weft/serve/quality"
	"weft/tasks"
)

// ErrStopped reports a Start after Stop.
var ErrStopped = errors.New("serve: server was stopped")

// Server answers HTTP for its tenants. Make one with New.
type Server struct {
	cfg     Config
	log     *slog.Logger
	guarded bool // tokens are asked for
	tokens  atomic.Pointer[keyring]
	tenants atomic.Pointer[map[tasks.Tenant]*tenant] // replaced when one is added
	metrics *metrics
	judged  *quality.Metrics
	plain   *pixels.Decoder // of tenants that name none
	notices *notices
	uploads *gate
	search  *gate
	// pictures draws thumbnails.
	pictures *pictures
	// collects lets requests with rows through; none waits.
	collects *gate
	streams  *gate
	handler  http.Handler

	mu        sync.Mutex // start, stop
	started   bool
	stopped   bool
	listener  net.Listener
	http      *http.Server
	following context.Context // ends when the server stops: whatever has no end of its own ends with it
	unfollow  context.CancelFunc
	cancel    context.CancelFunc // ends requests
	ended     sync.WaitGroup
	done      chan struct{}
	err       error // why serving ended, readable once done is closed
}

// New checks cfg and builds the server. It neither listens nor connects.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, err
	}
	judged, err := quality.NewMetrics(cfg.Registry)
	if err != nil {
		return nil, fmt.Errorf("%w: Registry: %w (one registry serves one server)", ErrConfig, err)
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, guarded: cfg.guarded(), metrics: m, notices: newNotices(), done: make(chan struct{}),
		uploads:  newGate(cfg.MaxUploadBytes, cfg.MaxConnections),
		search:   newGate(int64(cfg.MaxSearches), cfg.MaxWaiting),
		collects: newGate(int64(cfg.MaxCollects), 0), streams: newGate(int64(cfg.MaxStreams), 0),
	}
	s.following, s.unfollow = context.WithCancel(context.Background())
	plain, err := pixels.Open(pixels.Go, pixels.Limits{}, pixels.Libraries{})
	if err != nil {
		return nil, fmt.Errorf("serve: decoding photos: %w", err)
	}
	s.pictures = newPictures(cfg.MaxImageBytes)
	s.judged, s.plain = judged, plain
	all := make(map[tasks.Tenant]*tenant, len(cfg.Tenants))
	for name, t := range cfg.Tenants {
		all[name] = s.newTenant(name, t)
	}
	s.tenants.Store(&all)
	if err := s.SetTokens(cfg.Tokens); err != nil {
		return nil, err
	}
	mux, err := s.routes()
	if err != nil {
		return nil, err
	}
	// Vectors compress to half; small answers are not worth it.
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(2048), gzhttp.CompressionLevel(1))
	if err != nil {
		return nil, fmt.Errorf("serve: compression: %w", err)
	}
	s.handler = compress(s.observe(s.guard(s.crossOrigin(mux))))
	return s, nil
}

// Handler answers requests without a listener, for a server of the caller's. Its
// tenants are searchable only between Start and Stop.
func (s *Server) Handler() http.Handler { return s.handler }

// Start listens and begins to read the vectors in the background; it returns when
// requests are accepted, which may be before /readyz says ready. ctx bounds the
// start alone. A second Start does nothing; one after Stop is ErrStopped.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	if s.started {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("serve: listening on %s: %w (is another server there? choose another address)", s.cfg.Listen, err)
	}
	s.started, s.listener = true, l
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.http = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		// A write deadline starts with the request, so it covers its body too.
		WriteTimeout:   s.cfg.BodyTimeout + s.cfg.RequestTimeout + 5*time.Second,
		IdleTimeout:    s.cfg.IdleTimeout,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:    func(net.Listener) context.Context { return requests },
	}
	for _, t := range *s.tenants.Load() {
		s.follow(t)
	}
	s.ended.Go(func() { s.notices.run(s.following, s.hint) })
	go func() {
		defer close(s.done)
		err := s.http.Serve(netutil.LimitListener(l, s.cfg.MaxConnections))
		if !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("serve: %s: %w", l.Addr(), err)
		}
	}()
	s.log.LogAttrs(ctx, slog.LevelInfo, "serving", slog.String("address", l.Addr().String()), slog.Int("tenants", len(*s.tenants.Load())), slog.Bool("tokens", s.guarded))
	return nil
}

// Addr is where the server listens, nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Done is closed when the server no longer accepts requests; Err then says why: nil
// after Stop, the listener's error otherwise.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is nil until Done is closed.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop accepts no more requests, lets those under way finish for StopTimeout or
// until ctx ends, cuts the rest, and returns when everything has ended. The error
// says that requests were cut. A second Stop, or one before Start, returns nil.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	s.unfollow()
	if !s.started {
		close(s.done)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StopTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.cancel()
	if err != nil {
		_ = s.http.Close()
		err = fmt.Errorf("serve: stopping: requests were cut: %w", err)
	}
	<-s.done
	s.ended.Wait()
	return err
}
