package extractors

import (
	"context"
	"fmt"
	"io"
	"sync"

	"weft/extractors/models"
	"weft/extractors/wordpiece"
)

// LazyImage is an ImageEncoder that loads its model, and holds it against its
// golden vectors, when it first encodes: a start that finds nothing to do loads
// nothing. Callers that arrive during a load share its outcome; after an error
// the next call loads again.
type LazyImage struct {
	photos
	head
	model *lazy[ImageEncoder]
}

// NewLazyImage prepares the encoder; only the configuration is looked at.
func NewLazyImage(c Config) (*LazyImage, error) {
	if err := c.Validate(models.Image); err != nil {
		return nil, err
	}
	class := string(c.Decoder.Class())
	l := &LazyImage{photos: newPhotos(c), head: newHead(c.Manifest, class)}
	l.model = newLazy(func(ctx context.Context) (ImageEncoder, error) {
		e, err := OpenImage(c)
		if err != nil {
			return nil, err
		}
		report, err := VerifyImage(ctx, e, c.Manifest, c.Cache, class)
		return checked(c, e, report, err)
	})
	return l, nil
}

// Load loads and verifies the model now, if it is not.
func (l *LazyImage) Load(ctx context.Context) error {
	_, err := l.model.get(ctx)
	return err
}

// Encode is ImageEncoder's; errors of loading wrap ErrUnavailable.
func (l *LazyImage) Encode(ctx context.Context, photos [][]byte) ([][]float32, error) {
	e, err := l.model.get(ctx)
	if err != nil {
		return nil, err
	}
	return e.Encode(ctx, photos)
}

// Close closes the model if it was loaded.
func (l *LazyImage) Close() error { return l.model.Close() }

// LazyText is a TextEncoder that loads its model when it first encodes and its
// tokenizer when it first tokenizes, see LazyImage.
type LazyText struct {
	head
	length    int
	tokenizer *lazy[openedTokenizer]
	model     *lazy[TextEncoder]
}

type openedTokenizer struct{ *wordpiece.Tokenizer }

func (openedTokenizer) Close() error { return nil }

// NewLazyText prepares the encoder; only the configuration is looked at.
func NewLazyText(c Config) (*LazyText, error) {
	if err := c.Validate(models.Text); err != nil {
		return nil, err
	}
	l := &LazyText{head: newHead(c.Manifest, ""), length: c.Manifest.Text.MaxLength}
	l.tokenizer = newLazy(func(context.Context) (openedTokenizer, error) {
		t, err := openTokenizer(c)
		return openedTokenizer{t}, err
	})
	l.model = newLazy(func(ctx context.Context) (TextEncoder, error) {
		e, err := OpenText(c)
		if err != nil {
			return nil, err
		}
		report, err := VerifyText(ctx, e, c.Manifest, c.Cache)
		return checked(c, e, report, err)
	})
	return l, nil
}

// Load loads and verifies the model now, if it is not.
func (l *LazyText) Load(ctx context.Context) error {
	_, err := l.model.get(ctx)
	return err
}

// Tokenize is TextEncoder's; errors of loading wrap ErrUnavailable.
func (l *LazyText) Tokenize(text string) ([]int32, error) {
	t, err := l.tokenizer.get(context.Background())
	if err != nil {
		return nil, err
	}
	return t.Encode(text, l.length), nil
}

// Encode is TextEncoder's; errors of loading wrap ErrUnavailable.
func (l *LazyText) Encode(ctx context.Context, tokens [][]int32) ([][]float32, error) {
	e, err := l.model.get(ctx)
	if err != nil {
		return nil, err
	}
	return e.Encode(ctx, tokens)
}

// Close closes the model if it was loaded.
func (l *LazyText) Close() error {
	_ = l.tokenizer.Close() // holds nothing
	return l.model.Close()
}

// checked passes on an encoder that reproduced its goldens and closes another.
func checked[E io.Closer](c Config, e E, report *models.Report, err error) (E, error) {
	if err == nil {
		err = report.Err()
	}
	if err == nil && c.Loaded != nil {
		c.Loaded(report)
	}
	if err != nil {
		_ = e.Close() // the error that matters is the other
		var none E
		return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return e, nil
}

// lazy holds what is loaded once, at its first use.
type lazy[E io.Closer] struct {
	load func(context.Context) (E, error)
	ctx  context.Context // of the load, not of a caller: the others wait for it too
	stop context.CancelFunc

	mu     sync.Mutex
	latest *attempt[E] // going on or successful; nil before the first and after a failed one
	closed bool
}

type attempt[E io.Closer] struct {
	done  chan struct{}
	value E
	err   error
}

func newLazy[E io.Closer](load func(context.Context) (E, error)) *lazy[E] {
	l := &lazy[E]{load: load}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// get returns the loaded value, loading it if need be, or the end of ctx.
func (l *lazy[E]) get(ctx context.Context) (E, error) {
	var none E
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return none, ErrClosed
	}
	a := l.latest
	if a == nil {
		a = &attempt[E]{done: make(chan struct{})}
		l.latest = a
		go l.try(a)
	}
	l.mu.Unlock()
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

func (l *lazy[E]) try(a *attempt[E]) {
	a.value, a.err = l.load(l.ctx)
	if a.err != nil {
		l.mu.Lock()
		l.latest = nil
		l.mu.Unlock()
	}
	close(a.done)
}

// Close stops and joins a load and closes what was loaded. Later calls of get,
// and a second Close, return ErrClosed.
func (l *lazy[E]) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closed = true
	a := l.latest
	l.mu.Unlock()
	l.stop()
	if a == nil {
		return nil
	}
	<-a.done
	if a.err != nil {
		return nil
	}
	return a.value.Close()
}
