package tasks

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// Part is one object that a product vector was made of.
type Part struct {
	Key  string // below the tenant
	ETag string
}

// Sources digests the parts of a product in the order given (the order of the
// listing): 32 hex digits. Two equal digests mean that a vector made of one
// list of parts is current for the other. No parts have no digest.
func Sources(parts []Part) string {
	if len(parts) == 0 {
		return ""
	}
	h := sha256.New()
	for _, p := range parts {
		_, _ = io.WriteString(h, p.Key)
		_, _ = h.Write([]byte{0})
		_, _ = io.WriteString(h, p.ETag)
		_, _ = h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
