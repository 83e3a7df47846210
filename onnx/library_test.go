package onnx

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestDamagedLibraryIsNotMapped needs no ONNX Runtime: the test's own program is a file of the same format.
func TestDamagedLibraryIsNotMapped(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkWhole(self); err != nil {
		t.Errorf("a whole file: %v", err)
	}
	dir := t.TempDir()
	if err := checkWhole(dir); err == nil {
		t.Error("a folder was accepted")
	}
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := checkWhole(write("empty", nil)); err == nil {
		t.Error("an empty file was accepted")
	}
	if runtime.GOOS != "linux" { // other systems refuse the rest by themselves
		return
	}
	whole, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkWhole(write("half", whole[:len(whole)/2])); err == nil || !strings.Contains(err.Error(), "trunc") {
		t.Errorf("half a library: %v, want it called truncated", err)
	}
	if err := checkWhole(write("text", []byte("<html>"))); err == nil {
		t.Error("a text was accepted")
	}
}
