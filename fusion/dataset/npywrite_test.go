package dataset

import (
	"os"
	"path/filepath"
	"testing"
)

// What is written is read again, and the numbers begin where a caller may rely on.
func TestNPYHeader(t *testing.T) {
	for _, shape := range [][]int{{1}, {7}, {3, 4}, {100, 1}} {
		count, dim := shape[0], 1
		if len(shape) == 2 {
			dim = shape[1]
		}
		head := NPYHeader("<f4", shape...)
		if len(head)%64 != 0 || len(head) != len(NPYHeader("<f4", 1<<31-1, 1<<31-1)) {
			t.Errorf("%v: the numbers begin at byte %d", shape, len(head))
		}
		path := filepath.Join(t.TempDir(), "a.npy")
		if err := os.WriteFile(path, append(head, make([]byte, 4*count*dim)...), 0o600); err != nil {
			t.Fatal(err)
		}
		if data, rows, cols, err := ReadNPY(path); err != nil || rows != count || cols != dim || len(data) != count*dim {
			t.Errorf("%v: %v, %d × %d, %d numbers", shape, err, rows, cols, len(data))
		}
	}
}
