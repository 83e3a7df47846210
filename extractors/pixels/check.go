package pixels

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
)

//go:embed reference/check.jpg
var checkJPEG []byte

//go:embed reference/check.webp
var checkWebP []byte

// SHA-256 of the pictures' RGB bytes as Pillow 13 decodes them.
const (
	checkJPEGSum = "8339572abce9ae03f9f78fc275c3605faaae5ad3ebbbc330961e8024673376d4"
	checkWebPSum = "9c705c9268806515c541e3d0f95698a74c8940d9e33ff77146584ea9f9cf2fc3"
)

// check decodes two small pictures: a library that decodes them otherwise would make
// vectors that claim to be what they are not.
func (d *Decoder) check() error {
	for _, c := range []struct {
		library, sum string
		data         []byte
	}{{"TurboJPEG", checkJPEGSum, checkJPEG}, {"libwebp", checkWebPSum, checkWebP}} {
		info, err := Probe(c.data, Limits{})
		if err != nil {
			return fmt.Errorf("pixels: the built-in check picture: %w", err)
		}
		r, err := d.decode(c.data, &info)
		if err != nil {
			return fmt.Errorf("%w: %s cannot decode a known picture (%v); install its 2.1 or 3 release, or use class %q", ErrLibrary, c.library, err, Go)
		}
		if got := rgbSum(r); got != c.sum {
			return fmt.Errorf("%w: %s decodes a known picture to pixels %.12s… instead of %.12s…; install the usual release, or use class %q", ErrLibrary, c.library, got, c.sum, Go)
		}
		d.buffers.put(r.pix)
	}
	return nil
}

func rgbSum(r raster) string {
	rgb := make([]byte, 0, r.w*r.h*3)
	for i := 0; i < len(r.pix); i += 4 {
		rgb = append(rgb, r.pix[i:i+3]...)
	}
	sum := sha256.Sum256(rgb)
	return hex.EncodeToString(sum[:])
}
