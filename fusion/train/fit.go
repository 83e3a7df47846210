package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"weft/fusion/dataset"
	"weft/onnx"
)

// fit is one training of a tower on some interactions.
type fit struct {
	config     Config
	spec       spec
	users      int
	items      int
	counts     []int // users of each item
	total      int
	features   []prepared
	sampler    *sampler
	popularity []float32 // [moments, items, features]
	now        []float32 // popularity at the end of the data, [items, features]
	parameters []*parameter

	step, forward *onnx.Session
	batch         *batch
	state         state
	inputs        string // digest of configuration and data
}

// state is where a training stands, beside its parameters.
type state struct {
	Steps   int     `json:"steps"` // done in all
	Epoch   int     `json:"epoch"` // epochs finished
	Done    int     `json:"done"`  // steps of the epoch that is not finished
	LossSum float64 `json:"loss_sum"`
	Best    int     `json:"best"` // epoch whose averages are kept; 0 is none
	// History has an entry for every finished epoch.
	History []Epoch `json:"history"`
}

// Epoch is what one round over the samples came to.
type Epoch struct {
	Epoch      int     `json:"epoch"`
	Loss       float64 `json:"loss"`
	Validation Metrics `json:"validation"` // zero where it was not measured
	Seconds    float64 `json:"seconds"`    // of the part that ran since the last interruption
}

// newFit prepares a training. Interactions that span too short a time to look back on are trained on as if they had none. Whoever made it closes it.
func newFit(o *onnx.Runtime, rows []dataset.Interaction, users, items int, timed bool, features []prepared, c Config) (*fit, error) {
	f := &fit{config: c, users: users, items: items, features: features, counts: dataset.Counts(rows, items), total: len(rows)}
	f.sampler = newSampler(rows, users, items, timed, c)
	f.spec = spec{dim: c.Dim, mix: len(f.sampler.moments) > 0}
	for _, p := range features {
		f.spec.modalities = append(f.spec.modalities, p.Width)
	}
	if len(f.sampler.moments) > 0 {
		f.spec.popularity = popularityWidth
		f.popularity = popularity(rows, items, f.sampler.moments, c.Strength)
		f.now = popularity(rows, items, []int64{f.sampler.end}, c.Strength)
	}
	f.init()
	threads := c.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	model, _, err := stepModel(f.spec)
	if err != nil {
		return nil, err
	}
	if f.step, err = o.NewSession(model, onnx.SessionConfig{IntraThreads: threads}); err != nil {
		return nil, err
	}
	if model, err = itemModel(f.spec); err == nil {
		f.forward, err = o.NewSession(model, onnx.SessionConfig{IntraThreads: threads})
	}
	if err != nil {
		return nil, errors.Join(err, f.step.Close())
	}
	f.batch = newBatch(f)
	f.inputs = digest(c, rows, users, items, features)
	return f, nil
}

func (f *fit) close() {
	_ = f.step.Close()
	_ = f.forward.Close()
}

// init draws the parameters. Identities begin small, so that features lead at first; too large ones stall the loss.
func (f *fit) init() {
	random := rand.New(rand.NewPCG(f.config.Seed, 0))
	d := f.spec.dim
	normal := func(n int, deviation float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(random.NormFloat64() * deviation)
		}
		return x
	}
	f.parameters = []*parameter{newParameter("identity", d, normal(f.items*d, .1/math.Sqrt(float64(d))), 1)}
	for k, width := range f.spec.modalities {
		f.parameters = append(f.parameters, newParameter(fmt.Sprintf("project.%d", k), d, normal(width*d, 1/math.Sqrt(float64(d))), 1))
	}
	bias := make([]float32, f.items)
	if f.spec.popularity == 0 { // half the logarithm of the count, around zero
		mean := 0.
		for i, n := range f.counts {
			bias[i] = float32(.5 * math.Log(max(float64(n), .5)))
			mean += float64(bias[i]) / float64(f.items)
		}
		for i := range bias {
			bias[i] -= float32(mean)
		}
	}
	f.parameters = append(f.parameters, newParameter("bias", 1, bias, 1))
	f.parameters = append(f.parameters, newParameter("log_tau", 1, []float32{float32(math.Log(float64(f.config.Temperature)))}, 1))
	if f.spec.mix {
		mix := make([]float32, d*d)
		for i := range d {
			mix[i*d+i] = 1
		}
		f.parameters = append(f.parameters, newParameter("mix", d, mix, 1))
	}
	if f.spec.popularity > 0 {
		popular := make([]float32, f.spec.popularity)
		popular[slices.Index(popularHalfLives[:], 30)] = .5
		f.parameters = append(f.parameters, newParameter("popular", 1, popular, popularRate))
	}
}

// popularRate multiplies the learning rate of the few weights of popularity: at the tower's rate they would not get far in
// a thousand steps.
const popularRate = 10

func (f *fit) parameter(name string) *parameter {
	for _, p := range f.parameters {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Step is a moment of training.
type Step struct {
	Epoch, Epochs int // from 1
	Step, Steps   int // of the epoch, from 1
	Loss          float64
	Took          time.Duration // of the step
}

// epoch runs the steps of the next epoch that are not done yet, and returns its mean loss. The caller counts the epoch as finished. When ctx ends it returns its
// error between two steps: what was done stays, and the same call goes on from there.
func (f *fit) epoch(ctx context.Context, tell func(Step)) (loss float64, err error) {
	number := f.state.Epoch + 1
	samples := f.sampler.epoch(f.config.Seed, number)
	if len(samples) == 0 {
		return 0, fmt.Errorf("%w: no user has two interactions to learn one from the other", ErrData)
	}
	per := (len(samples) + f.config.Batch - 1) / f.config.Batch
	if f.state.Done > per {
		return 0, fmt.Errorf("%w: it stands at step %d of epoch %d, which has %d", ErrCheckpoint, f.state.Done, number, per)
	}
	for i := f.state.Done; i < per; i++ {
		began := time.Now()
		part := samples[i*f.config.Batch : min((i+1)*f.config.Batch, len(samples))]
		l, err := f.train(ctx, part)
		if err != nil {
			return 0, err
		}
		f.state.LossSum, f.state.Done = f.state.LossSum+l, i+1
		if tell != nil {
			tell(Step{Epoch: number, Epochs: f.config.Epochs, Step: i + 1, Steps: per, Loss: l, Took: time.Since(began)})
		}
	}
	return f.state.LossSum / float64(per), nil
}

// train is one step.
func (f *fit) train(ctx context.Context, samples []sample) (loss float64, err error) {
	random := rand.New(rand.NewPCG(f.config.Seed, uint64(f.state.Steps)+1<<32))
	in := f.batch.fill(samples, random)
	defer f.batch.clean()
	out, err := f.step.Run(ctx, in, nil)
	if err != nil {
		return 0, err
	}
	loss = float64(out["loss"].F32[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("%w: the loss of step %d is %g: lower the learning rate (%g)", ErrData, f.state.Steps+1, loss, f.config.Rate)
	}
	f.state.Steps++
	for _, p := range f.parameters {
		var rows []int32
		if f.batch.at != nil && (p.Name == "identity" || p.Name == "bias") {
			rows = f.batch.rows
		}
		p.step(f.state.Steps, f.config.Rate, out["d."+p.Name].F32, rows)
	}
	return loss, nil
}
