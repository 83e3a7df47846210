package objects_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

func BenchmarkDir(b *testing.B) {
	objecttest.Bench(b, func(b *testing.B) objects.Store { return openDir(b) })
}

// BenchmarkDirList20000 lists a catalogue of 20,000 photos, by photos in a folder.
func BenchmarkDirList20000(b *testing.B) {
	const n = 20_000
	for _, each := range []int{1, 10, n} {
		b.Run(fmt.Sprint(each), func(b *testing.B) {
			d := openDir(b)
			for i := range n {
				name := filepath.Join(d.Root(), "media", fmt.Sprintf("product-%05d", i/each), fmt.Sprintf("%05d.jpg", i%each))
				if i%each == 0 {
					if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
						b.Fatal(err)
					}
				}
				if err := os.WriteFile(name, []byte("x"), 0o666); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				objecttest.BenchList(b, d, n)
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/list")
		})
	}
}
