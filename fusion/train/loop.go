package train

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// saveEvery is how long a training goes on without a checkpoint.
const saveEvery = time.Minute

// plan is how long a fit goes on, who judges it and who is told.
type plan struct {
	epochs, patience int
	checkpoint       string                                         // file; "" is none
	resume           bool                                           // go on from the checkpoint if there is one
	measure          func(context.Context, *tower) (Metrics, error) // nil: every epoch counts as better than the last
	step             func(Step)
	epoch            func(Epoch)
}

// run trains until the epochs are over or the last of them are no better, and returns the tower of the best epoch. When
// ctx ends it saves first, so that the same plan with resume comes to the same tower.
func (f *fit) run(ctx context.Context, p plan) (*tower, error) {
	if p.resume && p.checkpoint != "" {
		if err := f.load(p.checkpoint); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	save := func() error {
		if p.checkpoint == "" {
			return nil
		}
		return f.save(p.checkpoint)
	}
	saved := time.Now()
	var saving error
	step := func(s Step) {
		if p.step != nil {
			p.step(s)
		}
		if time.Since(saved) > saveEvery && s.Step < s.Steps {
			saving, saved = errors.Join(saving, save()), time.Now()
		}
	}
	for f.state.Epoch < p.epochs && (p.measure == nil || f.state.Epoch-f.state.Best < p.patience) {
		began := time.Now()
		loss, err := f.epoch(ctx, step)
		if err != nil {
			if ctx.Err() != nil {
				err = errors.Join(err, save())
			}
			return nil, errors.Join(err, saving)
		}
		e := Epoch{Epoch: f.state.Epoch + 1, Loss: loss}
		if p.measure != nil {
			t, err := f.vectors(ctx)
			if err == nil {
				e.Validation, err = p.measure(ctx, t)
			}
			if err != nil {
				return nil, errors.Join(err, save())
			}
		}
		e.Seconds = time.Since(began).Seconds()
		f.state.Epoch, f.state.Done, f.state.LossSum = e.Epoch, 0, 0
		f.state.History = append(f.state.History, e)
		if p.measure == nil || f.state.Best == 0 || e.Validation.better(f.state.History[f.state.Best-1].Validation) {
			f.state.Best = e.Epoch
			for _, q := range f.parameters {
				copy(q.best, q.Average)
			}
		}
		if p.epoch != nil {
			p.epoch(e)
		}
		if err := errors.Join(saving, save()); err != nil {
			return nil, err
		}
		saved = time.Now()
	}
	for _, q := range f.parameters {
		copy(q.Average, q.best)
	}
	return f.vectors(ctx)
}
