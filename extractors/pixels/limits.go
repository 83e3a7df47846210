package pixels

import "fmt"

// Limits bounds what a file may ask for. They are checked on its headers, before
// anything is decoded.
type Limits struct {
	MaxBytes  int64 // size of the file
	MaxPixels int64 // width times height of the whole picture
	MaxSide   int   // width and height each
	MaxFrames int   // pictures of an animation, though only the first is decoded
}

// DefaultLimits admits any camera's photo: 32 MiB, 64 megapixels, sides up to 30,000,
// animations up to 1,000 frames. A picture at the limit takes about half a gigabyte
// while it is decoded (Info.Memory tells), so a process that decodes in parallel gates
// by that figure or lowers MaxPixels.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 32 << 20, MaxPixels: 64_000_000, MaxSide: 30_000, MaxFrames: 1_000}
}

func (l Limits) withDefaults() Limits {
	def := DefaultLimits()
	if l.MaxBytes == 0 {
		l.MaxBytes = def.MaxBytes
	}
	if l.MaxPixels == 0 {
		l.MaxPixels = def.MaxPixels
	}
	if l.MaxSide == 0 {
		l.MaxSide = def.MaxSide
	}
	if l.MaxFrames == 0 {
		l.MaxFrames = def.MaxFrames
	}
	return l
}

// Bounds beyond which the arithmetic of this package, or the formats, do not go.
const (
	maxPixelsBound = 1 << 28
	maxSideBound   = 1 << 17
)

// Validate says which field is out of range.
func (l Limits) Validate() error {
	switch {
	case l.MaxBytes < 1:
		return fmt.Errorf("pixels: Limits.MaxBytes is %d; give at least 1", l.MaxBytes)
	case l.MaxPixels < 1 || l.MaxPixels > maxPixelsBound:
		return fmt.Errorf("pixels: Limits.MaxPixels is %d; give 1 to %d", l.MaxPixels, maxPixelsBound)
	case l.MaxSide < 1 || l.MaxSide > maxSideBound:
		return fmt.Errorf("pixels: Limits.MaxSide is %d; give 1 to %d", l.MaxSide, maxSideBound)
	case l.MaxFrames < 1:
		return fmt.Errorf("pixels: Limits.MaxFrames is %d; give at least 1", l.MaxFrames)
	}
	return nil
}

func (l Limits) admit(format string, w, h, frames int) error {
	if w < 1 || h < 1 {
		return refuse(Corrupt, "%s: says it is %dx%d pixels", format, w, h)
	}
	if w > l.MaxSide || h > l.MaxSide {
		return refuse(TooManyPixels, "%s: %dx%d pixels, a side may have at most %d", format, w, h, l.MaxSide)
	}
	if int64(w)*int64(h) > l.MaxPixels {
		return refuse(TooManyPixels, "%s: %dx%d pixels, at most %d are allowed", format, w, h, l.MaxPixels)
	}
	if frames > l.MaxFrames {
		return refuse(TooManyFrames, "%s: more than %d frames", format, l.MaxFrames)
	}
	return nil
}
