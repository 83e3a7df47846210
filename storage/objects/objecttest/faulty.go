package objecttest

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"weft/storage/objects"
)

// Faults are the probabilities, from 0 to 1, with which each call to a Faulty store
// goes wrong.
type Faults struct {
	// Refused calls fail with ErrUnavailable before anything happens; listings, after
	// some objects.
	Refused float64
	// Lost puts and deletions happen and fail with ErrUnavailable all the same.
	Lost float64
	// Changed reads fail with ErrChanged.
	Changed float64
	// Conflict is for conditional puts: ErrPrecondition, nothing written.
	Conflict float64
	// Slow calls take Delay, or until their context ends, before they begin.
	Slow  float64
	Delay time.Duration
}

// Faulty injects faults into the calls to another store. The sequence of its dice
// depends on the seed alone; which call throws them, on scheduling.
type Faulty struct {
	store objects.Store

	mu       sync.Mutex
	dice     *rand.Rand
	faults   Faults
	injected int
}

// NewFaulty wraps s.
func NewFaulty(s objects.Store, seed uint64, f Faults) *Faulty {
	return &Faulty{store: s, dice: rand.New(rand.NewPCG(seed, 0)), faults: f}
}

// Set replaces the faults; the zero Faults ends them.
func (f *Faulty) Set(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// Injected is how many faults there were.
func (f *Faulty) Injected() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.injected
}

func (f *Faulty) throw(chance func(Faults) float64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := chance(f.faults)
	hit := p > 0 && f.dice.Float64() < p
	if hit {
		f.injected++
	}
	return hit
}

// begin is slow and refuses.
func (f *Faulty) begin(ctx context.Context, what string) error {
	if f.throw(func(x Faults) float64 { return x.Slow }) {
		f.mu.Lock()
		timer := time.NewTimer(f.faults.Delay)
		f.mu.Unlock()
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
	if f.throw(func(x Faults) float64 { return x.Refused }) {
		return fmt.Errorf("%s: injected: %w", what, objects.ErrUnavailable)
	}
	return nil
}

func (f *Faulty) lose(what string) error {
	if f.throw(func(x Faults) float64 { return x.Lost }) {
		return fmt.Errorf("%s: injected loss of the answer: %w", what, objects.ErrUnavailable)
	}
	return nil
}

func (f *Faulty) change(what string) error {
	if f.throw(func(x Faults) float64 { return x.Changed }) {
		return fmt.Errorf("%s: injected: %w", what, objects.ErrChanged)
	}
	return nil
}

// Put implements objects.Store.
func (f *Faulty) Put(ctx context.Context, key string, body []byte, cond objects.Condition) (objects.Info, error) {
	if err := f.begin(ctx, "put"); err != nil {
		return objects.Info{}, err
	}
	if cond != (objects.Condition{}) && f.throw(func(x Faults) float64 { return x.Conflict }) {
		return objects.Info{}, fmt.Errorf("put: injected: %w", objects.ErrPrecondition)
	}
	info, err := f.store.Put(ctx, key, body, cond)
	if err == nil {
		err = f.lose("put")
	}
	if err != nil {
		return objects.Info{}, err
	}
	return info, nil
}

// Get implements objects.Store.
func (f *Faulty) Get(ctx context.Context, key string, opt objects.GetOptions) ([]byte, objects.Info, error) {
	if err := f.begin(ctx, "get"); err != nil {
		return nil, objects.Info{}, err
	}
	if err := f.change("get"); err != nil {
		return nil, objects.Info{}, err
	}
	return f.store.Get(ctx, key, opt)
}

// ReadRange implements objects.Store.
func (f *Faulty) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	if err := f.begin(ctx, "read range"); err != nil {
		return nil, err
	}
	if err := f.change("read range"); err != nil {
		return nil, err
	}
	return f.store.ReadRange(ctx, key, off, n, ifMatch)
}

// Stat implements objects.Store.
func (f *Faulty) Stat(ctx context.Context, key string) (objects.Info, error) {
	if err := f.begin(ctx, "stat"); err != nil {
		return objects.Info{}, err
	}
	return f.store.Stat(ctx, key)
}

// List implements objects.Store.
func (f *Faulty) List(ctx context.Context, prefix, after string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		left := -1 // how many objects come before the fault
		if failed := f.begin(ctx, "list"); failed != nil {
			f.mu.Lock()
			left = f.dice.IntN(20)
			f.mu.Unlock()
			defer func() {
				if left >= 0 {
					yield(objects.Info{}, failed)
				}
			}()
		}
		n := 0
		for info, err := range f.store.List(ctx, prefix, after) {
			if n == left {
				return
			}
			n++
			if !yield(info, err) || err != nil {
				left = -1
				return
			}
		}
	}
}

// Delete implements objects.Store.
func (f *Faulty) Delete(ctx context.Context, key string) error {
	if err := f.begin(ctx, "delete"); err != nil {
		return err
	}
	if err := f.store.Delete(ctx, key); err != nil {
		return err
	}
	return f.lose("delete")
}
