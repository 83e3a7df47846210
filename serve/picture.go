package serve

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/disintegration/imaging"

	"weft/extractors"
	"weft/extractors/pixels"
	"weft/storage/objects"
	"weft/tasks"
)

// PhotoPath is one photo.
type PhotoPath struct {
	ProductPath
	Name        string `path:"name" doc:"File name of the photo" example:"front.jpg"`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the photo is still this one"`
}

// PhotoAnswer is a picture.
type PhotoAnswer struct {
	ETag         string `header:"ETag"`
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	// Disposition keeps a browser that is led here from showing it as a page of ours.
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// photo answers with the file as it was stored: nothing of it is decoded here.
func (s *Server) photo(ctx context.Context, in *PhotoPath) (*PhotoAnswer, error) {
	known, err := parseTags("If-None-Match", in.IfNoneMatch)
	if err != nil {
		return nil, invalid("header.If-None-Match", in.IfNoneMatch, err.Error())
	}
	key, err := photoKey(in.product(), in.Name)
	if err != nil {
		return nil, err
	}
	t := tenantOf(ctx)
	info, err := t.Objects.Stat(ctx, key)
	if err != nil {
		return nil, s.explainPhoto(ctx, key, err)
	}
	if known.set && known.matchesWeakly(strings.Trim(quoteTag(info.ETag), `"`)) {
		return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {quoteTag(info.ETag)}})
	}
	if info.Size > s.cfg.MaxImageBytes {
		return nil, problem(http.StatusConflict, fmt.Sprintf("%s has %d bytes, more than the limit of %d", key, info.Size, s.cfg.MaxImageBytes))
	}
	leave, err := s.pictures.gate.enter(ctx, s.pictures.least)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer leave()
	body, info, err := t.Objects.Get(ctx, key, objects.GetOptions{MaxBytes: s.cfg.MaxImageBytes})
	if err != nil {
		return nil, s.explainPhoto(ctx, key, err)
	}
	return &PhotoAnswer{ETag: quoteTag(info.ETag), ContentType: photoType(body), CacheControl: "private, no-cache", Disposition: "attachment", Body: body}, nil
}

// photoType names only types that a browser draws and never runs.
func photoType(body []byte) string {
	switch t := http.DetectContentType(body); t {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return t
	}
	return "application/octet-stream"
}

func photoKey(id tasks.ProductID, name string) (string, error) {
	if err := checkPhotoName(name); err != nil {
		return "", problem(http.StatusUnprocessableEntity, err.Error())
	}
	return tasks.ProductPrefix(id) + name, nil
}

func (s *Server) explainPhoto(ctx context.Context, key string, err error) error {
	if errors.Is(err, objects.ErrNotExist) {
		return problem(http.StatusNotFound, fmt.Sprintf("there is no photo %s", key))
	}
	return s.explain(ctx, err)
}

// ThumbnailQuery asks for a small picture.
type ThumbnailQuery struct {
	Tenant      string `path:"tenant" doc:"The shop" example:"default"`
	Key         string `query:"key" required:"true" maxLength:"1024" doc:"Key of the photo below the tenant, as image has it" example:"media/p1/front.jpg"`
	Size        int    `query:"size" minimum:"32" maximum:"1024" multipleOf:"32" default:"224" doc:"The longer side in pixels at most"`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the photo is still this one"`
}

// thumbnail draws a photo small. Only photos that a worker has read are drawn: this
// process is never the first to decode what somebody sent.
func (s *Server) thumbnail(ctx context.Context, in *ThumbnailQuery) (*PhotoAnswer, error) {
	known, err := parseTags("If-None-Match", in.IfNoneMatch)
	if err != nil {
		return nil, invalid("header.If-None-Match", in.IfNoneMatch, err.Error())
	}
	if m := tasks.ParseMediaKey(in.Key); m.Modality != tasks.Image || m.Err != nil {
		return nil, invalid("query.key", in.Key, "want the key of a photo, such as media/p1/front.jpg")
	}
	l, err := s.lakeOf(ctx)
	if err != nil {
		return nil, err
	}
	t := tenantOf(ctx)
	info, err := t.Objects.Stat(ctx, in.Key)
	if err != nil {
		return nil, s.explainPhoto(ctx, in.Key, err)
	}
	opaque := fmt.Sprintf("%s-%d", strings.Trim(quoteTag(info.ETag), `"`), in.Size)
	if known.set && known.matchesWeakly(opaque) {
		return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {`W/"` + opaque + `"`}})
	}
	answer := &PhotoAnswer{ETag: `W/"` + opaque + `"`, ContentType: "image/jpeg", CacheControl: "private, no-cache", Disposition: "inline"}
	id := pictureID{t.name, in.Key, info.ETag, in.Size}
	if answer.Body = s.pictures.kept(id); answer.Body != nil {
		return answer, nil
	}
	if err := l.Objects.RefreshIfOlder(ctx, rowsAge); err != nil {
		return nil, s.explain(ctx, err)
	}
	row, read, err := l.Objects.Get(ctx, in.Key)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	if !read || row.ETag != info.ETag {
		return nil, later(problem(http.StatusConflict, fmt.Sprintf("%s has not been read by a worker: it waits, or it was given up; …/media tells", in.Key)), 1)
	}
	if answer.Body, err = s.pictures.draw(ctx, t.Tenant, id); err != nil {
		var refused *pixels.Error
		if errors.As(err, &refused) {
			return nil, problem(http.StatusConflict, fmt.Sprintf("%s: %s: %s", in.Key, refused.Code, refused.Msg))
		}
		return nil, s.explainPhoto(ctx, in.Key, err)
	}
	return answer, nil
}

