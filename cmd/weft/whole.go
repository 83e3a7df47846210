package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// newWhole begins a file that appears whole or not at all: CloseAtomicallyReplace puts it into place, Cleanup gives it up.
// A link is followed. What is there and no regular file is not replaced: that is an error.
func newWhole(path string) (*renameio.PendingFile, error) {
	path, regular := resolved(path)
	if !regular {
		return nil, fmt.Errorf("%s is no regular file: name one, it is written aside and then takes that name", path)
	}
	return renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o644))
}

// writeWhole writes one; a file that is there keeps its permissions. A device or a pipe is written to.
func writeWhole(path string, body []byte) error {
	path, regular := resolved(path)
	if !regular {
		return os.WriteFile(path, body, 0o644)
	}
	return renameio.WriteFile(path, body, 0o644, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o644))
}

// resolved follows links. regular is false for what is there and may not be replaced.
func resolved(path string) (_ string, regular bool) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return path, false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path, true
}
