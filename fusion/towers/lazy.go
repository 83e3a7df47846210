package towers

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"weft/fusion"
)

// Lazy is a model that is opened when it first makes a vector, or by Load: a start that finds nothing to do opens none.
// Callers that arrive meanwhile share the outcome; after an error the next call tries again. Errors of opening wrap
// fusion.ErrUnavailable: no input is to blame for them.
type Lazy struct {
	dim  int
	open func(context.Context) (*Model, error)

	mu    sync.Mutex
	model *Model
}

// NewLazy takes how to open the model, and the length of its vectors.
func NewLazy(dim int, open func(context.Context) (*Model, error)) *Lazy {
	return &Lazy{dim: dim, open: open}
}

// Load opens the model now, if it is not.
func (l *Lazy) Load(ctx context.Context) error {
	_, err := l.get(ctx)
	return err
}

func (l *Lazy) get(ctx context.Context) (*Model, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.model != nil {
		return l.model, nil
	}
	m, err := l.open(ctx)
	if err == nil && m.Dim() != l.dim {
		err = errors.Join(fmt.Errorf("%w: its vectors have %d values, the generation says %d", ErrModel, m.Dim(), l.dim), m.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", fusion.ErrUnavailable, err)
	}
	l.model = m
	return m, nil
}

// Dim is the length of the vectors in ranking space.
func (l *Lazy) Dim() int { return l.dim }

// Products is Model's.
func (l *Lazy) Products(ctx context.Context, batch []fusion.ProductParts) ([]fusion.ProductVectors, error) {
	m, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return m.Products(ctx, batch)
}

// Users is Model's.
func (l *Lazy) Users(ctx context.Context, batch []fusion.UserParts) ([]fusion.UserVector, error) {
	m, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return m.Users(ctx, batch)
}

// Close closes the model if it was opened.
func (l *Lazy) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.model == nil {
		return nil
	}
	err := l.model.Close()
	l.model = nil
	return err
}
