package profile

import (
	"context"
	"fmt"
)

// Study is all that was learned from a table: the model, how it was trained, and how it does on users kept apart.
type Study struct {
	Model      *Model
	Columns    []ColumnUse
	Training   *Training
	Evaluation *Evaluation
	Bare       int // users with a row but without a vector
}

// Learn goes the whole way from a table of attributes to a tested model: it infers heads from the columns, keeps a share
// of the users apart by Split with c.Seed, trains on the others and tests on those. Vectors and features are by user;
// features may be nil. C.Heads is left empty. With ErrNothing the Study tells what was found of columns and heads.
func Learn(ctx context.Context, t Table, vectors, features map[string][]float32, infer TableConfig, c Config, share float64) (*Study, error) {
	if !(share > 0 && share < 1) {
		return nil, fmt.Errorf("%w: a share of %v is kept for testing; give a number between 0 and 1", ErrConfig, share)
	}
	found, err := Infer(t, infer)
	if err != nil {
		return nil, err
	}
	if len(found.Specs) == 0 {
		return &Study{Columns: found.Columns}, fmt.Errorf("%w: of %d columns none can be learned", ErrNothing, len(t.Columns))
	}
	study := &Study{Columns: found.Columns}
	examples, bare := t.Examples(found.Labels, vectors, features)
	study.Bare = bare
	train, test := Split(examples, c.Seed, share)
	c.Heads = found.Specs
	if study.Model, study.Training, err = Train(ctx, train, c); err != nil {
		return study, err
	}
	study.Evaluation, err = Evaluate(ctx, study.Model, test, EvalConfig{})
	return study, err
}
