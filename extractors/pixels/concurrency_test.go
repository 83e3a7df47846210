package pixels

import (
	"bytes"
	"sync"
	"testing"
)

// Many goroutines on one decoder get what one gets, good files between bad ones.
func TestConcurrent(t *testing.T) {
	names := []string{
		"cases/exif-6.jpg", "cases/progressive.jpg", "cases/cmyk.jpg", "cases/alpha.png", "cases/palette.png",
		"cases/lossy.webp", "cases/alpha.webp", "cases/still.gif", "variants/jpeg-gray.jpg", "variants/webp-animated-offset-alpha.webp",
	}
	for _, class := range []Class{Exact, Go} {
		d := open2(t, class)
		var files, want [][]byte
		for _, name := range names {
			data := input(t, name)
			pixels, err := d.Image(data, lite, nil)
			if err != nil {
				t.Fatal(err)
			}
			files, want = append(files, data, data[:len(data)/2]), append(want, pixels, nil)
		}
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				dst := make([]byte, 224*224*3)
				for i := range len(files) {
					at := (i*7 + g*3) % len(files)
					got, err := d.Image(files[at], lite, dst)
					if (err == nil) != (want[at] != nil) || !bytes.Equal(got, want[at]) {
						t.Errorf("class %s, file %d: other pixels than alone (%v)", class, at, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}
