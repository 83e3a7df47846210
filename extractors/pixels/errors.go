package pixels

import (
	"bytes"
	"fmt"
)

// Codes of Error: a closed list.
const (
	Empty         = "empty"           // no bytes
	NotAnImage    = "not_an_image"    // no image format starts like this
	Unsupported   = "unsupported"     // an image, of a format or variant that is not decoded
	Truncated     = "truncated"       // ends before its format says it should
	Corrupt       = "corrupt"         // contradicts its format
	TooManyBytes  = "too_many_bytes"  // beyond Limits.MaxBytes
	TooManyPixels = "too_many_pixels" // beyond Limits.MaxPixels or MaxSide
	TooManyFrames = "too_many_frames" // beyond Limits.MaxFrames
)

// Error says why an image was refused. The same file is refused with the same code
// every time.
type Error struct {
	Code string // one of the constants above
	Msg  string // what was found, for people
}

func (e *Error) Error() string { return "pixels: " + e.Code + ": " + e.Msg }

// Is reports whether target is an *Error of the same code, so that
// errors.Is(err, &Error{Code: Truncated}) asks for the reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Msg == "" || t.Msg == e.Msg)
}

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// panicSite finds the line that panicked in a stack trace, for the message.
func panicSite(stack []byte) string {
	_, after, ok := bytes.Cut(stack, []byte("\npanic("))
	if !ok {
		return "place unknown"
	}
	for l := range bytes.Lines(after) {
		// Paths begin at the root, or, in a program built with -trimpath, at the package.
		if i := bytes.LastIndexByte(l, '/'); i >= 0 && bytes.Contains(l, []byte(".go:")) && !bytes.Contains(l, []byte("/runtime/")) && !bytes.HasPrefix(l, []byte("\truntime/")) {
			site, _, _ := bytes.Cut(l[i+1:], []byte(" "))
			return string(site)
		}
	}
	return "place unknown"
}
