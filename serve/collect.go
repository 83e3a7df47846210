package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weft/behaviour"
	"weft/client"
)

// Collector takes rows in, a *behaviour.Collector.
type Collector interface {
	Accept(ctx context.Context, b behaviour.Batch) (behaviour.Report, error)
}

// RowsUpload is a POST of rows. The body is read by the handler, batch by batch.
type RowsUpload struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	File   string `query:"file" doc:"The body is lines of a file with this digest: rows without id are identified by it and their line" example:"0123456789abcdef01234567"`
	First  int    `query:"first" minimum:"1" maximum:"1000000000" default:"1" doc:"Line of the file that the body begins with"`
	Source string `query:"source" maxLength:"255" doc:"Name of the file, for messages"`
	At     string `query:"at" doc:"When the file was last written, RFC 3339: the time of rows without one"`

	at      time.Time
	request *http.Request
	writer  http.ResponseWriter
}

var filePattern = regexp.MustCompile(`^[0-9a-f]{24}$`)

// Resolve checks the query.
func (u *RowsUpload) Resolve(ctx huma.Context) (errs []error) {
	u.request, u.writer = humago.Unwrap(ctx)
	if u.File != "" && !filePattern.MatchString(u.File) {
		errs = append(errs, &huma.ErrorDetail{Location: "query.file", Value: u.File, Message: "want 24 hex digits, the start of the SHA-256 of the unpacked file"})
	}
	if u.At != "" {
		var err error
		if u.at, err = time.Parse(time.RFC3339, u.At); err != nil {
			errs = append(errs, &huma.ErrorDetail{Location: "query.at", Value: u.At, Message: "want RFC 3339, such as 2026-01-31T09:30:00Z"})
		}
	}
	return errs
}

// CollectedAnswer says what became of the rows.
type CollectedAnswer struct{ Body client.Collected }

// Limits of one request, once it is unpacked. Lines are taken in as they come; JSON
// must be there as a whole before it can be taken apart.
const (
	maxLinesBytes = 128 << 20
	maxJSONBytes  = 8 << 20
	maxResults    = 1000
)

// collect is the handler of one kind of rows.
func (s *Server) collect(kind behaviour.Kind) func(context.Context, *RowsUpload) (*CollectedAnswer, error) {
	return func(ctx context.Context, in *RowsUpload) (*CollectedAnswer, error) {
		t := tenantOf(ctx)
		if t.Collect == nil {
			return nil, problem(http.StatusNotFound, "this server takes no rows in; ask another, or drop a file into the bucket's inbox")
		}
		leave, err := s.collects.enter(ctx, 1)
		if errors.Is(err, errBusy) {
			return nil, later(problem(http.StatusTooManyRequests, fmt.Sprintf("%d requests with rows are under way already, and no more are taken; come back in a second", s.cfg.MaxCollects)), 1)
		}
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		defer leave()
		taking := rowsTaken{kind: kind, in: in, to: t.Collect, body: client.Collected{Results: []client.RowResult{}, Steps: []client.RowStep{}}}
		if err := s.takeRows(ctx, &taking); err != nil {
			return nil, s.explain(ctx, taking.said(err)) // what is left of the body has its deadline still
		}
		_ = http.NewResponseController(in.writer).SetReadDeadline(time.Time{}) // the time that is left is the server's own
		return &CollectedAnswer{taking.answer()}, nil
	}
}

