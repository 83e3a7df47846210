package behaviour

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"weft/tasks"
)

// ErrInflated: content that was compressed is larger than anybody would send.
var ErrInflated = errors.New("the content is larger than allowed once it is unpacked")

// MaxFileBytes bounds the unpacked content of one file.
const MaxFileBytes = 64 << 30

// Unpack undoes gzip where the content begins as gzip does, and gives up with
// ErrInflated beyond max bytes.
func Unpack(r io.Reader, max int64) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
		return &bounded{b, max, max}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return &bounded{z, max, max}, nil
}

type bounded struct {
	r         io.Reader
	left, max int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("%w: %d bytes", ErrInflated, b.max)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Broken tells what is wrong with the content itself where reading it failed; nil
// means that reading failed for another cause, and may be tried again.
func Broken(err error) *Fault {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault(tasks.ReasonTruncated, "", "", "the content breaks off here; send the rest as a file of its own")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), isCorrupt(err):
		return fault(tasks.ReasonCorrupt, "", "", fmt.Sprintf("the content is damaged from here on: %v", err))
	case errors.Is(err, ErrInflated):
		return fault(tasks.ReasonTooManyBytes, "", "", err.Error()+"; split it")
	}
	return nil
}

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}

// FileDigest identifies a file by its unpacked content: 24 hex digits. A file that is
// broken has the digest of what can be read of it. It reads r to its end.
func FileDigest(r io.Reader) (string, error) {
	h := sha256.New()
	u, err := Unpack(r, MaxFileBytes)
	if err == nil {
		_, err = io.Copy(h, u)
	}
	if err != nil && Broken(err) == nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}
