// Package models says which encoders weft can run and keeps their files: a
// manifest holds everything needed to run an encoder as its authors did, a
// source says where each file comes from, and the cache holds every file by
// its SHA-256, so that what is loaded is what was pinned.
package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrManifest is wrapped by every error about what a manifest says.
var ErrManifest = errors.New("bad manifest")

// Modality is what an encoder reads.
type Modality string

// The modalities. A Runtime manifest describes the shared library that runs
// the others and encodes nothing.
const (
	Image   Modality = "image"
	Text    Modality = "text"
	Runtime Modality = "runtime"
)

// Manifest describes one encoder, or the runtime library. It is read-only once
// loaded and safe to share.
type Manifest struct {
	Name     string   `json:"name"`
	Modality Modality `json:"modality"`
	// Dim is the length of the vectors, from 1 to 65,536; 0 for the runtime.
	Dim int `json:"dim,omitempty"`
	// Space names the vector space when two manifests share one, as the image
	// and the text tower of a CLIP pair do; empty means a space of its own.
	Space     string `json:"space,omitempty"`
	Precision string `json:"precision,omitempty"` // fp32, fp16 or int8: what the model computes in
	License   string `json:"license"`
	Homepage  string `json:"homepage"`
	Notes     string `json:"notes,omitempty"`

	Files Files `json:"files,omitzero"`
	// Convert names the step that makes Files.Model out of Files.Checkpoint;
	// Files.Model then pins the result and has no source.
	Convert string `json:"convert,omitempty"`

	Image *ImageInput `json:"image,omitempty"`
	Text  *TextInput  `json:"text,omitempty"`

	// Output is the tensor to read: [batch,dim] for pooling none and pooler,
	// [batch,tokens,dim] or [batch,dim,height,width] for the others.
	Output        string `json:"output,omitempty"`
	Pooling       string `json:"pooling,omitempty"`       // none, cls, mean, max or pooler
	Normalisation string `json:"normalisation,omitempty"` // none or l2
	// MaxBatch is the largest batch that the graph accepts; 0 means any.
	MaxBatch int `json:"max_batch,omitempty"`

	Goldens *Goldens `json:"goldens,omitempty"`

	Version   string          `json:"version,omitempty"`   // runtime only
	Platforms map[string]File `json:"platforms,omitempty"` // runtime only, by GOOS/GOARCH

	dir string // folder of a user's manifest, for relative file: sources
}

// Files are the files an encoder is made of.
type Files struct {
	Model      *File `json:"model,omitempty"`
	Checkpoint *File `json:"checkpoint,omitempty"`
	Tokenizer  *File `json:"tokenizer,omitempty"`
}

// File is one pinned file.
type File struct {
	// Source is pip:, hf:, https:, file: or embed:, see ParseSource.
	Source string `json:"source,omitempty"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
	// Wheel pins the package that a pip: source takes the file from.
	Wheel *Wheel `json:"wheel,omitempty"`
	// Name is the file name of a runtime library.
	Name string `json:"name,omitempty"`
}

// Wheel pins a Python package and, where it differs by platform, the tags that
// make pip choose one and the same wheel whatever Python runs.
type Wheel struct {
	SHA256         string `json:"sha256"`
	Size           int64  `json:"size"` // bytes
	Python         string `json:"python,omitempty"`
	Implementation string `json:"implementation,omitempty"`
	ABI            string `json:"abi,omitempty"`
	Platform       string `json:"platform,omitempty"`
}

// ImageInput says how a photo becomes the image tensor.
type ImageInput struct {
	Input string `json:"input"` // name of the graph's input
	Size  int    `json:"size"`  // side of the square the model sees, pixels
	// Resize is the length the shorter side is scaled to before the crop; 0
	// with mode squash.
	Resize int    `json:"resize,omitempty"`
	Mode   string `json:"mode"`   // shortest-crop or squash
	Filter string `json:"filter"` // bicubic, bilinear or lanczos
	// Mean and Std are per channel, in the order of Channels, for pixels
	// divided by Scale: value = (pixel/Scale − Mean)/Std.
	Mean     []float32 `json:"mean"`
	Std      []float32 `json:"std"`
	Scale    float32   `json:"scale,omitempty"`  // 1 (default) or 255
	Channels string    `json:"channels"`         // rgb or bgr
	Layout   string    `json:"layout,omitempty"` // nchw (default) or nhwc
}

// TextInput says how a text becomes the token tensors, all int64 [batch,tokens].
type TextInput struct {
	IDs       string `json:"ids"`              // name of the input for token ids
	Mask      string `json:"mask,omitempty"`   // name of the attention mask input, if the graph has one
	Types     string `json:"types,omitempty"`  // name of the token type input, if the graph has one
	MaxLength int    `json:"max_length"`       // tokens, the special ones included
	PadID     int64  `json:"pad_id,omitempty"` // id of the padding token
	// Padding is longest (of the batch, the default) or max-length, for graphs
	// without a mask that were trained on one length.
	Padding string `json:"padding,omitempty"`
}

// Goldens are inputs with the vectors that the encoder's reference gives.
type Goldens struct {
	// Inputs are photos, one file each, or for text one file of JSON lines
	// {"text":…,"ids":[…]} whose ids (before truncation) may be left out.
	Inputs []File `json:"inputs"`
	// Vectors is a .npy file, float32, one row of Dim values per input.
	Vectors File `json:"vectors"`
}

// Parse reads and validates one manifest. An unknown field, a missing one and
// a value out of range are errors that name the field.
func Parse(data []byte) (*Manifest, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var m Manifest
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one JSON value", ErrManifest)
	}
	m.setDefaults()
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return &m, nil
}

func (m *Manifest) setDefaults() {
	if m.Image != nil {
		if m.Image.Scale == 0 {
			m.Image.Scale = 1
		}
		if m.Image.Layout == "" {
			m.Image.Layout = "nchw"
		}
	}
	if m.Text != nil && m.Text.Padding == "" {
		m.Text.Padding = "longest"
	}
}

// PixelMean and PixelStd return mean and standard deviation in pixel units,
// 0 to 255.
func (in *ImageInput) PixelMean() [3]float32 { return in.pixelUnits(in.Mean) }

// PixelStd is the standard deviation in pixel units, see PixelMean.
func (in *ImageInput) PixelStd() [3]float32 { return in.pixelUnits(in.Std) }

func (in *ImageInput) pixelUnits(v []float32) (out [3]float32) {
	for i := range out {
		out[i] = v[i] * in.Scale
	}
	return out
}

// files lists the encoder's own files by role, in the order they are pulled.
func (m *Manifest) files() []role {
	var all []role
	for _, r := range []role{{"checkpoint", m.Files.Checkpoint}, {"model", m.Files.Model}, {"tokenizer", m.Files.Tokenizer}} {
		if r.file != nil {
			all = append(all, r)
		}
	}
	return all
}

type role struct {
	name string
	file *File
}
