package towers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"weft/fusion/dataset"
)

// ErrModel marks a model that cannot be used: a file is missing or damaged, or it does not fit what it is to read.
var ErrModel = errors.New("trained model cannot be used")

// Version is raised with any change to what is given to a model (pooling, ages, what counts as a choice): it is part of a
// generation, as the model is.
const Version = 2

// ManifestFile is written last, so that a folder with one is whole.
const ManifestFile = "manifest.json"

// FittedOnAll is a model that has seen the test part and cannot be measured on it.
const FittedOnAll = "train, validation and test"

// Manifest describes the files of a model, so that a reader needs nothing else.
type Manifest struct {
	Format  int       `json:"format"` // 1
	Created time.Time `json:"created"`
	Dim     int       `json:"dim"` // of the served vectors
	// Scale is what lengths of products were divided by; a longer product is clipped to unit length.
	Scale float32 `json:"scale"`
	// ColdBias and ColdResidual (Rank numbers) are for a product that nobody had: how sought-after the new are.
	ColdBias     float32   `json:"cold_bias"`
	ColdResidual []float32 `json:"cold_residual"`
	Tower        int       `json:"tower_dim"` // numbers of an identity, and of content
	Rank         int       `json:"rank"`      // numbers of a residual
	Sources      int       `json:"source_dim"`
	// Modalities are the inputs x.NAME and has.NAME of product.onnx.
	Modalities []ModalityInput `json:"modalities"`
	Blocks     []Member        `json:"blocks"`
	Now        int64           `json:"now,omitempty"` // Unix ms that popularity and ages are of
	// Strength is what a choice of a history counts, by its weight: the numbers of the input mask.
	Strength dataset.Strength `json:"strength,omitzero"`
	// FittedOn names the parts of the data that weft train fitted it on, FittedOnAll with the test part; "" is not known.
	FittedOn string `json:"fitted_on,omitempty"`
	// Files have their SHA-256.
	Files map[string]string `json:"files"`
}

// ModalityInput is a modality that product.onnx reads.
type ModalityInput struct {
	Name string `json:"name"`
	Dim  int    `json:"dim"`
}

// Member is a block of the model and its weight beside the others.
type Member struct {
	Name   string  `json:"name"`
	Weight float32 `json:"weight"`
}

// The files that serving reads; a model's folder may hold more.
const (
	productFile  = "product.onnx"
	userFile     = "user.onnx"
	idsFile      = "items.ids.txt"
	identityFile = "identity.npy"
	biasFile     = "bias.npy"
	countsFile   = "counts.npy"
	residualFile = "residual.npy"
	sourcesFile  = "sources.npy"
)

// Files are those of a model's folder that serving needs, beside its manifest, and those that say how good it is.
func Files() (needed, told []string) {
	return []string{productFile, userFile, idsFile, identityFile, biasFile, countsFile, residualFile, sourcesFile}, []string{"metrics.json", "model-card.md"}
}

// ReadManifest reads and checks the manifest of a model's folder, not its files. fingerprint is the SHA-256 of the
// manifest in hexadecimal: it names the model, since the manifest holds the digest of every file.
func ReadManifest(dir string) (m Manifest, fingerprint string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, os.ErrNotExist) {
		return m, "", fmt.Errorf("%w: %s holds no %s: is it the --out of a `weft train` that has ended?", ErrModel, dir, ManifestFile)
	}
	if err != nil {
		return m, "", err
	}
	sum := sha256.Sum256(text)
	if err := json.Unmarshal(text, &m); err != nil {
		return m, "", fmt.Errorf("%w: %s: %v", ErrModel, filepath.Join(dir, ManifestFile), err)
	}
	return m, hex.EncodeToString(sum[:]), m.validate()
}

func (m *Manifest) validate() error {
	bad := func(field string, value any, want string) error {
		return fmt.Errorf("%w: manifest: %s is %v, want %s", ErrModel, field, value, want)
	}
	switch {
	case m.Format != 1:
		return bad("format", m.Format, "1; a newer weft may read it")
	case m.Dim < 2 || m.Dim > 1<<16:
		return bad("dim", m.Dim, "2 to 65536")
	case m.Tower < 1 || m.Rank < 1 || m.Sources < 1:
		return bad("tower_dim, rank or source_dim", []int{m.Tower, m.Rank, m.Sources}, "at least 1 each")
	}
	if len(m.ColdResidual) != m.Rank {
		return bad("cold_residual", fmt.Sprintf("%d numbers", len(m.ColdResidual)), fmt.Sprintf("rank, %d", m.Rank))
	}
	needed, _ := Files()
	for _, name := range needed {
		if m.Files[name] == "" {
			return bad("files", fmt.Sprintf("without %s", name), "it there with its SHA-256: train the model again")
		}
	}
	return nil
}

// Fits checks that the model reads features that are made: dims holds the length of each modality's features.
func (m *Manifest) Fits(dims map[string]int) error {
	for _, in := range m.Modalities {
		dim, known := dims[in.Name]
		switch {
		case !known:
			return fmt.Errorf("%w: it reads the modality %q, which nothing here makes: train it on the features of this catalogue", ErrModel, in.Name)
		case dim != in.Dim:
			return fmt.Errorf("%w: it reads %d values of %s, the generation's encoder gives %d: train it on features of the same encoders", ErrModel, in.Dim, in.Name, dim)
		}
	}
	return nil
}

// CheckFiles holds the files that serving needs against the digests of the manifest.
func (m *Manifest) CheckFiles(dir string) error {
	needed, _ := Files()
	return m.check(dir, needed)
}

// CheckVectors does the same for the served vectors and their ids, as far as the manifest names them.
func (m *Manifest) CheckVectors(dir string) error {
	var named []string
	for _, name := range []string{"items.npy", "items.ids.txt", "users.npy", "users.ids.txt"} {
		if m.Files[name] != "" {
			named = append(named, name)
		}
	}
	return m.check(dir, named)
}

func (m *Manifest) check(dir string, names []string) error {
	for _, name := range names {
		sum, err := digest(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
		if sum != m.Files[name] {
			return fmt.Errorf("%w: %s is damaged: its SHA-256 is %.12s…, the manifest says %.12s…", ErrModel, filepath.Join(dir, name), sum, m.Files[name])
		}
	}
	return nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