// takeRows reads the body in one of its forms and takes its rows in.
func (s *Server) takeRows(ctx context.Context, r *rowsTaken) error {
	media, _, _ := mime.ParseMediaType(r.in.request.Header.Get("Content-Type"))
	lines := false
	switch media {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines":
		lines = true
	case "application/json":
	default:
		return problem(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %.60q: want application/json for an object or an array of them, or application/x-ndjson for one object on each line", media))
	}
	limit := int64(maxJSONBytes)
	if lines {
		limit = maxLinesBytes
	}
	if r.in.request.ContentLength > limit {
		return &http.MaxBytesError{Limit: limit}
	}
	if err := s.patience(r.in); err != nil {
		return err
	}
	var body io.Reader = &wire{http.MaxBytesReader(r.in.writer, r.in.request.Body, limit)}
	switch coding := r.in.request.Header.Get("Content-Encoding"); coding {
	case "", "identity", "gzip":
		var err error
		if body, err = behaviour.Unpack(body, limit); err != nil {
			return s.bodyFailed(err)
		}
	default:
		return problem(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding %.40q: want gzip, or none", coding))
	}
	if !lines {
		whole, err := io.ReadAll(body)
		if err != nil {
			return s.bodyFailed(err)
		}
		rows, err := behaviour.Elements(whole)
		if err != nil {
			return problem(http.StatusBadRequest, err.Error())
		}
		return r.take(ctx, rows)
	}
	reader := behaviour.NewLines(body, r.kind, r.in.First)
	for {
		// Each batch has its time to arrive, since storing the one before took some too.
		if err := errors.Join(ctx.Err(), s.patience(r.in)); err != nil {
			return err
		}
		rows, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.bodyFailed(err)
		}
		// What is broken off is the request, not a row: it will be sent again.
		if last := rows[len(rows)-1]; last.Fault != nil && reader.Broken() != nil {
			if err := r.take(ctx, rows[:len(rows)-1]); err != nil {
				return err
			}
			return s.bodyFailed(reader.Broken())
		}
		if err := r.take(ctx, rows); err != nil {
			return err
		}
	}
}

// patience bounds the wait for what comes next of a body.
func (s *Server) patience(in *RowsUpload) error {
	err := http.NewResponseController(in.writer).SetReadDeadline(time.Now().Add(s.cfg.BodyTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("limiting the time of the body: %w", err)
	}
	return nil
}

// bodyFailed explains why a body could not be read to its end.
func (s *Server) bodyFailed(err error) error {
	var lost *wireError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem(http.StatusRequestTimeout, fmt.Sprintf("the body did not arrive within %v; send it again in smaller parts", s.cfg.BodyTimeout))
	case errors.Is(err, behaviour.ErrInflated):
		return problem(http.StatusRequestEntityTooLarge, err.Error()+"; send it in smaller parts")
	case errors.As(err, &lost):
		return problem(http.StatusBadRequest, "the body ended early: "+err.Error())
	}
	return problem(http.StatusBadRequest, "the body cannot be unpacked: "+err.Error())
}

// wire marks the errors of the connection, to tell them from those of what came over it.
type wire struct{ r io.Reader }

type wireError struct{ err error }

func (e *wireError) Error() string { return e.err.Error() }
func (e *wireError) Unwrap() error {
	if errors.Is(e.err, io.ErrUnexpectedEOF) {
		return nil // the content may be whole, as far as it came
	}
	return e.err
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &wireError{err}
	}
	return n, err
}

// rowsTaken gathers what became of the rows of one request.
type rowsTaken struct {
	kind   behaviour.Kind
	in     *RowsUpload
	to     Collector
	body   client.Collected
	steps  behaviour.Tally
	others []client.RowResult // not accepted
}

func (r *rowsTaken) take(ctx context.Context, rows []behaviour.RawRow) error {
	if len(rows) == 0 {
		return nil
	}
	b := behaviour.Batch{Kind: r.kind, Source: "http", File: r.in.File, At: r.in.at, Rows: rows}
	if r.in.File != "" && r.in.Source != "" {
		b.Source = r.in.Source
	}
	report, err := r.to.Accept(ctx, b)
	if err != nil {
		return err
	}
	c := report.Counts
	r.body.Rows += c.Rows
	r.body.Accepted += c.Accepted
	r.body.Dead += c.Dead
	r.body.Duplicate += c.Duplicate
	r.body.Declined += c.Declined
	r.body.Waiting += c.Waiting
	r.steps.Add(report.Steps)
	for _, row := range report.Results {
		result := client.RowResult{Line: row.Line, ID: row.ID, Outcome: string(row.Outcome), Reason: row.Reason, Message: row.Message, For: row.For}
		if len(r.body.Results) < maxResults {
			r.body.Results = append(r.body.Results, result)
		}
		if row.Outcome != behaviour.Accepted && len(r.others) < maxResults {
			r.others = append(r.others, result)
		}
	}
	return nil
}

func (r *rowsTaken) answer() client.Collected {
	if r.body.Rows > maxResults {
		r.body.Results = append([]client.RowResult{}, r.others...)
	}
	for _, s := range r.steps.Counts() {
		r.body.Steps = append(r.body.Steps, client.RowStep(s))
	}
	return r.body
}

// said adds to a failure how far the request came.
func (r *rowsTaken) said(err error) error {
	var p *huma.ErrorModel
	if r.body.Rows > 0 && errors.As(err, &p) {
		p.Detail += fmt.Sprintf(" (the first %d rows were taken in; sending them again does no harm)", r.body.Rows)
	}
	return err
}
