package objects

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxKeyBytes is the longest key, as on S3.
const MaxKeyBytes = 1024

// maxSegmentBytes is what the common file systems allow for one name.
const maxSegmentBytes = 255

// ValidateKey reports, wrapping [ErrKey], why key cannot be stored. A key is one or
// more segments joined by single slashes, 1 to 1024 bytes of valid UTF-8 without
// control characters and backslashes. A segment has 1 to 255 bytes, not all of them
// white space, and does not begin with a dot, which rules out ".", ".." and hidden
// files.
func ValidateKey(key string) error {
	if key == "" {
		return fmt.Errorf("%w: empty", ErrKey)
	}
	if len(key) > MaxKeyBytes {
		return fmt.Errorf("%w %.64q…: %d bytes, at most %d are allowed", ErrKey, key, len(key), MaxKeyBytes)
	}
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w %q: not valid UTF-8", ErrKey, key)
	}
	for i := 0; i < len(key); i++ {
		if c := key[i]; c < 0x20 || c == 0x7f || c == '\\' {
			return fmt.Errorf("%w %q: byte %#02x at %d is not allowed", ErrKey, key, c, i)
		}
	}
	for rest := key; ; {
		segment, tail, more := strings.Cut(rest, "/")
		switch {
		case segment == "":
			return fmt.Errorf("%w %q: empty segment; keys have no leading, trailing or double slash", ErrKey, key)
		case strings.TrimSpace(segment) == "":
			return fmt.Errorf("%w %q: a segment of white space", ErrKey, key)
		case segment[0] == '.':
			return fmt.Errorf("%w %q: segment %q begins with a dot", ErrKey, key, segment)
		case len(segment) > maxSegmentBytes:
			return fmt.Errorf("%w %.64q…: a segment of %d bytes, at most %d are allowed", ErrKey, key, len(segment), maxSegmentBytes)
		}
		if !more {
			return nil
		}
		rest = tail
	}
}

// hidden reports whether a listing passes over key: one of its segments begins
// with a dot, or it is the marker some S3 tools leave for an empty folder.
func hidden(key string) bool {
	return key == "" || key[0] == '.' || strings.Contains(key, "/.") || strings.HasSuffix(key, "/")
}

// checkCall is what every call with a key begins with.
func checkCall(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return ValidateKey(key)
}

func (c Condition) validate() error {
	if c.IfAbsent && c.IfMatch != "" {
		return fmt.Errorf("condition: IfAbsent and IfMatch %q exclude each other", c.IfMatch)
	}
	return nil
}

func validateRange(off, n int64) error {
	if off < 0 || n < 1 || off+n < off {
		return fmt.Errorf("%w: offset %d, length %d", ErrRange, off, n)
	}
	return nil
}
