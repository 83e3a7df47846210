package pixels

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzImage feeds both classes. Whatever the bytes, the answer is a picture or a refusal
// with a code, and the same one each time.
func FuzzImage(f *testing.F) {
	names, err := filepath.Glob("testdata/variants/*")
	if err != nil || len(names) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 12<<10 {
			f.Add(data, byte(len(data)))
		}
	}
	f.Add([]byte("<html>"), byte(0))
	lim := Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 18, MaxSide: 4096, MaxFrames: 20}
	var decoders []*Decoder
	for _, class := range []Class{Exact, Go} {
		d, err := Open(class, lim, Libraries{})
		if err != nil {
			f.Fatal(err)
		}
		decoders = append(decoders, d)
	}
	specs := []Spec{
		{Size: 8, Resize: 11, Mode: ShortestCrop, Filter: Bicubic},
		{Size: 13, Mode: Squash, Filter: Lanczos},
		{Size: 9, Mode: ShortestCrop, Filter: Bilinear},
	}
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		s := specs[int(which)%len(specs)]
		for _, d := range decoders {
			got, err := d.Image(data, s, nil)
			if err == nil && len(got) != s.Size*s.Size*3 || err != nil && !known(codeOf(err)) {
				t.Fatalf("class %s: %d bytes, %v", d.Class(), len(got), err)
			}
			again, err2 := d.Image(data, s, nil)
			if !bytes.Equal(got, again) || codeOf(err) != codeOf(err2) {
				t.Fatalf("class %s: once %v, then %v", d.Class(), err, err2)
			}
		}
	})
}
