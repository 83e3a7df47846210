package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"weft/fusion/towers"
)

// enter makes --out and keeps others out of it until leave. It refuses to write over a model or somebody's files, and to
// forget a training that was interrupted; and it finds out that nothing can be written there before hours were spent.
func (c *trainCmd) enter(a *app) (leave func(), err error) {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("--out %s: "+format, append([]any{c.Out}, args...)...)
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return nil, fail("%w", err)
	}
	dir, err := os.Open(c.Out)
	if err != nil {
		return nil, fail("%w", err)
	}
	unlock := func() { _ = dir.Close() }
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) { // the kernel lets go of it, however we end
		return nil, fail("another training is under way there: wait for it, or name another folder")
	} // where folders cannot be locked, nobody is kept out
	probe, err := os.CreateTemp(c.Out, ".probe*")
	if err != nil {
		return nil, fail("%w", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, fail("%w", err)
	}
	if _, err := os.Stat(filepath.Join(c.Out, towers.ManifestFile)); err == nil {
		return nil, fail("there is a model already: name another folder, or remove it")
	}
	begun, _ := filepath.Glob(filepath.Join(c.Out, "*.checkpoint"))
	if len(begun) > 0 {
		if !c.Resume {
			return nil, fail("a training was interrupted there: go on with --resume, or name another folder")
		}
		return unlock, nil
	}
	if theirs := c.written(); len(theirs) > 0 {
		return nil, fail("%s would be written over, and no training was begun there: name an empty folder", strings.Join(theirs, ", "))
	}
	if c.Resume {
		a.log.Warn("nothing to resume: no training was begun there, or it was stopped before it saved anything; it begins anew", "out", c.Out)
	}
	return unlock, nil
}

// written are the files of --out that a training would replace.
func (c *trainCmd) written() (names []string) {
	needed, told := towers.Files()
	for _, name := range append(append(needed, told...), "items.npy", "users.npy", "users.ids.txt", towers.ValidationFile, "profile.onnx", "profile.json", "profile.html") {
		if _, err := os.Lstat(filepath.Join(c.Out, name)); err == nil {
			names = append(names, name)
		}
	}
	return names
}
