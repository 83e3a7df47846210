package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/onnx"
	"weft/onnx/onnxtest"
)

// shop is a small catalogue in groups: users keep to one group, features tell the groups apart, the last items are cold.
func shop(users, items int, timed bool) *dataset.Dataset {
	random := rand.New(rand.NewPCG(3, 4))
	const groups = 4
	d := &dataset.Dataset{Timed: timed, Split: dataset.Given}
	if timed {
		d.Split = dataset.ByTime
	}
	for u := range users {
		d.Users = append(d.Users, fmt.Sprint("u", u))
	}
	warm := items - items/10
	text := dataset.Modality{Name: "text", Dim: 6, Present: make([]bool, items), Rows: make([]float32, items*6)}
	price := dataset.Modality{Name: "price", Dim: 1, Present: make([]bool, items), Rows: make([]float32, items)}
	for i := range items {
		d.Items = append(d.Items, fmt.Sprint("i", i))
		text.Present[i], price.Present[i] = i%7 != 3, true
		price.Rows[i] = float32(1 + i%groups*10)
		if text.Present[i] {
			for j := range 6 {
				text.Rows[i*6+j] = float32(random.NormFloat64() * .3)
			}
			text.Rows[i*6+i%groups] += 2
		}
	}
	d.Modalities = []dataset.Modality{text, price}
	for u := range users {
		own := map[int32]bool{}
		for len(own) < 9 {
			own[int32(random.IntN(warm/groups)*groups+u%groups)] = true
		}
		own[int32(random.IntN(warm))] = true
		n := 0
		for _, i := range slices.Sorted(maps.Keys(own)) {
			r := dataset.Interaction{User: int32(u), Item: i, Weight: 1}
			if timed {
				r.Time = 1_600_000_000_000 + int64(n)*9*day + int64(random.IntN(day))
				r.Last = r.Time
			}
			switch n++; {
			case n == 8:
				d.Val = append(d.Val, r)
			case n > 8:
				d.Test = append(d.Test, r)
			default:
				d.Train = append(d.Train, r)
			}
		}
	}
	d.TrainVal = slices.Concat(d.Train, d.Val)
	slices.SortStableFunc(d.TrainVal, func(a, b dataset.Interaction) int { return int(a.User - b.User) })
	return d
}

func small(timed bool) Config {
	return Config{Seed: 5, Towers: 1, Dim: 12, Epochs: 4, Batch: 16, Rate: .01, Threads: 1}.withDefaults(timed)
}

func open(t *testing.T, d *dataset.Dataset, c Config) *fit {
	t.Helper()
	var features []prepared
	for i := range d.Modalities {
		p, err := prepare(&d.Modalities[i])
		if err != nil {
			t.Fatal(err)
		}
		features = append(features, p)
	}
	f, err := newFit(onnxtest.Open(t), d.Train, len(d.Users), len(d.Items), d.Timed, features, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f
}

func validated(t *testing.T, d *dataset.Dataset) func(context.Context, *tower) (Metrics, error) {
	t.Helper()
	j, err := newJudge(linear.Portable{}, d, 1)
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, tw *tower) (Metrics, error) {
		scores, err := j.scores(ctx, tw.users, tw.items, tw.dim)
		if err != nil {
			return Metrics{}, err
		}
		return j.measure(scores), nil
	}
}

// The derivative of a whole step, for every kind of tower, against differences of its loss.
func TestStepGradient(t *testing.T) {
	for name, timed := range map[string]bool{"untimed": false, "timed": true} {
		for _, full := range []int{1000, 1} { // every item in the loss, and a sample of them
			t.Run(fmt.Sprint(name, full), func(t *testing.T) {
				c := small(timed)
				c.FullSoftmax, c.Negatives, c.DropIdentity, c.DropModality = full, 15, .3, .3
				d := shop(30, 40, timed)
				f := open(t, d, c)
				samples := f.sampler.epoch(1, 1)[:16]
				loss := func() (float64, map[string]onnx.Tensor, []int32) {
					in := f.batch.fill(samples, rand.New(rand.NewPCG(1, 1)))
					rows := slices.Clone(f.batch.rows)
					out, err := f.step.Run(context.Background(), in, nil)
					if err != nil {
						t.Fatal(err)
					}
					f.batch.clean()
					return float64(out["loss"].F32[0]), out, rows
				}
				_, grads, rows := loss()
				random := rand.New(rand.NewPCG(9, 9))
				for _, p := range f.parameters {
					moved := 0
					for range 25 {
						at := random.IntN(len(p.Data))
						place := at
						if full == 1 && (p.Name == "identity" || p.Name == "bias") {
							row := slices.Index(rows, int32(at/p.Width))
							if row < 0 {
								continue
							}
							place = row*p.Width + at%p.Width
						}
						const h = 1. / 256
						was := p.Data[at]
						p.Data[at] = was + h
						up, _, _ := loss()
						p.Data[at] = was - h
						down, _, _ := loss()
						p.Data[at] = was
						want, got := (up-down)/(2*h), float64(grads["d."+p.Name].F32[place])
						// Identities begin at a length of .1: the step is large beside them.
						if math.Abs(want-got) > 3e-4+.05*math.Abs(want) {
							t.Errorf("d loss / d %s[%d] = %.6f, differences say %.6f", p.Name, at, got, want)
						}
						if math.Abs(want) > 1e-3 {
							moved++
						}
					}
					if moved == 0 {
						t.Errorf("no derivative of %s was far from zero: the test shows nothing", p.Name)
					}
				}
			})
		}
	}
}

