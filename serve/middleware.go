package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

type requestKey struct{}

// request is what is known of one beside what http has.
type request struct {
	id    string
	token string // the name of the one that was shown
	// untimed ends with the connection, not with the time for an answer.
	untimed context.Context
}

// requestID of the request that ctx belongs to, "" outside of one.
func requestID(ctx context.Context) string {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r.id
	}
	return ""
}

// untimed is a request's context without the limit of time that answers have.
func untimed(ctx context.Context) context.Context {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r.untimed
	}
	return ctx
}

// note keeps for the log whose token was shown.
func note(ctx context.Context, token string) {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		r.token = token
	}
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observe names the request, bounds its time, counts it, and turns a panic into a
// problem: nothing that a client sends ends the process or goes unanswered.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !requestIDPattern.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		known := &request{id: id}
		known.untimed = context.WithValue(r.Context(), requestKey{}, known)
		ctx, cancel := context.WithTimeout(known.untimed, s.cfg.BodyTimeout+s.cfg.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w}
		if r.ContentLength != 0 { // a body that nobody reads is drained by net/http, which must not wait for ever
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.cfg.BodyTimeout))
		}

		begin := time.Now()
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			fault := recover()
			abort := fault != nil
			if err, ok := fault.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				if fault != nil {
					s.log.LogAttrs(ctx, slog.LevelError, "request panicked", slog.String("request", id), slog.String("method", r.Method),
						slog.String("path", r.URL.Path), slog.Any("panic", fault), slog.String("stack", string(debug.Stack())))
				}
				if fault != nil && rec.status == 0 {
					writeProblem(rec, problem(http.StatusInternalServerError, "the server failed; its log has the cause under request "+id))
					abort = false
				}
			}
			took := time.Since(begin)
			s.metrics.request(r, rec.status, took)
			s.log.LogAttrs(ctx, slog.LevelDebug, "request", slog.String("request", id), slog.String("method", r.Method),
				slog.String("path", r.URL.Path), slog.Int("status", rec.status), slog.Duration("took", took), slog.String("token", known.token))
			if abort {
				panic(http.ErrAbortHandler) // half an answer was sent: cut the connection
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// guard refuses what no handler should see: a path that means another one, and,
// while no tokens protect the server, a Host under which only a web page tricked
// into talking to this machine would call it.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.EscapedPath(); p != "/" && path.Clean(p) != strings.TrimSuffix(p, "/") {
			writeProblem(w, problem(http.StatusBadRequest, fmt.Sprintf("path %.200q holds an empty segment, '.' or '..'; ids with such characters are not valid", p)))
			return
		}
		if !s.guarded && !s.knownHost(r.Host) {
			writeProblem(w, problem(http.StatusMisdirectedRequest, fmt.Sprintf("host %.100q: without tokens this server answers only as localhost; configure tokens to be reached under a name", r.Host)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knownHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	return loopback(host)
}

// unmatched answers what no route did: 405 where another method would, else 404.
func unmatched(mux *http.ServeMux) http.HandlerFunc {
	methods := []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete}
	return func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range methods {
			other := &http.Request{Method: m, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(other); pattern != "/" && m != r.Method {
				allow = append(allow, m)
			}
		}
		if slices.Contains(allow, http.MethodGet) {
			allow = append(allow, http.MethodHead)
		}
		if len(allow) == 0 {
			writeProblem(w, problem(http.StatusNotFound, fmt.Sprintf("nothing is served at %.200q; /openapi.json lists what is", r.URL.Path)))
			return
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		writeProblem(w, problem(http.StatusMethodNotAllowed, fmt.Sprintf("method %.20s is not one of %s", r.Method, strings.Join(allow, ", "))))
	}
}
