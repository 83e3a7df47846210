package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/fusion/dataset"
	"weft/fusion/towers"
	"weft/onnx"
	"weft/onnx/onnxtest"
)

func readNPY(t *testing.T, dir, name string) (data []float32, rows, dim int) {
	t.Helper()
	data, rows, dim, err := dataset.ReadNPY(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data, rows, dim
}

func session(t *testing.T, dir, name string) *onnx.Session {
	t.Helper()
	model, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return onnxtest.Session(t, model, onnx.SessionConfig{})
}

// What is written must be whole: the two ONNX files, fed with the tables, make the rows of items.npy and users.npy.
func TestWrittenModel(t *testing.T) {
	for name, change := range map[string]func(*dataset.Dataset){
		"untimed":           func(*dataset.Dataset) {},
		"timed":             func(d *dataset.Dataset) { *d = *shop(120, 100, true) },
		"interactions only": func(d *dataset.Dataset) { d.Modalities = nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := shop(120, 100, false)
			change(d)
			out := filepath.Join(t.TempDir(), "model")
			c := small(d.Timed)
			c.Epochs = 3
			if d.Timed || len(d.Modalities) == 0 {
				c.Towers = 2
			}
			s, err := Train(context.Background(), Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: out})
			if err != nil {
				t.Fatal(err)
			}
			// 0.01: folding into 255 dimensions is exact for so small a shop, up to ties.
			if s.Composed.sum() < s.Choice.Validation.sum()*(1-coldCost-exploreCost)-.01 {
				t.Errorf("as served %+v, before folding %+v", s.Composed, s.Choice.Validation)
			}
			for alone, m := range s.Choice.Alone {
				if m.better(s.Choice.Validation) {
					t.Errorf("%s alone is better (%+v) than what was chosen (%+v)", alone, m, s.Choice.Validation)
				}
			}
			var manifest Manifest
			text, err := os.ReadFile(filepath.Join(out, "manifest.json"))
			if err == nil {
				err = json.Unmarshal(text, &manifest)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("cold %+v, folding %v", s.Choice.Cold, s.Choice.Foldings)
			checkProducts(t, d, out, manifest)
			checkUsers(t, d, out, manifest)
			card, err := os.ReadFile(filepath.Join(out, "model-card.md"))
			if err != nil || !strings.Contains(string(card), "120 users, 100 items") {
				t.Errorf("model card: %v\n%s", err, card)
			}
			page, err := os.ReadFile(filepath.Join(out, "report.html"))
			if err != nil || bytes.Contains(page, []byte("NaN")) || bytes.Count(page, []byte("<circle")) < 3*len(s.Epochs) || bytes.Contains(page, []byte("New items")) != (len(d.Modalities) > 0) {
				t.Errorf("report: %v\n%s", err, page)
			}
			if left, _ := filepath.Glob(filepath.Join(out, "*.checkpoint")); len(left) > 0 {
				t.Errorf("%v are left", left)
			}
		})
	}
}

