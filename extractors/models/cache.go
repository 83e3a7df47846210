package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/renameio/v2"
)

// Errors of the cache, for errors.Is.
var (
	ErrAbsent   = errors.New("not in the model cache, run `weft models pull`")
	ErrMismatch = errors.New("content differs from its pin")
)

// Config says where the cache lies and how it fetches.
type Config struct {
	Dir         string       // default DefaultDir
	Python      string       // interpreter whose pip fetches pip: sources, default python3
	HuggingFace string       // base address of hf: sources, default https://huggingface.co
	HTTP        *http.Client // for hf: and https: sources, default http.DefaultClient
}

// DefaultDir is the folder weft below the user's cache folder.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the model cache, name one: %w", err)
	}
	return filepath.Join(dir, "weft"), nil
}

// Validate reports the first value that cannot work.
func (c Config) Validate() error {
	if c.HuggingFace != "" && !strings.HasPrefix(c.HuggingFace, "https://") && !strings.HasPrefix(c.HuggingFace, "http://") {
		return fmt.Errorf("model cache: HuggingFace: %q is not an http or https address", c.HuggingFace)
	}
	return nil
}

// Cache holds files by content: blobs/sha256/HASH, and the runtime library
// under a name that the loader can show. Every file is hashed again whenever it
// is read (about 1 ms per MB), so that a flipped byte is found at load and not
// in the vectors. A Cache is safe for concurrent use, by many processes too.
type Cache struct {
	cfg  Config
	free func(dir string) (uint64, error)
}

// Open returns the cache; it neither touches the disk nor fetches.
func Open(cfg Config) (*Cache, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Dir == "" {
		dir, err := DefaultDir()
		if err != nil {
			return nil, err
		}
		cfg.Dir = dir
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("model cache: Dir: %w", err)
	}
	cfg.Dir = dir
	if cfg.Python == "" {
		cfg.Python = "python3"
	}
	if cfg.HuggingFace == "" {
		cfg.HuggingFace = "https://huggingface.co"
	}
	cfg.HuggingFace = strings.TrimSuffix(cfg.HuggingFace, "/")
	if cfg.HTTP == nil {
		cfg.HTTP = http.DefaultClient
	}
	return &Cache{cfg: cfg, free: freeBytes}, nil
}

// Dir is the folder of the cache.
func (c *Cache) Dir() string { return c.cfg.Dir }

// Path is where the cache keeps a file's content; nothing is there before Pull,
// and never for embed: sources.
func (c *Cache) Path(f File) string {
	return filepath.Join(c.cfg.Dir, "blobs", "sha256", f.SHA256)
}

// libraryPath is where the runtime library of this platform lies.
func (c *Cache) libraryPath(m *Manifest, f File) string {
	folder := fmt.Sprintf("%s-%s-%s-%s", m.Name, m.Version, runtime.GOOS, runtime.GOARCH)
	return filepath.Join(c.cfg.Dir, "runtime", folder, f.Name)
}

// Read returns a file's bytes after holding them against their pin. The error
// wraps ErrAbsent or ErrMismatch.
func (c *Cache) Read(f File) ([]byte, error) {
	var data []byte
	var err error
	where := f.Source
	if src, perr := ParseSource(f.Source); perr == nil && src.Scheme == "embed" {
		data, err = builtin.ReadFile("builtin/" + src.Path)
	} else {
		where = c.Path(f)
		data, err = os.ReadFile(where)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s (%s): %w", where, describe(f), ErrAbsent)
	}
	if err != nil {
		return nil, fmt.Errorf("model cache: %w", err)
	}
	sum := sha256.Sum256(data)
	if err := checkPin(f.SHA256, f.Size, hex.EncodeToString(sum[:]), int64(len(data))); err != nil {
		return nil, fmt.Errorf("%s (%s): %w; run `weft models pull` to fetch it again", where, describe(f), err)
	}
	return data, nil
}

// Library returns the path of the runtime library after holding the file
// against its pin. The error wraps ErrAbsent, ErrMismatch or ErrUnknown.
func (c *Cache) Library(m *Manifest) (string, error) {
	f, err := m.Library()
	if err != nil {
		return "", err
	}
	path := c.libraryPath(m, f)
	switch err := checkFile(path, f); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s (%s): %w", path, describe(f), ErrAbsent)
	case errors.Is(err, ErrMismatch):
		return "", fmt.Errorf("%s (%s): %w; run `weft models pull` to fetch it again", path, describe(f), err)
	case err != nil:
		return "", fmt.Errorf("model cache: %w", err)
	}
	return path, nil
}

// Present reports whether every file that running m needs is there, by size.
func (c *Cache) Present(m *Manifest) bool {
	for path, f := range c.needs(m) {
		if info, err := os.Stat(path); err != nil || info.Size() != f.Size {
			return false
		}
	}
	if m.Modality == Runtime {
		_, err := m.Library()
		return err == nil
	}
	return true
}

// needs lists the files that running m takes from the disk, by path.
func (c *Cache) needs(m *Manifest) map[string]File {
	files := map[string]File{}
	add := func(f *File) {
		if f != nil && !strings.HasPrefix(f.Source, "embed:") {
			files[c.Path(*f)] = *f
		}
	}
	add(m.Files.Model)
	add(m.Files.Tokenizer)
	if m.Goldens != nil {
		for i := range m.Goldens.Inputs {
			add(&m.Goldens.Inputs[i])
		}
		add(&m.Goldens.Vectors)
	}
	if f, err := m.Library(); m.Modality == Runtime && err == nil {
		files[c.libraryPath(m, f)] = f
	}
	return files
}

// describe names a file in a message.
func describe(f File) string {
	if f.Source == "" {
		return "converted model"
	}
	return f.Source
}

// checkFile holds a file on disk against its pin.
func checkFile(path string, f File) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	d := newDigest()
	if _, err := io.Copy(d, r); err != nil {
		return err
	}
	return d.check(f.SHA256, f.Size)
}

// digest counts and hashes what is written to it.
type digest struct {
	hash hash.Hash
	n    int64
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return d.hash.Write(p)
}

func (d *digest) check(sum string, size int64) error {
	return checkPin(sum, size, hex.EncodeToString(d.hash.Sum(nil)), d.n)
}

func checkPin(wantSum string, wantSize int64, sum string, size int64) error {
	if sum == wantSum && size == wantSize {
		return nil
	}
	return fmt.Errorf("%w: %d bytes with SHA-256 %s, want %d with %s", ErrMismatch, size, sum, wantSize, wantSum)
}

// place writes what r holds to path: whole and as pinned, or not at all. The
// temporary file lies in tmp, on the file system of path.
func place(tmp, path string, f File, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	w, err := renameio.NewPendingFile(path, renameio.WithTempDir(tmp), renameio.WithStaticPermissions(0o644))
	if err != nil {
		return err
	}
	defer func() { _ = w.Cleanup() }()
	d := newDigest()
	if _, err := io.Copy(io.MultiWriter(w, d), io.LimitReader(r, f.Size+1)); err != nil {
		return err
	}
	if err := d.check(f.SHA256, f.Size); err != nil {
		return err
	}
	return w.CloseAtomicallyReplace()
}

func placeBytes(tmp, path string, f File, data []byte) error {
	return place(tmp, path, f, bytes.NewReader(data))
}
