package profile

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Head is what one head says and when it does.
type Head struct {
	Name   string   `json:"name"`
	Kind   Kind     `json:"kind"`
	Values []string `json:"values"` // in the order of the probabilities
	// Answer is the least probability at which a value is told: one number for classes, one for each tag. 2 means never:
	// the precision asked for was not reached.
	Answer []float64 `json:"answer"`
	// Decision is the probability from which a tag counts as said when an answer is forced, as metrics do. Classes take
	// the likeliest value.
	Decision float64 `json:"decision,omitempty"`
	// Prior is how often each value held among the users learned from.
	Prior []float64 `json:"prior"`
	// Precision is what Answer was chosen for.
	Precision float64 `json:"precision"`
}

// Card describes a model: what goes in, what comes out, and what it was learned from.
type Card struct {
	Version      int      `json:"version"`
	VectorDim    int      `json:"vector_dim"`
	FeatureNames []string `json:"feature_names"`
	Heads        []Head   `json:"heads"`
	Users        int      `json:"users"` // learned from, all with consent
	Seed         uint64   `json:"seed"`
}

// Version of the model's file and of the meaning of its numbers.
const Version = 1

// Network is a trained profile model: a *Model as Train made it, or a *Session over its file. It gives nothing away by
// itself; Predict and Evaluate ask it, and only about users who consented.
type Network interface {
	Card() Card
	// probabilities, calibrated, by head, example and value.
	probabilities(ctx context.Context, examples []Example) ([][][]float64, error)
}

// Model is a profile model in memory, ready to be written by Model.ONNX. It is safe for concurrent use.
type Model struct {
	card   Card
	inputs scale // standardises vector and features, laid one after the other
	nets   []*network
	scales []scale // calibrate the outputs of each head
}

// Card describes the model.
func (m *Model) Card() Card { return m.card }

func (m *Model) probabilities(_ context.Context, examples []Example) ([][][]float64, error) {
	x := inputs(examples)
	m.inputs.applyAll(x)
	heads := make([][][]float64, len(m.nets))
	for h, n := range m.nets {
		out := n.forward(n.weights, x).out
		m.scales[h].applyAll(out)
		for i := range examples {
			heads[h] = append(heads[h], distribution(m.card.Heads[h].Kind, out.RawRowView(i)))
		}
	}
	return heads, nil
}

// distribution turns a row of outputs into probabilities.
func distribution(kind Kind, row []float64) []float64 {
	p := slices.Clone(row)
	if kind == Classes {
		logSoftmax(p, make([]float64, len(p)))
		return p
	}
	for j, z := range p {
		p[j] = sigmoid(z)
	}
	return p
}

// inputs lays vector and features of each example in a row.
func inputs(examples []Example) *mat.Dense {
	vector, features := len(examples[0].Vector), len(examples[0].Features)
	x := mat.NewDense(len(examples), vector+features, nil)
	for i, e := range examples {
		row := x.RawRowView(i)
		for j, v := range e.Vector {
			row[j] = float64(v)
		}
		for j, v := range e.Features {
			row[vector+j] = float64(v)
		}
	}
	return x
}

// standardising finds what gives each column of x the mean 0 and the deviation 1; a constant column becomes zeros.
func standardising(x *mat.Dense) scale {
	rows, columns := x.Dims()
	s := scale{Slope: make([]float64, columns), Shift: make([]float64, columns)}
	mean, variance := make([]float64, columns), make([]float64, columns)
	for i := range rows {
		for j, v := range x.RawRowView(i) {
			mean[j] += v / float64(rows)
		}
	}
	for i := range rows {
		for j, v := range x.RawRowView(i) {
			variance[j] += (v - mean[j]) * (v - mean[j]) / float64(rows)
		}
	}
	for j, v := range variance {
		// Rounding leaves a constant column a deviation of some 1e-8 of its size.
		if d := math.Sqrt(v); d > 1e-6*math.Abs(mean[j])+1e-12 {
			s.Slope[j], s.Shift[j] = 1/d, -mean[j]/d
		}
	}
	return s
}

// checkInputs says whether a model fits examples of the given sizes.
func (c Card) checkInputs(vector, features int) error {
	if vector != c.VectorDim || features != len(c.FeatureNames) {
		return fmt.Errorf("%w: the model takes a vector of %d values and %d features (%v), not %d and %d",
			ErrExample, c.VectorDim, len(c.FeatureNames), c.FeatureNames, vector, features)
	}
	return nil
}
