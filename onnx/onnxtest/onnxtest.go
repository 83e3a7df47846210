// Package onnxtest finds ONNX Runtime for tests.
package onnxtest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"weft/onnx"
)

// version of the library that the project pins.
const version = "1.32.0"

// Library returns the path of libonnxruntime: WEFT_ORT_LIBRARY if that is set, otherwise the file in the models cache. A test
// without it fails, because a skipped test would prove nothing.
func Library(t testing.TB) string {
	t.Helper()
	path := os.Getenv("WEFT_ORT_LIBRARY")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("cache directory: %v", err)
		}
		name := "libonnxruntime.so." + version
		if runtime.GOOS == "darwin" {
			name = "libonnxruntime." + version + ".dylib"
		}
		path = filepath.Join(cache, "weft", "runtime", "onnxruntime-"+version+"-"+runtime.GOOS+"-"+runtime.GOARCH, name)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("ONNX Runtime %s: %v: run `make models`", version, err)
	}
	return path
}

// Open loads the library for the CPU.
func Open(t testing.TB) *onnx.Runtime {
	t.Helper()
	r, err := onnx.Open(onnx.Config{Library: Library(t)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Session loads a model for the CPU and closes it when the test ends.
func Session(t testing.TB, model []byte, c onnx.SessionConfig) *onnx.Session {
	t.Helper()
	s, err := Open(t).NewSession(model, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the test may have closed it already
	return s
}
