package onnx

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// checkWhole looks at a library before the loader maps it, because reading past the end of a truncated file would end the
// process instead of giving an error.
func checkWhole(path string) error {
	stat, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !stat.Mode().IsRegular() || stat.Size() == 0 {
		return errors.New("it is not a file with content")
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("it is truncated, or not a shared library: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if end := p.Off + p.Filesz; p.Type == elf.PT_LOAD && (end < p.Off || end > uint64(stat.Size())) {
			return fmt.Errorf("it is truncated: %d bytes, want at least %d", stat.Size(), end)
		}
	}
	return nil
}
