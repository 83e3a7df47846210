package models

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func npy(header string, values ...float32) []byte {
	out := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(out[8:], uint16(len(header)))
	out = append(out, header...)
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func TestReadNPY(t *testing.T) {
	const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"
	rows, err := readNPY(npy(good, 1, 2, 3, 4, 5, 6))
	if err != nil || len(rows) != 2 || !slices.Equal(rows[1], []float32{4, 5, 6}) {
		t.Errorf("%v, %v", rows, err)
	}
	for name, bad := range map[string][]byte{
		"empty":          nil,
		"short":          npy(good, 1, 2, 3, 4, 5, 6)[:20],
		"missing values": npy(good, 1, 2, 3, 4, 5),
		"more values":    npy(good, 1, 2, 3, 4, 5, 6, 7),
		"float64":        npy(strings.Replace(good, "<f4", "<f8", 1), 1, 2, 3, 4, 5, 6),
		"fortran":        npy(strings.Replace(good, "False", "True", 1), 1, 2, 3, 4, 5, 6),
		"one dimension":  npy(strings.Replace(good, "(2, 3)", "(6,)", 1), 1, 2, 3, 4, 5, 6),
		"no columns":     npy(strings.Replace(good, "(2, 3)", "(2, 0)", 1)),
		"huge":           npy(strings.Replace(good, "(2, 3)", "(99999999999999999999, 3)", 1), 1),
	} {
		if _, err := readNPY(bad); !errors.Is(err, errNPY) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadNPY(f *testing.F) {
	f.Add(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 1, 2, 3, 4, 5, 6))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := readNPY(data)
		if err == nil && len(rows) > len(data) {
			t.Errorf("%d rows from %d bytes", len(rows), len(data))
		}
	})
}

func TestReport(t *testing.T) {
	m := mustParse(t, readFixture(t, "clip-image.json"))
	for _, c := range []struct {
		precision, decoder string
		want               float64
	}{
		{"fp32", "exact", .9999}, {"fp32", "go", .999}, {"fp16", "exact", .999}, {"fp16", "go", .999}, {"int8", "exact", .98}, {"int8", "go", .98},
	} {
		m.Precision = c.precision
		if got := m.Threshold(c.decoder); got != c.want {
			t.Errorf("%s %s: threshold %v, want %v", c.precision, c.decoder, got, c.want)
		}
	}
	m.Precision = "fp32"
	g := Golden{Name: "shoe.jpg", Vector: []float32{1, 0}}
	for _, c := range []struct {
		got  []float32
		err  error
		ok   bool
		want string
	}{
		{[]float32{2, .002}, nil, true, ""}, // length does not matter
		{[]float32{1, .1}, nil, false, "shoe.jpg: cosine 0.995037, want at least 0.9999"},
		{[]float32{float32(math.NaN()), 1}, nil, false, "cosine 0.000000"},
		{[]float32{0, 0}, nil, false, "cosine 0.000000"},
		{[]float32{1}, nil, false, "cosine 0.000000"},
		{nil, fmt.Errorf("no decoder"), false, "shoe.jpg: no decoder"},
	} {
		r := NewReport(m, "exact")
		r.Add(Golden{Name: "first", Vector: []float32{0, 1}}, []float32{0, 3}, nil)
		r.Add(g, c.got, c.err)
		err := r.Err()
		if r.OK != c.ok || (err == nil) != c.ok || len(r.Cases) != 2 {
			t.Errorf("%v: report %+v, error %v", c.got, r, err)
		}
		if !c.ok && (!errors.Is(err, ErrGoldens) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "clip-vit-b32-image (decoder exact)")) {
			t.Errorf("%v: error %v, want %q", c.got, err, c.want)
		}
	}
}

func TestGoldensOfABadManifest(t *testing.T) {
	c := openCache(t, Config{})
	text, image := mustParse(t, builtinJSON(t, DefaultText)), mustParse(t, builtinJSON(t, DefaultImage))
	for want, edit := range map[string]func(*Manifest){
		"goldens: 15 inputs with 7 vectors": func(m *Manifest) { m.Goldens.Vectors = image.Goldens.Vectors },
		"rows of 384 values, want dim 400":  func(m *Manifest) { m.Dim = 400 },
		"goldens.inputs: line 1":            func(m *Manifest) { m.Goldens.Inputs = []File{*text.Files.Tokenizer} },
		"content differs from its pin":      func(m *Manifest) { m.Goldens.Vectors.SHA256 = strings.Repeat("0", 64) },
		"run `weft models pull`":            func(m *Manifest) { m.Goldens.Vectors.Source = "file:nowhere" },
	} {
		m := mustParse(t, builtinJSON(t, DefaultText))
		edit(m)
		if _, err := c.Goldens(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
