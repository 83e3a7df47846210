package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// made draws users whose vector leans to one of three colours and to two of four hobbies, with a feature that says how
// much the vector is worth.
func made(seed uint64, n int) []Example {
	rng := rand.New(rand.NewPCG(seed, 9))
	list := make([]Example, n)
	colours, hobbies := []string{"red", "green", "blue"}, []string{"chess", "go", "poker", "whist"}
	for i := range list {
		e := Example{User: fmt.Sprintf("u%d-%d", seed, i), Vector: make([]float32, 8), Consent: true}
		c, a := rng.IntN(3), rng.IntN(4)
		b := (a + 1 + rng.IntN(3)) % 4
		trust := rng.NormFloat64()
		e.Vector[c] = float32(1.5 * math.Exp(0.5*trust))
		e.Vector[3+a], e.Vector[3+b] = 1.5, 1.5
		for j := range e.Vector {
			e.Vector[j] += float32(rng.NormFloat64())
		}
		e.Features = []float32{float32(trust), 5} // the second never changes
		e.Labels = map[string][]string{"colour": {colours[c]}, "hobbies": {hobbies[a], hobbies[b]}}
		list[i] = e
	}
	return list
}

func config() Config {
	return Config{
		Heads:        []Spec{{Name: "colour", Kind: Classes}, {Name: "hobbies", Kind: Tags}},
		FeatureNames: []string{"trust", "constant"}, Seed: 4, L2: []float64{0.003, 0.03},
	}
}

func trained(t testing.TB, examples []Example, c Config) (*Model, *Training) {
	t.Helper()
	m, told, err := Train(t.Context(), examples, c)
	if err != nil {
		t.Fatal(err)
	}
	return m, told
}

func TestTrainAndEvaluate(t *testing.T) {
	train, test := Split(made(1, 3000), 1, 0.3)
	if len(test) < 800 || len(test) > 1000 {
		t.Fatalf("%d of 3000 users are for testing, want about 900", len(test))
	}
	m, told := trained(t, train, config())
	if n := len(told.Heads[0].Tried); n == 0 || n > 2 || told.Heads[0].Users != len(train) {
		t.Errorf("training of %+v", told.Heads[0])
	}
	e, err := Evaluate(t.Context(), m, test, EvalConfig{Groups: map[string]func(Example) string{"trust": func(e Example) string {
		if e.Features[0] > 0 {
			return "high"
		}
		return "low"
	}}})
	if err != nil {
		t.Fatal(err)
	}
	colour, hobbies := e.Heads[0], e.Heads[1]
	t.Logf("colour: accuracy %.3f (constant %.3f), F1 %.3f, ECE %.3f, told %+v", colour.Accuracy, colour.Constant.Accuracy, colour.F1, colour.ECE, colour.Told)
	t.Logf("hobbies: accuracy %.3f (constant %.3f), F1 %.3f (%.3f), ECE %.3f, told %+v", hobbies.Accuracy, hobbies.Constant.Accuracy, hobbies.F1, hobbies.Constant.F1, hobbies.ECE, hobbies.Told)
	for _, h := range e.Heads {
		if h.Accuracy < h.Constant.Accuracy+0.2 || h.F1 < h.Constant.F1+0.1 || h.ECE > 0.05 {
			t.Errorf("%s: accuracy %.3f, macro F1 %.3f, ECE %.3f against a constant's %+v", h.Head, h.Accuracy, h.F1, h.ECE, h.Constant)
		}
		if h.Told.Precision < h.Told.Wanted-0.03 || h.Told.Share < 0.2 {
			t.Errorf("%s: told %+v; the precision wanted was not kept", h.Head, h.Told)
		}
	}
	for _, gap := range colour.Groups {
		if gap.By != "trust" {
			continue
		}
		if len(gap.Groups) != 2 || gap.Groups[0].Name != "high" || gap.Groups[0].Accuracy-gap.Groups[1].Accuracy < 0.1 || math.Abs(gap.Gap-(gap.Groups[0].Accuracy-gap.Groups[1].Accuracy)) > 1e-9 {
			t.Errorf("by trust: %+v; those whose vector says more are easier", gap)
		}
	}
	if len(colour.Groups) != 2 || len(hobbies.Groups) != 2 {
		t.Errorf("groups %+v", colour.Groups)
	}
}

