package onnx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"weft/onnx"
	"weft/onnx/onnxtest"
)

// The library keeps a number of this machine and reports of what it ran, and sends them to its makers, unless it is told not to.
func TestTellsNobody(t *testing.T) {
	const child = "ONNX_TEST_CHILD"
	library := onnxtest.Library(t)
	if os.Getenv(child) != "" {
		onnxtest.Session(t, mixed(t), onnx.SessionConfig{})
		return
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTellsNobody$")
	cmd.Env = append(os.Environ(), child+"=1", "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_DATA_HOME="+home, "WEFT_ORT_LIBRARY="+library)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if left, err := filepath.Glob(filepath.Join(home, "*")); err != nil || len(left) > 0 {
		t.Errorf("%v: ONNX Runtime leaves %v", err, left)
	}
}
