package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"weft/onnx"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

func opened(t *testing.T, m *Model) *Session {
	t.Helper()
	file, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(onnxtest.Open(t), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// The file says what the model says, through ONNX Runtime, for every shape of model.
func TestFileSaysTheSame(t *testing.T) {
	for name, change := range map[string]func(*Config, []Example){
		"both": func(*Config, []Example) {},
		"vector only": func(c *Config, list []Example) {
			c.FeatureNames = nil
			for i := range list {
				list[i].Features = nil
			}
		},
		"features only": func(_ *Config, list []Example) {
			for i := range list {
				list[i].Features[1] = list[i].Vector[0]
				list[i].Vector = nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, examples := config(), made(1, 1500)
			change(&c, examples)
			m, _ := trained(t, examples[:400], c)
			s := opened(t, m)
			examples[3].Consent = false
			examples[4].Consent = true
			want, err := Predict(t.Context(), m, examples)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Predict(t.Context(), s, examples)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got[i].Declined != want[i].Declined || len(got[i].Answers) != len(want[i].Answers) {
					t.Fatalf("user %d: %+v, want %+v", i, got[i], want[i])
				}
				for h, a := range got[i].Answers {
					if math.Abs(a.Confidence-want[i].Answers[h].Confidence) > 1e-5 {
						t.Fatalf("user %d: %+v, want %+v", i, a, want[i].Answers[h])
					}
				}
			}
			a, err := s.probabilities(t.Context(), examples)
			if err != nil {
				t.Fatal(err)
			}
			b, err := m.probabilities(t.Context(), examples)
			if err != nil {
				t.Fatal(err)
			}
			for h := range b {
				for i := range b[h] {
					for j := range b[h][i] {
						if math.Abs(a[h][i][j]-b[h][i][j]) > 1e-5 {
							t.Fatalf("head %d, user %d: %v, want %v", h, i, a[h][i], b[h][i])
						}
					}
				}
			}
		})
	}
}

func TestPredictBadInput(t *testing.T) {
	m, _ := trained(t, made(1, 300), config())
	for name, n := range map[string]Network{"model": m, "session": opened(t, m)} {
		list := made(2, 2)
		list[0].Vector[2] = float32(math.NaN())
		got, err := Predict(t.Context(), n, list)
		if err != nil || !got[0].Unusable || got[0].Answers != nil || got[1].Answers == nil {
			t.Errorf("%s: NaN gave %+v, %v", name, got, err)
		}
		list[0].Vector = list[0].Vector[:2]
		if _, err := Predict(t.Context(), n, list); !errors.Is(err, ErrExample) {
			t.Errorf("%s: a short vector gave %v", name, err)
		}
		if got, err := Predict(t.Context(), n, nil); err != nil || len(got) != 0 {
			t.Errorf("%s: nobody gave %v, %v", name, got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	m, _ := trained(t, made(1, 300), config())
	file, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	rt := onnxtest.Open(t)
	refuse := func(name string, file []byte) {
		t.Helper()
		if s, err := Open(rt, file); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", name, err)
			if s != nil {
				_ = s.Close()
			}
		}
	}
	with := func(change func(*Card)) []byte {
		body, err := json.Marshal(m.card)
		var card Card
		if err == nil {
			err = json.Unmarshal(body, &card)
		}
		if err != nil {
			t.Fatal(err)
		}
		change(&card)
		changed := &Model{card: card, inputs: m.inputs, nets: m.nets, scales: m.scales}
		file, err := changed.ONNX()
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	refuse("nothing", nil)
	refuse("text", []byte("not a model"))
	refuse("half a file", file[:len(file)/2])
	refuse("another version", with(func(c *Card) { c.Version = 2 }))
	refuse("a threshold too few", with(func(c *Card) { c.Heads[1].Answer = c.Heads[1].Answer[1:] }))
	refuse("no priors", with(func(c *Card) { c.Heads[0].Prior = nil }))
	g := graph.New("other")
	g.Output(g.Add(graph.Node{Op: "Identity", Inputs: []graph.Value{g.Input("x", graph.Float32, graph.Batch("n", 3))}})[0], graph.Float32, graph.Batch("n", 3))
	other, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	refuse("another model", other)
	// A card that was changed in the file: fewer features than the graph takes. Lengths stay, so that the file stays whole.
	refuse("a card of other features", bytes.Replace(file, []byte(`["trust","constant"]`), []byte(`["trust and constan"]`), 1))
	if _, err := onnxtest.Open(t).NewSession(file, onnx.SessionConfig{}); err != nil {
		t.Errorf("the file itself: %v", err)
	}
}
