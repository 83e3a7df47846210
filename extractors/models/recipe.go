package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Versions of weft's own preprocessing. Raise one when a change can alter the
// tensors that reach a model: every recipe changes with it.
const (
	imagePreprocessing = 1
	textPreprocessing  = 1
)

// recipe is everything that decides what vector an input gets. What does not
// decide it stays out: the name, where files come from, the provider, how
// batches form.
type recipe struct {
	Version       int         `json:"version"`
	Modality      Modality    `json:"modality"`
	Decoder       string      `json:"decoder,omitempty"`
	Model         string      `json:"model"`
	Tokenizer     string      `json:"tokenizer,omitempty"`
	Dim           int         `json:"dim"`
	Precision     string      `json:"precision"`
	Output        string      `json:"output"`
	Pooling       string      `json:"pooling"`
	Normalisation string      `json:"normalisation"`
	Image         *ImageInput `json:"image,omitempty"`
	Text          *TextInput  `json:"text,omitempty"`
}

// Recipe is the fingerprint of how vectors are made: the first 16 hex digits of
// the SHA-256 over the JSON of preprocessing version, modality, decoder class
// (photos only; it is ignored for text), SHA-256 of model and tokenizer, dim,
// precision, output, pooling, normalisation and the image or text section.
// Two features with one recipe may stand beside each other; a feature of
// another recipe has to be made again. It is empty for the runtime.
func (m *Manifest) Recipe(decoder string) string {
	if m.Modality == Runtime {
		return ""
	}
	r := recipe{
		Modality: m.Modality, Model: m.Files.Model.SHA256, Dim: m.Dim, Precision: m.Precision,
		Output: m.Output, Pooling: m.Pooling, Normalisation: m.Normalisation, Image: m.Image, Text: m.Text,
	}
	switch m.Modality {
	case Image:
		r.Version, r.Decoder = imagePreprocessing, decoder
	case Text:
		r.Version, r.Tokenizer = textPreprocessing, m.Files.Tokenizer.SHA256
	}
	canonical, err := json.Marshal(r)
	if err != nil {
		// Only a NaN could do this, and Validate lets none through.
		panic("models: recipe: " + err.Error())
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:8])
}
