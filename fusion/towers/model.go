package towers

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"weft/fusion"
	"weft/fusion/dataset"
	"weft/onnx"
)

// Config says where a model is.
type Config struct {
	Runtime *onnx.Runtime
	Dir     string // with the files; they must not change while the model is open
	// Concat is the generation's untrained fusion: it says what products look like where the model does not. nil will do for a
	// model with the output content.
	Concat *fusion.Concat
}

// Model is a trained fusion. It is safe for concurrent use. Whoever opened it closes it, when no call is under way.
type Model struct {
	manifest      Manifest
	fingerprint   string
	concat        *fusion.Concat
	product, user *onnx.Session
	hasContent    bool
	hasSource     bool

	rows map[string]int // of the tables, by product; only products that somebody had

	identity, bias, residual, sources *dataset.Rows
}

// Open checks the files of a model and loads it.
func Open(c Config) (_ *Model, err error) {
	if c.Runtime == nil || c.Dir == "" {
		return nil, fmt.Errorf("%w: Runtime and Dir are required", ErrModel)
	}
	m := &Model{concat: c.Concat}
	defer func() {
		if err != nil {
			_ = m.Close()
		}
	}()
	if m.manifest, m.fingerprint, err = ReadManifest(c.Dir); err != nil {
		return nil, err
	}
	if err := m.manifest.CheckFiles(c.Dir); err != nil {
		return nil, err
	}
	if err := m.openTables(c.Dir); err != nil {
		return nil, err
	}
	if m.product, err = openSession(c, productFile); err != nil {
		return nil, err
	}
	if m.user, err = openSession(c, userFile); err != nil {
		return nil, err
	}
	if err := checkSignature(productFile, m.product, m.manifest.productGiven(), m.manifest.outputs()); err != nil {
		return nil, err
	}
	if err := checkSignature(userFile, m.user, m.manifest.userGiven(), m.manifest.outputs()); err != nil {
		return nil, err
	}
	for _, o := range m.product.Outputs() {
		m.hasContent = m.hasContent || o.Name == contentOutput
		m.hasSource = m.hasSource || o.Name == sourceOutput
	}
	if !m.hasContent && c.Concat == nil {
		return nil, fmt.Errorf("%w: it has no output %s: Concat is required", ErrModel, contentOutput)
	}
	return m, nil
}

func openSession(c Config, name string) (*onnx.Session, error) {
	body, err := os.ReadFile(filepath.Join(c.Dir, name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	s, err := c.Runtime.NewSession(body, onnx.SessionConfig{})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrModel, name, err)
	}
	return s, nil
}

// openTables opens what belongs to single products.
func (m *Model) openTables(dir string) error {
	ids, err := readLines(filepath.Join(dir, idsFile))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrModel, err)
	}
	counts, err := dataset.OpenRows(filepath.Join(dir, countsFile))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrModel, err)
	}
	defer func() { _ = counts.Close() }()
	if counts.Count != len(ids) || counts.Dim != 1 {
		return fmt.Errorf("%w: %s is %d × %d, want %d × 1, a row for each product", ErrModel, countsFile, counts.Count, counts.Dim, len(ids))
	}
	m.rows = make(map[string]int, len(ids))
	var n [1]float32
	for i, id := range ids {
		if err := counts.Row(i, n[:]); err != nil {
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
		if n[0] > 0 {
			m.rows[id] = i
		}
	}
	for _, t := range []struct {
		name  string
		dim   int
		table **dataset.Rows
	}{{identityFile, m.manifest.Tower, &m.identity}, {biasFile, 1, &m.bias}, {residualFile, m.manifest.Rank, &m.residual}, {sourcesFile, m.manifest.Sources, &m.sources}} {
		rows, err := dataset.OpenRows(filepath.Join(dir, t.name))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
		if *t.table = rows; rows.Count != len(ids) || rows.Dim != t.dim {
			return fmt.Errorf("%w: %s is %d × %d, want %d × %d", ErrModel, t.name, rows.Count, rows.Dim, len(ids), t.dim)
		}
	}
	return nil
}

func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var lines []string
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		lines = append(lines, scan.Text())
	}
	return lines, scan.Err()
}

// Dim is the length of the vectors in ranking space.
func (m *Model) Dim() int { return m.manifest.Dim }

// Manifest describes the model.
func (m *Model) Manifest() Manifest { return m.manifest }

// Fingerprint is the model's name: the SHA-256 of its manifest.
func (m *Model) Fingerprint() string { return m.fingerprint }

// Knows tells whether somebody had the product when the model was trained.
func (m *Model) Knows(product string) bool { _, ok := m.rows[product]; return ok }

// Close frees the model. It may be called again.
func (m *Model) Close() error {
	var errs []error
	for _, s := range []*onnx.Session{m.product, m.user} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	for _, t := range []*dataset.Rows{m.identity, m.bias, m.residual, m.sources} {
		if t != nil {
			errs = append(errs, t.Close())
		}
	}
	m.product, m.user, m.identity, m.bias, m.residual, m.sources = nil, nil, nil, nil, nil, nil
	return errors.Join(errs...)
}