func TestTrainRepeats(t *testing.T) {
	examples := made(2, 300)
	one, _ := trained(t, examples, config())
	two, _ := trained(t, examples, config())
	a, err := one.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	b, err := two.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the same examples and configuration gave another file")
	}
	c := config()
	c.Seed, c.L2 = 5, []float64{0.01}
	other, _ := trained(t, examples, c)
	if reflect.DeepEqual(one.nets, other.nets) {
		t.Error("another configuration gave the same weights")
	}
}

// What users without consent hold must not reach the model by any way: not their labels, not their numbers, not their
// count.
func TestConsentIsKept(t *testing.T) {
	examples := made(3, 400)
	without, _ := trained(t, examples, config())
	var with []Example
	for i, e := range examples {
		poison := Example{User: fmt.Sprintf("refused-%d", i), Vector: []float32{float32(math.NaN())}, Labels: map[string][]string{"colour": {"secret"}}}
		if i%2 == 0 {
			poison = Example{User: e.User, Vector: e.Vector, Features: e.Features, Labels: map[string][]string{"colour": {"secret"}, "hobbies": {"secret"}}}
		}
		with = append(with, poison, e)
	}
	poisoned, told := trained(t, with, config())
	if told.Counts.NoConsent != 400 || told.Counts.Used != 400 {
		t.Errorf("counts %+v, want 400 refused", told.Counts)
	}
	if !reflect.DeepEqual(without.nets, poisoned.nets) || !reflect.DeepEqual(without.card, poisoned.card) {
		t.Error("users without consent changed the model")
	}
	refused := examples[0]
	refused.Consent = false
	got, err := Predict(t.Context(), without, []Example{refused, examples[1], {User: "bare"}})
	if err != nil {
		t.Fatal(err)
	}
	if !got[0].Declined || got[0].Answers != nil || !got[2].Declined || got[1].Declined || len(got[1].Answers) != 2 {
		t.Errorf("profiles %+v", got)
	}
	if _, err := Evaluate(t.Context(), without, []Example{refused}, EvalConfig{}); !errors.Is(err, ErrNothing) {
		t.Errorf("a test of users without consent: %v", err)
	}
}

func TestBadExamples(t *testing.T) {
	nan := float32(math.NaN())
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		name  string
		spoil func([]Example) []Example
		want  error
		check func(*Training) bool
	}{
		{"nobody", func([]Example) []Example { return nil }, ErrNothing, nil},
		{"ten users", func(e []Example) []Example { return e[:10] }, ErrNothing, func(t *Training) bool { return strings.Contains(t.Skipped["colour"], "10 users") }},
		{"nobody consents", func(e []Example) []Example {
			for i := range e {
				e[i].Consent = false
			}
			return e
		}, ErrNothing, func(t *Training) bool { return t.Counts.NoConsent == 300 }},
		{"NaN everywhere", func(e []Example) []Example {
			for i := range e {
				e[i].Features = []float32{nan, 0}
			}
			return e
		}, ErrNothing, func(t *Training) bool { return t.Counts.NotFinite == 300 }},
		{"no labels", func(e []Example) []Example {
			for i := range e {
				e[i].Labels = nil
			}
			return e
		}, ErrNothing, func(t *Training) bool { return strings.Contains(t.Skipped["hobbies"], "0 users") }},
		{"some NaN, some infinity, some twice", func(e []Example) []Example {
			e[0].Vector = append([]float32{inf}, e[0].Vector[1:]...)
			e[1].Features = []float32{nan, 1}
			return append(e, e[5])
		}, nil, func(t *Training) bool {
			return t.Counts.NotFinite == 2 && t.Counts.Repeated == 1 && t.Counts.Used == 298
		}},
		{"one class", func(e []Example) []Example {
			for i := range e {
				e[i].Labels["colour"] = []string{"red"}
			}
			return e
		}, nil, func(t *Training) bool { return strings.Contains(t.Skipped["colour"], "1 values") && len(t.Heads) == 1 }},
		{"everybody has every tag", func(e []Example) []Example {
			for i := range e {
				e[i].Labels["hobbies"] = []string{"go", "chess"}
			}
			return e
		}, nil, func(t *Training) bool { return t.Skipped["hobbies"] != "" && len(t.Heads) == 1 }},
		{"two classes at once, an empty class", func(e []Example) []Example {
			e[3].Labels["colour"] = []string{"red", "blue"}
			e[4].Labels["colour"] = []string{""}
			return e
		}, nil, func(t *Training) bool { return t.Heads[0].Ambiguous == 2 && t.Heads[0].Users == 298 }},
		{"a rare class", func(e []Example) []Example {
			e[3].Labels["colour"] = []string{"mauve"}
			return e
		}, nil, func(t *Training) bool { return t.Heads[0].Rare["mauve"] == 1 && t.Heads[0].Users == 299 }},
		{"all vectors alike", func(e []Example) []Example {
			for i := range e {
				e[i].Vector = make([]float32, 8)
			}
			return e
		}, nil, func(t *Training) bool { return len(t.Heads) == 2 }},
		{"sizes differ", func(e []Example) []Example { e[7].Vector = e[7].Vector[:3]; return e }, ErrExample, nil},
		{"features without names", func(e []Example) []Example { e[7].Features = []float32{1, 2, 3}; return e }, ErrExample, nil},
		{"a user without a name", func(e []Example) []Example { e[7].User = ""; return e }, ErrExample, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, told, err := Train(t.Context(), c.spoil(made(6, 300)), config())
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if c.check != nil && !c.check(told) {
				t.Errorf("training %+v", told)
			}
		})
	}
}

