package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// problem is an answer other than success, after RFC 9457. detail says what is
// wrong and what to do.
func problem(status int, detail string, fields ...*huma.ErrorDetail) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail, Errors: fields}
}

// invalid is a 422 that names one part of the request.
func invalid(location string, value any, message string) *huma.ErrorModel {
	return problem(http.StatusUnprocessableEntity, "the request cannot be accepted as it is",
		&huma.ErrorDetail{Location: location, Value: value, Message: message})
}

// later adds a Retry-After.
func later(p *huma.ErrorModel, seconds int) error {
	return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {strconv.Itoa(seconds)}})
}

// writeProblem answers outside of huma's handlers.
func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	body, err := json.Marshal(p)
	if err != nil { // a value that JSON cannot hold
		body = []byte(`{"status":` + strconv.Itoa(p.Status) + `}`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// explain turns what stores and vectors return into the answer that a client can
// act on. What is not the client's is logged, not shown.
func (s *Server) explain(ctx context.Context, err error) error {
	var status huma.StatusError
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over the limit of %d bytes; send a smaller one", large.Limit))
	case errors.Is(err, objects.ErrPrecondition):
		return problem(http.StatusPreconditionFailed, "the object is not in the state demanded: "+err.Error()+"; read it again and decide anew")
	case errors.Is(err, objects.ErrKey), errors.Is(err, tasks.ErrBadID):
		return problem(http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, objects.ErrTooLarge):
		return problem(http.StatusRequestEntityTooLarge, "the bucket does not take a body of this size; send a smaller one")
	case errors.Is(err, vectors.ErrTrimmed):
		return problem(http.StatusGone, "what followed that position is gone; read all products again, then follow from a position asked for before that")
	case errors.Is(err, errBusy):
		return later(problem(http.StatusServiceUnavailable, "more requests wait than the server will hold; come back in a second"), 1)
	case errors.Is(err, vectors.ErrNotLive):
		return later(problem(http.StatusServiceUnavailable, "no vectors can be read yet: they are being filled; /readyz tells when that is done"), 2)
	case errors.Is(err, ErrVector): // of another generation than what is in memory, which is about to follow
		return later(problem(http.StatusServiceUnavailable, "the vectors of another generation are being read into memory; ask again in a moment"), 2)
	case errors.Is(err, context.Canceled):
		return problem(http.StatusServiceUnavailable, "the request was given up: its client left or the server stops")
	}
	s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", requestID(ctx)), slog.Any("error", err))
	switch {
	case errors.Is(err, objects.ErrFull):
		return problem(http.StatusInsufficientStorage, "the bucket has no room left; nothing was stored")
	case errors.Is(err, context.DeadlineExceeded):
		return later(problem(http.StatusServiceUnavailable, "a store did not answer in time; a write may have happened and may be repeated"), 1)
	case errors.Is(err, objects.ErrUnavailable), errors.Is(err, vectors.ErrUnavailable):
		return later(problem(http.StatusServiceUnavailable, "a store behind this server cannot be reached; a write may have happened and may be repeated"), 2)
	}
	return problem(http.StatusInternalServerError, "the server failed; its log has the cause under request "+requestID(ctx))
}
