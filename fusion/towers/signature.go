package towers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"weft/onnx"
	"weft/onnx/graph"
)

// places is a shape as it is asked for: 0 is any size, which must not be fixed.
type places []int

// productGiven and userGiven are the inputs of the towers.
func (m *Manifest) productGiven() map[string]places {
	in := map[string]places{"identity": {0, m.Tower}, "warm": {0, 1}, "bias": {0, 1}, "residual": {0, m.Rank}}
	for _, mod := range m.Modalities {
		in["x."+mod.Name], in["has."+mod.Name] = places{0, mod.Dim}, places{0, 1}
	}
	return in
}

func (m *Manifest) userGiven() map[string]places {
	return map[string]places{"sources": {0, 0, m.Sources}, "age": {0, 0}, "mask": {0, 0}}
}

// outputs are those that a tower may have; -1 is a length of its own choice.
func (m *Manifest) outputs() map[string]places {
	return map[string]places{vectorOutput: {0, m.Dim}, contentOutput: {0, -1}, sourceOutput: {0, m.Sources}}
}

// checkSignature holds a tower against what it will be given and asked for. An input that it does not declare is not given: a
// tower need not read all there is, and exporters drop what is not read.
func checkSignature(file string, s *onnx.Session, given, asked map[string]places) error {
	for _, in := range s.Inputs() {
		want, known := given[in.Name]
		if !known {
			return fmt.Errorf("%w: %s reads %q, which is not given; there are %s", ErrModel, file, in.Name, listed(given))
		}
		if err := checkPlace(in, want); err != nil {
			return fmt.Errorf("%w: %s: input %w", ErrModel, file, err)
		}
	}
	found := false
	for _, out := range s.Outputs() {
		want, known := asked[out.Name]
		if !known {
			continue // for somebody else
		}
		if err := checkPlace(out, want); err != nil {
			return fmt.Errorf("%w: %s: output %w", ErrModel, file, err)
		}
		found = found || out.Name == vectorOutput
	}
	if !found {
		return fmt.Errorf("%w: %s has no output %q %s", ErrModel, file, vectorOutput, asked[vectorOutput])
	}
	return nil
}

func checkPlace(have graph.Info, want places) error {
	bad := func(why string) error {
		return fmt.Errorf("%q is %s %s, want float32 %s%s", have.Name, have.Type, shape(have.Dims), want, why)
	}
	if have.Type != graph.Float32 {
		return bad("")
	}
	if have.Dims == nil {
		return nil // it does not say
	}
	if len(have.Dims) != len(want) {
		return bad("")
	}
	for i, d := range have.Dims {
		switch {
		case d.Size == 0 || want[i] < 0:
		case want[i] == 0:
			return bad(fmt.Sprintf(": dimension %d must not be fixed, since batches are of any size", i))
		case d.Size != int64(want[i]):
			return bad("")
		}
	}
	return nil
}

// String is such as [N, 12] and [N, L].
func (p places) String() string {
	names, free := make([]string, len(p)), []string{"N", "L"}
	for i, n := range p {
		switch {
		case n > 0:
			names[i] = fmt.Sprint(n)
		case n == 0:
			names[i], free = free[0], free[1:]
		default:
			names[i] = "any"
		}
	}
	return "[" + strings.Join(names, ", ") + "]"
}

func shape(dims []graph.Dim) string {
	names := make([]string, len(dims))
	for i, d := range dims {
		names[i] = d.Name
		if d.Size > 0 {
			names[i] = fmt.Sprint(d.Size)
		} else if d.Name == "" {
			names[i] = "?"
		}
	}
	return "[" + strings.Join(names, ", ") + "]"
}

func listed(all map[string]places) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		names = append(names, fmt.Sprintf("%s %s", name, all[name]))
	}
	return strings.Join(names, ", ")
}

// read are those of the inputs that a tower declares.
func read(s *onnx.Session, given map[string]onnx.Tensor) map[string]onnx.Tensor {
	in := map[string]onnx.Tensor{}
	for _, info := range s.Inputs() {
		in[info.Name] = given[info.Name]
	}
	return in
}