func TestBadConfig(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no heads":     func(c *Config) { c.Heads = nil },
		"twice":        func(c *Config) { c.Heads = append(c.Heads, c.Heads[0]) },
		"kind":         func(c *Config) { c.Heads[0].Kind = "number" },
		"name":         func(c *Config) { c.Heads[0].Name = "vector" },
		"spaces":       func(c *Config) { c.Heads[0].Name = "a b" },
		"empty value":  func(c *Config) { c.Heads[0].Values = []string{""} },
		"L2":           func(c *Config) { c.L2 = []float64{math.NaN()} },
		"folds":        func(c *Config) { c.Folds = 1 },
		"precision":    func(c *Config) { c.Precision = 1 },
		"min users":    func(c *Config) { c.MinUsers = 3 },
		"max examples": func(c *Config) { c.MaxExamples = -5 },
	} {
		c := config()
		spoil(&c)
		if _, _, err := Train(t.Context(), made(1, 100), c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTrainStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := config()
	c.Progress = func(done, of int, head string) {
		if done == 3 && of == 6 && head == "colour" {
			cancel()
		}
	}
	if _, _, err := Train(ctx, made(1, 300), c); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled training: %v", err)
	}
}

// Values that were never learned, and users without a label, have their place in a test.
func TestEvaluateUnseen(t *testing.T) {
	m, _ := trained(t, made(1, 400), config())
	test := made(8, 100)
	for i := range 20 {
		test[i].Labels["colour"] = []string{"mauve"}
		test[i+20].Labels = map[string][]string{"hobbies": {"chess", "curling"}}
	}
	e, err := Evaluate(t.Context(), m, test, EvalConfig{})
	if err != nil {
		t.Fatal(err)
	}
	colour, hobbies := e.Heads[0], e.Heads[1]
	if colour.Users != 80 || colour.Unseen != 20 || colour.Accuracy > 0.75 || hobbies.Users != 100 || hobbies.Unseen != 20 {
		t.Errorf("colour %+v, hobbies %+v", colour, hobbies)
	}
	sum := 0
	for _, row := range colour.Confusion {
		for _, n := range row {
			sum += n
		}
	}
	if sum != 60 {
		t.Errorf("%d users in the confusion matrix, want the 60 with a learned class", sum)
	}
}

func TestMaxExamples(t *testing.T) {
	c := config()
	c.MaxExamples = 200
	m, told := trained(t, made(1, 500), c)
	if told.Counts.Used != 200 || told.Counts.Left != 300 || m.Card().Users != 200 {
		t.Errorf("counts %+v", told.Counts)
	}
}
