package fusion

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
)

// Config says how Concat makes one vector out of parts. All of it is hashed into the generation: two vectors may be
// compared only if their configurations are equal. Fields stand in the order of their JSON names, which makes the
// encoding canonical.
type Config struct {
	Blocks  []Block `json:"blocks"`  // one after another in the product vector
	Kind    string  `json:"kind"`    // KindConcat
	Version int     `json:"version"` // ConcatVersion: the arithmetic and the projection's construction
}

// Block is a stretch of the product vector, fed by modalities whose vectors come from one encoder and so share a space.
type Block struct {
	Dim        int        `json:"dim"` // of the parts, 1 to 65536
	Modalities []Modality `json:"modalities"`
	Name       string     `json:"name"`
	Out        int        `json:"out"`    // values it takes in the product vector, 1 to Dim
	Seed       uint64     `json:"seed"`   // of its projection, below 2^53
	Weight     float64    `json:"weight"` // its length beside the other blocks, before the whole is made unit length
}

// Modality is a kind of part, such as the photos of a product. Names are open: audio or video join as further blocks.
type Modality struct {
	Lead   float64 `json:"lead"`   // factor on the weight of its first part: 2 lets the main photo count double
	Name   string  `json:"name"`   // what Part.Modality says
	Weight float64 `json:"weight"` // of all its parts together, beside the other modalities of the block
}

const (
	KindConcat    = "concat"
	ConcatVersion = 1

	imageOut, textOut = 384, 192
	maxDim            = 1 << 16
	minWeight         = 1e-6
	maxWeight         = 1e6
)

// ErrConfig marks a configuration that Validate refuses.
var ErrConfig = errors.New("invalid fusion configuration")

var modalityName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// DefaultConfig is the untrained fusion of photos and text, given the dimensions of the two encoders. The product
// vector has at most 576 values: 384 for photos and 192 for text (less where an encoder has less). Reviews stand in the
// block of the listing, whose encoder they share: all reviews together count half as much as the listing. The package
// comment says what of this was measured.
func DefaultConfig(image, text int) Config {
	return Config{Kind: KindConcat, Version: ConcatVersion, Blocks: []Block{
		{Name: "image", Dim: image, Out: min(image, imageOut), Seed: 3, Weight: 1,
			Modalities: []Modality{{Name: imageModality, Weight: 1, Lead: lead}}},
		{Name: "text", Dim: text, Out: min(text, textOut), Seed: 2, Weight: 1,
			Modalities: []Modality{{Name: textModality, Weight: 1, Lead: 1}, {Name: ReviewModality, Weight: 0.5, Lead: 1}}},
	}}
}

// ParseConfig reads a configuration, refusing fields it does not know, and validates it.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("fusion: %w: %v", ErrConfig, err)
	}
	if d.More() {
		return Config{}, fmt.Errorf("fusion: %w: more follows the object", ErrConfig)
	}
	return c, c.Validate()
}

// Validate names the first field that is wrong, its value and what would be right; the error wraps ErrConfig.
func (c Config) Validate() error {
	bad := func(field string, value any, want string) error {
		return fmt.Errorf("fusion: %w: %s is %v, want %s", ErrConfig, field, value, want)
	}
	weight := func(field string, w float64) error {
		if !(w >= minWeight && w <= maxWeight) {
			return bad(field, w, fmt.Sprintf("%g to %g", minWeight, maxWeight))
		}
		return nil
	}
	switch {
	case c.Kind != KindConcat:
		return bad("kind", fmt.Sprintf("%q", c.Kind), fmt.Sprintf("%q", KindConcat))
	case c.Version != ConcatVersion:
		return bad("version", c.Version, fmt.Sprint(ConcatVersion))
	case len(c.Blocks) == 0:
		return bad("blocks", "empty", "at least one block")
	}
	blocks, modalities := map[string]bool{}, map[string]bool{}
	for i, b := range c.Blocks {
		field := fmt.Sprintf("blocks[%d].", i)
		switch {
		case !modalityName.MatchString(b.Name) || blocks[b.Name]:
			return bad(field+"name", fmt.Sprintf("%q", b.Name), "a name of its own, "+modalityName.String())
		case b.Dim < 1 || b.Dim > maxDim:
			return bad(field+"dim", b.Dim, fmt.Sprintf("1 to %d", maxDim))
		case b.Out < 1 || b.Out > b.Dim:
			return bad(field+"out", b.Out, fmt.Sprintf("1 to dim (%d)", b.Dim))
		case b.Seed >= 1<<53:
			return bad(field+"seed", b.Seed, "below 2^53, so that every JSON reader keeps it whole")
		case len(b.Modalities) == 0:
			return bad(field+"modalities", "empty", "at least one modality")
		}
		blocks[b.Name] = true
		if err := weight(field+"weight", b.Weight); err != nil {
			return err
		}
		for j, m := range b.Modalities {
			field := fmt.Sprintf("%smodalities[%d].", field, j)
			if !modalityName.MatchString(m.Name) || modalities[m.Name] {
				return bad(field+"name", fmt.Sprintf("%q", m.Name), "a name of its own, "+modalityName.String())
			}
			modalities[m.Name] = true
			if err := errors.Join(weight(field+"weight", m.Weight), weight(field+"lead", m.Lead)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Canonical is the JSON encoding that Fingerprint hashes: sorted names, no white space, shortest numbers.
func (c Config) Canonical() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// Fingerprint is the SHA-256 of Canonical in hexadecimal. It is part of the generation.
func (c Config) Fingerprint() (string, error) {
	data, err := c.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Dim is the number of values of a product vector.
func (c Config) Dim() int {
	sum := 0
	for _, b := range c.Blocks {
		sum += b.Out
	}
	return sum
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