// pictureID names one drawing of one version of a photo.
type pictureID struct {
	tenant    tasks.Tenant
	key, etag string
	size      int
}

const (
	pictureMemory = 512 << 20 // bytes that decoding may take at once, over all requests
	picturesKept  = 64 << 20  // bytes of drawings
	pictureQueue  = 256       // requests that wait to draw
)

// pictures draws thumbnails and keeps those that were asked for last.
type pictures struct {
	gate  *gate
	least int64 // of the gate's memory that one drawing takes: as many run as there are cores
	max   int64 // bytes of a photo

	mu     sync.Mutex
	order  *list.List // of *drawing, the last asked for first
	places map[pictureID]*list.Element
	bytes  int64
}

type drawing struct {
	id   pictureID
	body []byte
}

func newPictures(maxBytes int64) *pictures {
	return &pictures{gate: newGate(pictureMemory, pictureQueue), least: pictureMemory / int64(runtime.GOMAXPROCS(0)), max: maxBytes,
		order: list.New(), places: map[pictureID]*list.Element{}}
}

// kept is a drawing made before, nil if there is none.
func (p *pictures) kept(id pictureID) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.places[id]
	if !ok {
		return nil
	}
	p.order.MoveToFront(e)
	return e.Value.(*drawing).body
}

func (p *pictures) keep(id pictureID, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.places[id]; ok {
		return
	}
	p.places[id] = p.order.PushFront(&drawing{id, body})
	p.bytes += int64(len(body))
	for p.bytes > picturesKept {
		last := p.order.Remove(p.order.Back()).(*drawing)
		delete(p.places, last.id)
		p.bytes -= int64(len(last.body))
	}
}

// draw reads and draws a photo, within the memory that may be taken at once. Errors:
// *pixels.Error for a photo that cannot be drawn, errBusy, the store's.
func (p *pictures) draw(ctx context.Context, t Tenant, id pictureID) ([]byte, error) {
	leave, err := p.gate.enter(ctx, p.least)
	if err != nil {
		return nil, err
	}
	defer func() { leave() }()
	data, _, err := t.Objects.Get(ctx, id.key, objects.GetOptions{MaxBytes: p.max, IfMatch: id.etag})
	if err != nil {
		return nil, err
	}
	info, err := pixels.Probe(data, pixels.Limits{MaxBytes: p.max})
	if err != nil {
		return nil, err
	}
	if more := min(info.Memory, pictureMemory); more > p.least { // a large one runs with fewer beside it
		leave()
		if leave, err = p.gate.enter(ctx, more); err != nil {
			leave = func() {}
			return nil, err
		}
	}
	body, err := drawJPEG(t.Pictures, data, info, id.size)
	if err == nil {
		p.keep(id, body)
	}
	return body, err
}

// drawJPEG draws a photo upright with its longer side at most size. Our decoder gives
// squares: the photo is squashed into one of twice the size, and imaging, which cannot
// be trusted with foreign planes, stretches that to the photo's shape.
func drawJPEG(d extractors.Decoder, data []byte, info pixels.Info, size int) ([]byte, error) {
	w, h := info.Width, info.Height
	if info.Orientation >= 5 { // lies on its side
		w, h = h, w
	}
	side := 2 * size
	rgb, err := d.Image(data, pixels.Spec{Size: side, Mode: pixels.Squash, Filter: pixels.Lanczos}, nil)
	if err != nil {
		return nil, err
	}
	square := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		copy(square.Pix[4*i:], rgb[3*i:3*i+3])
		square.Pix[4*i+3] = 0xff
	}
	scale := min(1, float64(size)/float64(max(w, h)))
	across, down := max(1, int(math.Round(scale*float64(w)))), max(1, int(math.Round(scale*float64(h))))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, imaging.Resize(square, across, down, imaging.Lanczos), &jpeg.Options{Quality: 82}); err != nil {
		return nil, fmt.Errorf("drawing a thumbnail: %w", err)
	}
	return b.Bytes(), nil
}