func checkProducts(t *testing.T, d *dataset.Dataset, out string, m Manifest) {
	t.Helper()
	want, n, dim := readNPY(t, out, "items.npy")
	identity, _, width := readNPY(t, out, "identity.npy")
	bias, _, _ := readNPY(t, out, "bias.npy")
	residual, _, rank := readNPY(t, out, "residual.npy")
	if n != len(d.Items) || dim != 256 || width != m.Tower || rank != m.Rank {
		t.Fatalf("items %d × %d, identity × %d, residual × %d; manifest %+v", n, dim, width, rank, m)
	}
	rows := d.Train
	if d.Timed {
		rows = d.TrainVal
	}
	warm, cold := make([]float32, n), 0
	for i, c := range dataset.Counts(rows, n) {
		if c > 0 {
			warm[i] = 1
		} else {
			cold++
			if bias[i] != m.ColdBias {
				t.Errorf("item %d: bias %g, cold bias %g", i, bias[i], m.ColdBias)
			}
		}
	}
	if cold == 0 {
		t.Error("no cold item: the test shows less than it should")
	}
	in := map[string]onnx.Tensor{"identity": onnx.Floats(identity, int64(n), int64(width)), "warm": onnx.Floats(warm, int64(n), 1),
		"bias": onnx.Floats(bias, int64(n), 1), "residual": onnx.Floats(residual, int64(n), int64(rank))}
	for i, mod := range d.Modalities {
		if m.Modalities[i] != (towers.ModalityInput{Name: mod.Name, Dim: mod.Dim}) {
			t.Errorf("manifest says %+v of %s", m.Modalities[i], mod.Name)
		}
		has := make([]float32, n)
		for k, ok := range mod.Present {
			if ok {
				has[k] = 1
			}
		}
		in["x."+mod.Name], in["has."+mod.Name] = onnx.Floats(mod.Rows, int64(n), int64(mod.Dim)), onnx.Floats(has, int64(n), 1)
	}
	got, err := session(t, out, "product.onnx").Run(context.Background(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "item", got["vector"].F32, want, dim)
	if _, ok := got["content"]; ok != (len(d.Modalities) > 0) {
		t.Errorf("content: %v", ok)
	}
}

func checkUsers(t *testing.T, d *dataset.Dataset, out string, m Manifest) {
	t.Helper()
	want, n, dim := readNPY(t, out, "users.npy")
	sources, _, width := readNPY(t, out, "sources.npy")
	if n != len(d.Users) || dim != 256 || width != m.Sources {
		t.Fatalf("users %d × %d, sources × %d", n, dim, width)
	}
	rows := d.Train
	if d.Timed {
		rows = d.TrainVal
	}
	histories := dataset.ByUser(rows, n)
	longest := 0
	for _, own := range histories {
		longest = max(longest, len(own)+2) // places that hold nothing must change nothing
	}
	history, age, mask := make([]float32, n*longest*width), make([]float32, n*longest), make([]float32, n*longest)
	for u, own := range histories {
		for k, r := range own {
			at := u*longest + k
			copy(history[at*width:], sources[int(r.Item)*width:(int(r.Item)+1)*width])
			age[at], mask[at] = float32(float64(m.Now-r.Last)/day), 1
		}
	}
	got, err := session(t, out, "user.onnx").Run(context.Background(), map[string]onnx.Tensor{
		"sources": onnx.Floats(history, int64(n), int64(longest), int64(width)),
		"age":     onnx.Floats(age, int64(n), int64(longest)), "mask": onnx.Floats(mask, int64(n), int64(longest)),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "user", got["vector"].F32, want, dim)
	for u := range n {
		if want[u*dim+dim-1] != 0 {
			t.Fatalf("user %d has %g where items are padded", u, want[u*dim+dim-1])
		}
	}
}

func compare(t *testing.T, what string, got, want []float32, dim int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers of %ss, want %d", len(got), what, len(want))
	}
	for i := 0; i < len(want); i += dim {
		if n := dot(want[i:i+dim], want[i:i+dim]); math.Abs(n-1) > 1e-4 {
			t.Fatalf("%s %d has length² %g", what, i/dim, n)
		}
		for k := range dim {
			if math.Abs(float64(got[i+k]-want[i+k])) > 1e-3 {
				t.Fatalf("%s %d, number %d: the tower makes %g, the table has %g", what, i/dim, k, got[i+k], want[i+k])
			}
		}
	}
}

// A whole training that is stopped and resumed writes the very files of one that ran through.
func TestTrainResumes(t *testing.T) {
	d := shop(80, 60, true)
	c := small(true)
	whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
	if _, err := Train(context.Background(), Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: whole}); err != nil {
		t.Fatal(err)
	}
	stops := 0
	for ; ; stops++ {
		ctx, cancel := context.WithCancel(context.Background())
		steps := 0
		_, err := Train(ctx, Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: parts, Resume: true, Watch: Watch{Step: func(Step) {
			if steps++; steps == 17 {
				cancel()
			}
		}}})
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if stops < 3 {
		t.Errorf("stopped %d times: too few to show anything", stops)
	}
	for _, name := range []string{"items.npy", "users.npy", "identity.npy", "product.onnx", "user.onnx"} {
		a, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(parts, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs", name)
		}
	}
}

