package main

import (
	"path/filepath"

	"github.com/google/renameio/v2"
)

// newWhole begins a file that appears whole or not at all: CloseAtomicallyReplace puts it into place, Cleanup gives it up.
func newWhole(path string) (*renameio.PendingFile, error) {
	return renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o644))
}

// writeWhole writes one. A file that is there keeps its permissions.
func writeWhole(path string, body []byte) error {
	return renameio.WriteFile(path, body, 0o644, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o644))
}
