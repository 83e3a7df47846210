package efficientnet

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"weft/onnx"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

const (
	checkpointSHA = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
	modelSHA      = "MODELSHA"
	goldens       = 7
)

// checkpoint reads the published file: WEFT_EFFICIENTNET_CHECKPOINT if that is set, otherwise from the models cache.
func checkpoint(t testing.TB) []byte {
	t.Helper()
	path := os.Getenv("WEFT_EFFICIENTNET_CHECKPOINT")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("cache directory: %v", err)
		}
		path = filepath.Join(cache, "weft", "blobs", "sha256", checkpointSHA)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("EfficientNet-Lite0 checkpoint: %v: run `make models`", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != checkpointSHA {
		t.Fatalf("%s has SHA-256 %x, want %s: run `make models`", path, sum, checkpointSHA)
	}
	return b
}

// converted is the model of the published checkpoint, made once for all tests.
var converted = sync.OnceValues(func() ([]byte, error) { return nil, nil })

func convert(t testing.TB) []byte {
	t.Helper()
	b := checkpoint(t)
	model, err := Convert(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func unzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