func TestTrainingLearns(t *testing.T) {
	for name, c := range map[string]Config{"full": small(false), "sampled": small(false), "timed": small(true)} {
		t.Run(name, func(t *testing.T) {
			c.Epochs = 6
			if name == "sampled" {
				c.FullSoftmax, c.Negatives = 1, 40
			}
			d := shop(120, 100, name == "timed")
			f := open(t, d, c)
			tw, err := f.run(context.Background(), plan{epochs: c.Epochs, patience: c.Patience, measure: validated(t, d)})
			if err != nil {
				t.Fatal(err)
			}
			first, best := f.state.History[0], f.state.History[f.state.Best-1]
			if best.Validation.Recall < .6 { // the 25 of one's group hold the target: by chance 20/100
				t.Errorf("recall %.3f, want .6", best.Validation.Recall)
			}
			if last := f.state.History[len(f.state.History)-1]; last.Loss > first.Loss-.2 {
				t.Errorf("loss went from %.3f to %.3f", first.Loss, last.Loss)
			}
			// Features carry the cold: a user's own group comes first.
			right, all := 0, 0
			for u := range d.Users {
				for i := 90; i < 100; i++ {
					for k := 90; k < 100; k++ {
						if i%4 == u%4 && k%4 != u%4 {
							own := dot(tw.users[u*tw.dim:(u+1)*tw.dim], tw.items[i*tw.dim:(i+1)*tw.dim])
							other := dot(tw.users[u*tw.dim:(u+1)*tw.dim], tw.items[k*tw.dim:(k+1)*tw.dim])
							all++
							if own > other {
								right++
							}
						}
					}
				}
			}
			if share := float64(right) / float64(all); share < .9 {
				t.Errorf("cold items of the own group win %.2f of the time, want .9", share)
			}
		})
	}
}

// A training that is stopped, at any step, and goes on from its checkpoint ends bit for bit as one that ran through.
func TestResumeEqualsUninterrupted(t *testing.T) {
	for name, timed := range map[string]bool{"untimed": false, "timed": true} {
		t.Run(name, func(t *testing.T) {
			d := shop(60, 40, timed)
			c := small(timed)
			whole := open(t, d, c)
			want, err := whole.run(context.Background(), plan{epochs: c.Epochs, patience: 9, measure: validated(t, d)})
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "fit.checkpoint")
			for stop := 2; ; stop += 3 {
				ctx, cancel := context.WithCancel(context.Background())
				f := open(t, d, c)
				steps := 0
				got, err := f.run(ctx, plan{epochs: c.Epochs, patience: 9, measure: validated(t, d), checkpoint: path, resume: true, step: func(Step) {
					if steps++; steps == stop {
						cancel()
					}
				}})
				cancel()
				if errors.Is(err, context.Canceled) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got.items, want.items) || !slices.Equal(got.users, want.users) {
					t.Error("the vectors differ")
				}
				for i, e := range f.state.History {
					if w := whole.state.History[i]; e.Loss != w.Loss || e.Validation != w.Validation {
						t.Errorf("epoch %d: %+v, uninterrupted %+v", i+1, e, w)
					}
				}
				break
			}
		})
	}
}

func TestCheckpointRefused(t *testing.T) {
	d := shop(60, 40, false)
	path := filepath.Join(t.TempDir(), "fit.checkpoint")
	f := open(t, d, small(false))
	if _, err := f.run(context.Background(), plan{epochs: 1, patience: 1, checkpoint: path}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, data := range map[string][]byte{"empty": nil, "another file": []byte(strings.Repeat("x", 200)), "cut": whole[:len(whole)-9], "a bit": flipped} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.load(path); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: error %v, want ErrCheckpoint", name, err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	other := small(false)
	other.Seed++
	if err := open(t, d, other).load(path); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("another seed: error %v, want ErrCheckpoint", err)
	}
	d.Train[5].Item = (d.Train[5].Item + 1) % 30
	if err := open(t, d, small(false)).load(path); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("other data: error %v, want ErrCheckpoint", err)
	}
}
