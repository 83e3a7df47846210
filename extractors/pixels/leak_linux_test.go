package pixels

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
)

func residentBytes(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Fscan(bytes.NewReader(b), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}

// What C allocates it gives back, on success and on every kind of failure.
func TestNoLeak(t *testing.T) {
	d := open2(t, Exact)
	jpg, progressive := input(t, "variants/jpeg-420.jpg"), input(t, "variants/jpeg-progressive-440.jpg")
	webp := input(t, "variants/webp-alpha.webp")
	files := [][]byte{
		jpg, progressive, input(t, "variants/jpeg-ycck-420.jpg"), webp,
		hole(jpg, len(jpg)*2/3, len(jpg)-len(jpg)*2/3-2), hole(progressive, 800, 300), withoutTables(t, jpg),
		hole(jpg, 160, 9), flipped(webp, 60), flipped(webp, len(webp)-40),
	}
	s := Spec{Size: 16, Mode: Squash, Filter: Bicubic}
	dst := make([]byte, 16*16*3)
	failed := 0
	loop := func(n int) {
		for range n {
			for _, data := range files {
				if _, err := d.Image(data, s, dst); err != nil {
					failed++
				}
			}
		}
	}
	loop(200)
	debug.FreeOSMemory()
	before := residentBytes(t)
	failed = 0
	const rounds = 2000
	loop(rounds)
	debug.FreeOSMemory()
	// A handle that is not destroyed keeps some 8 KB: 8,000 failures would show as 64 MB.
	if grown := residentBytes(t) - before; grown > 8<<20 {
		t.Errorf("%d decodes left %d bytes behind", rounds*len(files), grown)
	}
	if failed < 4*rounds {
		t.Errorf("only %d of the broken files failed", failed)
	}
}
