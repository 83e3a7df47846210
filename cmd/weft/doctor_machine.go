package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"weft/extractors/models"
	"weft/extractors/pixels"
)

// models looks at the runtime, the encoders and the decoders of this machine.
func (c *doctorCmd) models(ctx context.Context, e *examination, a *app) {
	const pull = "run `weft models pull`"
	s, err := c.shelf()
	if !e.judge("model cache", err, "give --cache a folder that can be written, and --models manifests that can be read", "%s", cacheDir(s)) {
		return
	}
	whole := true
	for _, name := range []string{runtimeName, c.Image, c.Text} {
		m, err := s.all.Find(name)
		if err == nil {
			err = verifyFiles(s, m, c.Runtime)
		}
		whole = e.judge("model "+name, err, pull, "present, and as pinned") && whole
	}
	if whole {
		if set, err := c.open(pixels.Go, a.log); e.judge("encoders", err, pull, "can be opened") {
			c.load(ctx, e, set)
		}
	}
	if _, err := pixels.Open(pixels.Exact, pixels.DefaultLimits(), pixels.Libraries{}); err != nil {
		e.add("decoders", checkWarn, "install libturbojpeg 2.1 or newer and libwebp 1.0 or newer: without them photos are decoded by class go, and a bucket of class exact cannot be worked on", "%s", oneLine(err.Error(), 300))
	} else {
		e.add("decoders", checkOK, "", "class exact: TurboJPEG and libwebp")
	}
}

func cacheDir(s modelShelf) string {
	if s.cache == nil {
		return ""
	}
	return s.cache.Dir()
}

// load runs the text encoder's session where encoders are to run: a provider that
// cannot be had shows here, not at the first photo.
func (c *doctorCmd) load(ctx context.Context, e *examination, set *encoderSet) {
	defer func() { _ = set.Close() }()
	err := set.text.Load(ctx)
	if err == nil {
		err = set.image.Load(ctx)
	}
	e.judge("provider "+c.Provider, err, "install the runtime for it (onnxruntime-gpu and the CUDA it names), or give --provider cpu", "both encoders are loaded on it")
}

// verifyFiles holds the files of a model against their pins.
func verifyFiles(s modelShelf, m *models.Manifest, library string) error {
	if m.Modality == models.Runtime {
		if library != "" {
			_, err := os.Stat(library)
			return err
		}
		_, err := s.cache.Library(m)
		return err
	}
	for _, f := range []*models.File{m.Files.Model, m.Files.Tokenizer} {
		if f == nil {
			continue
		}
		if _, err := s.cache.Read(*f); err != nil {
			return err
		}
	}
	return nil
}

// Free room below which the one warns and the other fails.
const (
	littleRoom = 2 << 30
	noRoom     = 200 << 20
)

// disks looks for room where this machine writes.
func (c *doctorCmd) disks(_ context.Context, e *examination, _ *app) {
	dirs := map[string]string{}
	if s, err := c.shelf(); err == nil {
		dirs["disk of the model cache"] = s.cache.Dir()
	}
	if dir := c.bucketDir(); dir != "" {
		dirs["disk of the bucket"] = dir
	}
	for _, name := range []string{"disk of the model cache", "disk of the bucket"} {
		dir, named := dirs[name]
		if !named {
			continue
		}
		free, err := freeIn(dir)
		const do = "make room, or name another folder"
		switch {
		case err != nil:
			e.judge(name, err, "name a folder that is there", "")
		case free < noRoom:
			e.add(name, checkFail, do, "%d MB free at %s", free>>20, dir)
		case free < littleRoom:
			e.add(name, checkWarn, do, "%d MB free at %s", free>>20, dir)
		default:
			e.add(name, checkOK, "", "%d GB free at %s", free>>30, dir)
		}
	}
}

// freeIn is the room for this user on the disk of dir, which may not be there yet.
func freeIn(dir string) (uint64, error) {
	for {
		var st syscall.Statfs_t
		err := syscall.Statfs(dir, &st)
		if err == nil {
			return st.Bavail * uint64(st.Bsize), nil //nolint:unconvert // the type differs by platform
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return 0, fmt.Errorf("%s: %w", dir, err)
		}
		dir = parent
	}
}
