package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weft/client"
	"weft/storage/objects"
	"weft/tasks"
)

// ProductUpload is a write below a product. The body is read by the handler, once
// the request is admitted and there is memory for it.
type ProductUpload struct {
	ProductPath
	IfMatch     string `header:"If-Match" doc:"Write only over one of these versions, or * for any"`
	IfNoneMatch string `header:"If-None-Match" doc:"* to write only where there is nothing yet"`

	conditions conditions
	request    *http.Request
	writer     http.ResponseWriter
}

// Resolve checks the path and the conditions.
func (u *ProductUpload) Resolve(ctx huma.Context) []error {
	u.request, u.writer = humago.Unwrap(ctx)
	errs := u.ProductPath.Resolve(ctx)
	var err error
	if u.conditions.match, err = parseTags("If-Match", u.IfMatch); err != nil {
		errs = append(errs, &huma.ErrorDetail{Location: "header.If-Match", Value: u.IfMatch, Message: err.Error()})
	}
	if u.conditions.noneMatch, err = parseTags("If-None-Match", u.IfNoneMatch); err != nil {
		errs = append(errs, &huma.ErrorDetail{Location: "header.If-None-Match", Value: u.IfNoneMatch, Message: err.Error()})
	}
	return errs
}

// ImageUpload is a photo.
type ImageUpload struct {
	ProductUpload
	Name string `path:"name" doc:"File name ending in .jpg, .jpeg, .png, .webp or .gif" example:"front.jpg"`
}

// Resolve checks the file name too.
func (u *ImageUpload) Resolve(ctx huma.Context) []error {
	errs := u.ProductUpload.Resolve(ctx)
	if err := checkPhotoName(u.Name); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func checkPhotoName(name string) error {
	if err := tasks.CheckName(name); err != nil {
		return &huma.ErrorDetail{Location: "path.name", Value: name, Message: err.Error()}
	}
	if m := tasks.ParseMediaKey(tasks.ProductPrefix("p") + name); m.Modality != tasks.Image {
		return &huma.ErrorDetail{Location: "path.name", Value: name, Message: "want a file name that ends in .jpg, .jpeg, .png, .webp or .gif"}
	}
	return nil
}

// StoredAnswer confirms a write.
type StoredAnswer struct {
	Status int
	ETag   string `header:"ETag"`
	Body   client.Stored
}

func (s *Server) putProduct(ctx context.Context, in *ProductUpload) (*StoredAnswer, error) {
	return s.upload(ctx, in, tasks.ListingName, tasks.MaxListingBytes, func(body []byte) error {
		if _, err := tasks.ParseListing(body); err != nil {
			return badListing(err)
		}
		var own struct {
			ID *json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal(body, &own) // ParseListing has read it: it is an object
		if own.ID == nil {
			return nil
		}
		var id string
		if json.Unmarshal(*own.ID, &id) != nil || id != in.ID {
			return invalid("body.id", own.ID, fmt.Sprintf("differs from the id %q in the path; leave it out or make them equal", in.ID))
		}
		return nil
	})
}

func badListing(err error) error {
	var le *tasks.ListingError
	if !errors.As(err, &le) {
		return err
	}
	location := "body"
	if le.Field != "" {
		location += "." + le.Field
	}
	p := invalid(location, nil, string(le.Reason)+": "+le.Msg)
	if le.Reason == tasks.ReasonTooManyBytes {
		p.Status, p.Title = http.StatusRequestEntityTooLarge, http.StatusText(http.StatusRequestEntityTooLarge)
	}
	return p
}

func (s *Server) putImage(ctx context.Context, in *ImageUpload) (*StoredAnswer, error) {
	return s.upload(ctx, &in.ProductUpload, in.Name, s.cfg.MaxImageBytes, func(body []byte) error {
		if len(body) == 0 {
			return invalid("body", nil, string(tasks.ReasonEmpty)+": the photo has no bytes")
		}
		return nil
	})
}

// upload reads a body, checks it, stores it and hints.
func (s *Server) upload(ctx context.Context, in *ProductUpload, name string, limit int64, check func([]byte) error) (*StoredAnswer, error) {
	body, release, err := s.readBody(ctx, in, limit)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer release()
	if err := check(body); err != nil {
		return nil, s.explain(ctx, err)
	}
	t := tenantOf(ctx)
	info, created, err := store(ctx, t.Objects, tasks.ProductPrefix(in.product())+name, body, in.conditions)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	s.hint(ctx, t, in.product())
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return &StoredAnswer{Status: status, ETag: quoteTag(info.ETag),
		Body: client.Stored{Key: info.Key, ETag: info.ETag, Bytes: int64(len(body)), Created: created}}, nil
}

// readBody waits for room and reads the whole body, of at most limit bytes, within
// BodyTimeout. release gives the room back.
func (s *Server) readBody(ctx context.Context, in *ProductUpload, limit int64) (body []byte, release func(), err error) {
	r := in.request
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, nil, problem(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding %.40q is not undone here; send the file as it is", coding))
	}
	if r.ContentLength > limit {
		return nil, nil, &http.MaxBytesError{Limit: limit}
	}
	room := r.ContentLength
	if room < 0 { // not announced
		room = limit
	}
	wait, cancel := context.WithTimeout(ctx, s.cfg.BodyTimeout)
	defer cancel()
	leave, err := s.uploads.enter(wait, room)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = errBusy
		}
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			leave()
		}
	}()
	control := http.NewResponseController(in.writer)
	if err := control.SetReadDeadline(time.Now().Add(s.cfg.BodyTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, nil, fmt.Errorf("limiting the time of the body: %w", err)
	}
	source := http.MaxBytesReader(in.writer, r.Body, limit)
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(source, body)
	} else {
		body, err = io.ReadAll(source)
	}
	var large *http.MaxBytesError
	switch {
	case err == nil:
	case errors.As(err, &large):
		return nil, nil, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, nil, problem(http.StatusRequestTimeout, fmt.Sprintf("the body did not arrive within %v; send it again over a faster line", s.cfg.BodyTimeout))
	default:
		return nil, nil, problem(http.StatusBadRequest, "the body ended early: "+err.Error())
	}
	// From here on the time is the server's own: an old deadline would cut the request.
	_ = control.SetReadDeadline(time.Time{})
	return body, leave, nil
}

