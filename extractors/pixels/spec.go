package pixels

import "fmt"

// Modes of Spec.
const (
	ShortestCrop = "shortest-crop" // shorter side to Resize, then the centre Size x Size
	Squash       = "squash"        // both sides to Size, whatever the aspect
)

// Filters of Spec; all antialias when they shrink.
const (
	Bicubic  = "bicubic" // a = -0.5
	Bilinear = "bilinear"
	Lanczos  = "lanczos" // three lobes
)

// Spec is the geometry that an encoder asks for.
type Spec struct {
	Size   int    // side of the square that comes out, 1 to 4096
	Resize int    // shortest-crop: the shorter side after resizing, Size to 4096; 0 means Size. squash: not used
	Mode   string // ShortestCrop or Squash
	Filter string // Bicubic, Bilinear or Lanczos
}

const maxSize = 4096

// Validate says which field is out of range.
func (s Spec) Validate() error {
	if s.Size < 1 || s.Size > maxSize {
		return fmt.Errorf("pixels: Spec.Size is %d; give 1 to %d", s.Size, maxSize)
	}
	switch s.Mode {
	case ShortestCrop:
		if s.Resize != 0 && (s.Resize < s.Size || s.Resize > maxSize) {
			return fmt.Errorf("pixels: Spec.Resize is %d; give Size (%d) to %d, or 0 for Size", s.Resize, s.Size, maxSize)
		}
	case Squash:
	default:
		return fmt.Errorf("pixels: Spec.Mode is %q; give %q or %q", s.Mode, ShortestCrop, Squash)
	}
	switch s.Filter {
	case Bicubic, Bilinear, Lanczos:
		return nil
	}
	return fmt.Errorf("pixels: Spec.Filter is %q; give %q, %q or %q", s.Filter, Bicubic, Bilinear, Lanczos)
}

// scaled returns the size that a w x h picture is resized to, of which the centre is kept.
func (s Spec) scaled(w, h int) (int, int) {
	if s.Mode == Squash {
		return s.Size, s.Size
	}
	short := s.Resize
	if short == 0 {
		short = s.Size
	}
	if w < h {
		return short, roundHalfEven(h*short, w)
	}
	return roundHalfEven(w*short, h), short
}

// roundHalfEven returns a/b, rounded as Python's round does.
func roundHalfEven(a, b int) int {
	q, r := a/b, a%b
	if 2*r > b || (2*r == b && q%2 == 1) {
		q++
	}
	return q
}
