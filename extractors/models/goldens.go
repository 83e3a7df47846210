package models

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
)

// ErrGoldens is wrapped when an encoder does not reproduce its golden vectors.
var ErrGoldens = errors.New("golden vectors not reproduced")

// Golden is one golden input with what the reference makes of it.
type Golden struct {
	Name   string  // file name of a photo, or line of a text
	Photo  []byte  // for image encoders
	Text   string  // for text encoders
	IDs    []int32 // token ids of the text before truncation; nil if not given
	Vector []float32
}

// Goldens reads a manifest's golden inputs and vectors, each held against its
// pin. The error wraps ErrAbsent, ErrMismatch or ErrManifest.
func (c *Cache) Goldens(m *Manifest) ([]Golden, error) {
	if m.Goldens == nil {
		return nil, fmt.Errorf("%w %q: goldens: is missing", ErrManifest, m.Name)
	}
	raw, err := c.Read(m.Goldens.Vectors)
	if err != nil {
		return nil, err
	}
	vectors, err := readNPY(raw)
	if err != nil {
		return nil, fmt.Errorf("%w %q: goldens.vectors: %w", ErrManifest, m.Name, err)
	}
	var all []Golden
	for _, f := range m.Goldens.Inputs {
		data, err := c.Read(f)
		if err != nil {
			return nil, err
		}
		if m.Modality == Image {
			all = append(all, Golden{Name: path.Base(f.Source), Photo: data})
			continue
		}
		texts, err := readTexts(data)
		if err != nil {
			return nil, fmt.Errorf("%w %q: goldens.inputs: %w", ErrManifest, m.Name, err)
		}
		all = append(all, texts...)
	}
	if len(all) == 0 || len(all) != len(vectors) {
		return nil, fmt.Errorf("%w %q: goldens: %d inputs with %d vectors", ErrManifest, m.Name, len(all), len(vectors))
	}
	for i := range all {
		if len(vectors[i]) != m.Dim {
			return nil, fmt.Errorf("%w %q: goldens.vectors: rows of %d values, want dim %d", ErrManifest, m.Name, len(vectors[i]), m.Dim)
		}
		all[i].Vector = vectors[i]
	}
	return all, nil
}

func readTexts(data []byte) ([]Golden, error) {
	var all []Golden
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var row struct {
			Text *string `json:"text"`
			IDs  []int32 `json:"ids"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if row.Text == nil {
			return nil, fmt.Errorf("line %d: text: is missing", n)
		}
		all = append(all, Golden{Name: fmt.Sprintf("line %d", n), Text: *row.Text, IDs: row.IDs})
	}
	return all, lines.Err()
}

// Case is how near an encoder came to one golden vector.
type Case struct {
	Name   string  `json:"name"`
	Cosine float64 `json:"cosine"`
	OK     bool    `json:"ok"`
	Error  string  `json:"error,omitempty"`
}

// Report is the outcome of holding an encoder against its goldens.
type Report struct {
	Name      string  `json:"name"`
	Decoder   string  `json:"decoder,omitempty"`
	Threshold float64 `json:"threshold"` // the least cosine that passes
	Worst     float64 `json:"worst"`
	OK        bool    `json:"ok"`
	Cases     []Case  `json:"cases"`
	// On an accelerator: the rows of a full run, how many items a second one caller
	// gets through such runs, and which operators are left to the CPU ("": none).
	Rows      int     `json:"rows,omitempty"`
	PerSecond float64 `json:"items_per_second,omitempty"`
	Partly    string  `json:"partly,omitempty"`
}

// goDecoder is the decoder class whose pixels differ a little from the
// reference's, see package pixels.
const goDecoder = "go"

// Threshold is the least cosine to a golden vector that passes: 0.9999 for
// fp32, 0.999 for fp16, 0.98 for int8, and at most 0.999 for photos decoded by
// class go.
func (m *Manifest) Threshold(decoder string) float64 {
	limit := map[string]float64{"fp32": 0.9999, "fp16": 0.999, "int8": 0.98}[m.Precision]
	if m.Modality == Image && decoder == goDecoder {
		limit = min(limit, 0.999)
	}
	return limit
}

// NewReport starts the report on an encoder of m; decoder is "" for text.
func NewReport(m *Manifest, decoder string) *Report {
	return &Report{Name: m.Name, Decoder: decoder, Threshold: m.Threshold(decoder), Worst: 1, OK: true}
}

// Add records what the encoder gave for one golden: a vector or an error.
func (r *Report) Add(g Golden, got []float32, err error) {
	c := Case{Name: g.Name}
	if err != nil {
		c.Error = err.Error()
	} else {
		c.Cosine = cosine(got, g.Vector)
		c.OK = c.Cosine >= r.Threshold
	}
	r.OK = r.OK && c.OK
	r.Worst = min(r.Worst, c.Cosine)
	r.Cases = append(r.Cases, c)
}

// Err is nil if every case passed; otherwise it wraps ErrGoldens and names the
// first case that did not.
func (r *Report) Err() error {
	for _, c := range r.Cases {
		switch {
		case c.Error != "":
			return fmt.Errorf("%w: %s%s: %s: %s", ErrGoldens, r.Name, r.decoder(), c.Name, c.Error)
		case !c.OK:
			return fmt.Errorf("%w: %s%s: %s: cosine %.6f, want at least %g; `weft models pull` fetches the pinned files, `weft models verify` shows every case",
				ErrGoldens, r.Name, r.decoder(), c.Name, c.Cosine, r.Threshold)
		}
	}
	return nil
}

func (r *Report) decoder() string {
	if r.Decoder == "" {
		return ""
	}
	return " (decoder " + r.Decoder + ")"
}

// cosine is 0 for vectors of different lengths, without length, or not finite.
func cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if c := ab / math.Sqrt(aa*bb); !math.IsNaN(c) && !math.IsInf(c, 0) {
		return max(-1, min(1, c))
	}
	return 0
}