// store writes body under key if the conditions hold, and tells whether there was
// nothing before.
func store(ctx context.Context, to objects.Store, key string, body []byte, c conditions) (objects.Info, bool, error) {
	for attempt := 1; ; attempt++ {
		var now *objects.Info
		info, err := to.Stat(ctx, key)
		switch {
		case err == nil:
			now = &info
		case !errors.Is(err, objects.ErrNotExist):
			return objects.Info{}, false, err
		}
		cond, err := c.condition(now)
		if err != nil {
			return objects.Info{}, false, err
		}
		info, err = to.Put(ctx, key, body, cond)
		if errors.Is(err, objects.ErrPrecondition) && attempt < 5 {
			continue // another write came between: look again whether the conditions hold
		}
		return info, now == nil, err
	}
}

// notifyTimeout bounds the hint: the write is durable, its answer does not wait for a
// queue that is down.
const notifyTimeout = time.Second

// hint tells the scheduler that a product changed. Whatever goes wrong, the sweep
// finds the change.
func (s *Server) hint(ctx context.Context, t *tenant, id tasks.ProductID) {
	if s.cfg.Notify == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notifyTimeout)
	defer cancel()
	if err := s.cfg.Notify(ctx, t.name, id); err != nil {
		s.metrics.hints.WithLabelValues("lost").Inc()
		s.log.LogAttrs(ctx, slog.LevelWarn, "hint to the scheduler was lost; the sweep will find the change",
			slog.String("tenant", string(t.name)), slog.String("product", string(id)), slog.Any("error", err))
		return
	}
	s.metrics.hints.WithLabelValues("sent").Inc()
}
