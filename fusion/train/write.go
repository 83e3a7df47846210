package train

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Manifest describes the files of a model, so that a reader needs nothing else. It is manifest.json.
type Manifest struct {
	Format  int       `json:"format"` // 1
	Created time.Time `json:"created"`
	Dim     int       `json:"dim"` // of the served vectors
	// Scale is what lengths of products were divided by; a longer product is clipped to unit length.
	Scale    float32 `json:"scale"`
	ColdBias float32 `json:"cold_bias"` // for a product that nobody had
	Tower    int     `json:"tower_dim"` // numbers of an identity
	Rank     int     `json:"rank"`      // numbers of a residual
	Sources  int     `json:"source_dim"`
	// Modalities are the inputs x.NAME and has.NAME of product.onnx.
	Modalities []ModalityInput `json:"modalities"`
	Blocks     []Member        `json:"blocks"`
	Now        int64           `json:"now,omitempty"` // Unix ms that popularity and ages are of
	// Files have their SHA-256; the manifest is written last, so that a folder with one is whole.
	Files map[string]string `json:"files"`
}

// ModalityInput is a modality that product.onnx reads.
type ModalityInput struct {
	Name string `json:"name"`
	Dim  int    `json:"dim"`
}

// write puts the result into Out: first everything else, then manifest.json. Each file is replaced as a whole.
//
//	product.onnx, user.onnx   the towers (see productModel and userModel for their inputs)
//	items.npy, users.npy      served vectors, × 256, with items.ids.txt and users.ids.txt: user · product is the score
//	identity.npy, bias.npy, residual.npy, sources.npy   per item, what the towers read
//	metrics.json, model-card.md
func (t *training) write(ctx context.Context, m *served) error {
	t.Watch.stage("writing %s", t.Out)
	product, err := m.productModel(t.features)
	if err != nil {
		return err
	}
	user, err := m.userModel()
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	d := m.tower.dim - 1
	manifest := Manifest{Format: 1, Created: time.Now().UTC().Truncate(time.Second), Dim: Dim, Scale: m.scale, Tower: d, Rank: m.rank, Sources: m.sources.Cols,
		Blocks: t.summary.Choice.Members, Files: map[string]string{}}
	for _, p := range t.features {
		manifest.Modalities = append(manifest.Modalities, ModalityInput{p.Name, p.Dim})
	}
	manifest.Now = m.now
	manifest.ColdBias = m.tower.coldBias
	metrics, err := json.MarshalIndent(t.summary, "", "  ")
	if err != nil {
		return err
	}
	put := func(name string, fill func(io.Writer)) {
		if err != nil {
			return
		}
		manifest.Files[name], err = writeFile(filepath.Join(t.Out, name), fill)
	}
	bytes := func(b []byte) func(io.Writer) { return func(w io.Writer) { _, _ = w.Write(b) } }
	put("product.onnx", bytes(product))
	put("user.onnx", bytes(user))
	put("items.npy", array(m.items.Rows, Dim, m.items.Data))
	put("users.npy", array(m.users.Rows, Dim, m.users.Data))
	put("items.ids.txt", lines(t.Data.Items))
	put("users.ids.txt", lines(t.Data.Users))
	put("identity.npy", array(m.items.Rows, d, m.tower.identity))
	put("bias.npy", array(m.items.Rows, 1, m.tower.b))
	put("residual.npy", array(m.items.Rows, m.rank, m.residual.Data))
	put("sources.npy", array(m.items.Rows, m.sources.Cols, m.sources.Data))
	put("metrics.json", bytes(append(metrics, '\n')))
	put("model-card.md", bytes([]byte(t.card(m))))
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	if _, err = writeFile(filepath.Join(t.Out, "manifest.json"), bytes(append(text, '\n'))); err != nil {
		return err
	}
	return t.dropCheckpoints()
}

// writeFile replaces a file as a whole and returns its SHA-256. fill need not look at errors of its writer.
func writeFile(path string, fill func(io.Writer)) (digest string, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	fill(w)
	if err = w.Flush(); err != nil {
		return "", err
	}
	if err = errors.Join(file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), os.Rename(file.Name(), path)
}

func lines(names []string) func(io.Writer) {
	return func(w io.Writer) {
		for _, n := range names {
			_, _ = io.WriteString(w, n+"\n")
		}
	}
}

// array writes a matrix of float32 as .npy, format 1.0.
func array(rows, cols int, data []float32) func(io.Writer) {
	return func(w io.Writer) {
		header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, cols)
		header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n" // data begin at a multiple of 64
		_, _ = w.Write([]byte("\x93NUMPY\x01\x00"))
		_, _ = w.Write([]byte{byte(len(header)), byte(len(header) >> 8)})
		_, _ = io.WriteString(w, header)
		writeFloats(w, data)
	}
}