// What nobody had before the test part is known to a model that is fitted on all; what was chosen stays as it was.
func TestFitAll(t *testing.T) {
	for _, timed := range []bool{true, false} {
		d, c := shop(60, 40, timed), small(timed)
		c.Epochs = 2
		late := int32(len(d.Items) - 1)
		if dataset.Counts(d.TrainVal, len(d.Items))[late] > 0 {
			t.Fatal("the last item is not new")
		}
		o := Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: t.TempDir()}
		without, err := Train(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		o.FitAll, o.Out = true, t.TempDir()
		if _, err := Train(context.Background(), o); !errors.Is(err, ErrConfig) {
			t.Errorf("no rows of all parts: %v", err)
		}
		d.All = append(slices.Clone(d.TrainVal), dataset.Interaction{User: int32(len(d.Users) - 1), Item: late, Time: dataset.Newest(d.TrainVal) + day, Last: dataset.Newest(d.TrainVal) + day, Weight: 1})
		with, err := Train(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := towers.ReadManifest(o.Out)
		if err != nil || m.FittedOn != towers.FittedOnAll || without.FittedOn == with.FittedOn {
			t.Errorf("%v: fitted on %q, without --fit-all on %q", err, m.FittedOn, without.FittedOn)
		}
		if counts, _, _ := readNPY(t, o.Out, "counts.npy"); counts[late] != 1 {
			t.Errorf("timed %v: the last item counts %g", timed, counts[late])
		}
		if with.Composed != without.Composed {
			t.Errorf("timed %v: chosen by %+v, without --fit-all by %+v", timed, with.Composed, without.Composed)
		}
	}
}

// Where people do all they do in one go, there is nothing to look ahead to from a moment between: the towers learn as if there
// were no times.
func TestTimesThatSayNothing(t *testing.T) {
	d, c := shop(120, 100, true), small(true)
	d.Split = dataset.PerUser
	for _, rows := range [][]dataset.Interaction{d.Train, d.Val, d.Test, d.TrainVal} {
		for i := range rows {
			rows[i].Time = 1_600_000_000_000 + int64(rows[i].User)*day
			rows[i].Last = rows[i].Time
		}
	}
	s, err := Train(context.Background(), Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Config.Timeless || len(s.Grid) == 0 || s.Choice.Alone["tower"].sum() < s.Choice.Alone["popularity"].sum()*1.5 {
		t.Errorf("without times: %v; tried %+v; alone %+v", s.Config.Timeless, s.Grid, s.Choice.Alone)
	}
}

// What a training was told by one validation part, it does not take for what another says; nor does it end sooner than it
// has come.
func TestTrainGoesOnOnlyWithTheSame(t *testing.T) {
	c := small(false)
	c.Epochs = 3
	for name, change := range map[string]func(*dataset.Dataset, *Config){
		"another validation part": func(d *dataset.Dataset, _ *Config) { d.Val, d.Test = d.Test, d.Val },
		"fewer epochs":            func(_ *dataset.Dataset, c *Config) { c.Epochs = 1 },
	} {
		d, c, out := shop(60, 40, false), c, t.TempDir()
		d.Test = append(d.Test, d.Val[:len(d.Val)/2]...)
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Train(ctx, Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: out, Watch: Watch{Epoch: func(e Epoch) {
			if e.Epoch == 2 {
				cancel()
			}
		}}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		change(d, &c)
		if _, err := Train(context.Background(), Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: out, Resume: true}); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A model is one with all its files: until the last of them is made there is no manifest, and the training can go on.
func TestFilesBeside(t *testing.T) {
	d, c, out := shop(60, 40, false), small(false), t.TempDir()
	c.Epochs = 2
	failure := errors.New("stopped")
	o := Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: out, Beside: func(context.Context) (map[string][]byte, error) {
		if _, err := os.Stat(filepath.Join(out, "users.npy")); err != nil {
			t.Errorf("no vectors to make anything of: %v", err)
		}
		return map[string][]byte{"heads.onnx": []byte("heads")}, failure
	}}
	if _, err := Train(context.Background(), o); !errors.Is(err, failure) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(out, "manifest.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a manifest of half a model: %v", err)
	}
	failure, o.Resume = nil, true
	if _, err := Train(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	m, _, err := towers.ReadManifest(out)
	if err != nil || m.Files["heads.onnx"] == "" {
		t.Errorf("%v: files %v", err, m.Files)
	}
}

// The grid keeps the setting that is best on validation, and what serves is trained with it.
func TestTrainGrid(t *testing.T) {
	d := shop(60, 40, false)
	c := small(false)
	c.Epochs = 2
	s, err := Train(context.Background(), Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Grid: true, Out: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Grid) != 1+len(variations(c)) {
		t.Fatalf("%d trials, want %d", len(s.Grid), 1+len(variations(c)))
	}
	best := s.Grid[0]
	for _, trial := range s.Grid {
		if trial.Validation.better(best.Validation) {
			best = trial
		}
	}
	if s.Choice.Alone[towerName] != best.Validation {
		t.Errorf("the tower that was kept has %+v, the best of the grid (%s) %+v", s.Choice.Alone[towerName], best.Setting, best.Validation)
	}
	for _, v := range variations(c) {
		if v.setting == best.Setting && (v.config.Rate != s.Config.Rate || v.config.Temperature != s.Config.Temperature || v.config.DropIdentity != s.Config.DropIdentity) {
			t.Errorf("configuration %+v is not that of %q", s.Config, best.Setting)
		}
	}
}

func TestTrainRefusesOrCopes(t *testing.T) {
	train := func(t *testing.T, d *dataset.Dataset, c Config) error {
		t.Helper()
		_, err := Train(context.Background(), Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: t.TempDir()})
		return err
	}
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		change func(*dataset.Dataset, *Config)
		want   error // nil: it copes
	}{
		"empty train":       {func(d *dataset.Dataset, _ *Config) { d.Train = nil }, ErrData},
		"empty validation":  {func(d *dataset.Dataset, _ *Config) { d.Val = nil }, ErrData},
		"item out of range": {func(d *dataset.Dataset, _ *Config) { d.Train[3].Item = 1000 }, ErrData},
		"user out of range": {func(d *dataset.Dataset, _ *Config) { d.Val[3].User = -1 }, ErrData},
		"NaN features":      {func(d *dataset.Dataset, _ *Config) { d.Modalities[0].Rows[4] = nan }, ErrData},
		"no features":       {func(d *dataset.Dataset, _ *Config) { clear(d.Modalities[0].Present) }, ErrData},
		"same features":     {func(d *dataset.Dataset, _ *Config) { clear(d.Modalities[0].Rows) }, ErrData},
		"one item each": {func(d *dataset.Dataset, _ *Config) {
			d.Train = slices.DeleteFunc(d.Train, func(r dataset.Interaction) bool { return r.Item != d.Train[0].Item })
			d.Val = slices.Clone(d.Val)
		}, ErrData},
		"bad rate":  {func(_ *dataset.Dataset, c *Config) { c.Rate = nan }, ErrConfig},
		"bad dim":   {func(_ *dataset.Dataset, c *Config) { c.Dim = -3 }, ErrConfig},
		"ten users": {func(d *dataset.Dataset, _ *Config) { *d = *shop(10, 40, false) }, nil},
		"one class": {func(d *dataset.Dataset, _ *Config) {
			for i := range d.Train {
				d.Train[i].Item %= 2
			}
			for i := range d.Val {
				d.Val[i].Item = 2
			}
		}, nil},
		"times all the same": {func(d *dataset.Dataset, _ *Config) {
			*d = *shop(60, 40, true)
			for _, part := range [][]dataset.Interaction{d.Train, d.Val, d.TrainVal} {
				for i := range part {
					part[i].Time, part[i].Last = 1_600_000_000_000, 1_600_000_000_000
				}
			}
		}, nil},
		"huge features": {func(d *dataset.Dataset, _ *Config) {
			for i := range d.Modalities[0].Rows {
				d.Modalities[0].Rows[i] *= 1e15
			}
		}, nil},
		"features of few": {func(d *dataset.Dataset, _ *Config) {
			for i := range d.Modalities[0].Present {
				d.Modalities[0].Present[i] = i < 2
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, conf := shop(60, 40, false), small(false)
			conf.Epochs = 2
			c.change(d, &conf)
			if err := train(t, d, conf); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}
