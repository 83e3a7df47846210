package tables

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"os"
	"path/filepath"
)

// folder is a folder that is filled aside and published whole: manifest last.
type folder struct {
	dir   string
	aside string
	names []string
}

func newFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	aside, err := os.MkdirTemp(dir, ".weft-split-*")
	if err != nil {
		return nil, err
	}
	return &folder{dir: dir, aside: aside}, nil
}

func (t *folder) discard() { _ = os.RemoveAll(t.aside) }

func (t *folder) create(name string) (*tableFile, error) {
	f, err := os.OpenFile(filepath.Join(t.aside, name), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	t.names = append(t.names, name)
	return &tableFile{name: name, f: f, sum: sha256.New()}, nil
}

// file writes a small file whole.
func (t *folder) file(name string, body []byte, m *Manifest) error {
	f, err := t.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	return errors.Join(err, f.close(m))
}

// publish moves everything into place. Who finds a manifest finds the tables that it
// describes: an earlier one is removed first.
func (t *folder) publish(m *Manifest) error {
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(t.dir, ManifestName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, name := range t.names {
		if err := os.Rename(filepath.Join(t.aside, name), filepath.Join(t.dir, name)); err != nil {
			return err
		}
	}
	aside := filepath.Join(t.aside, ManifestName)
	if err := os.WriteFile(aside, append(body, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(aside, filepath.Join(t.dir, ManifestName))
}

// tableFile counts and hashes what goes into a file.
type tableFile struct {
	name string
	f    *os.File
	sum  hash.Hash
	n    int64
	rows int
}

// Write is io.Writer's.
func (f *tableFile) Write(b []byte) (int, error) {
	n, err := f.f.Write(b)
	f.sum.Write(b[:n])
	f.n += int64(n)
	return n, err
}

func (f *tableFile) close(m *Manifest) error {
	m.Files[f.name] = File{Rows: f.rows, Bytes: f.n, SHA256: hex.EncodeToString(f.sum.Sum(nil))}
	return f.f.Close()
}
