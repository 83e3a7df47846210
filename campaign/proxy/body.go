package proxy

import (
	"context"
	"errors"
	"io"
	"time"
)

var errShort = errors.New("the body ends here on purpose")

// shortBody ends with an error after some bytes: the client was promised more.
type shortBody struct {
	io.ReadCloser
	left int64
}

func (b *shortBody) Read(to []byte) (int, error) {
	if b.left <= 0 {
		return 0, errShort
	}
	n, err := b.ReadCloser.Read(to[:min(int64(len(to)), b.left)])
	b.left -= int64(n)
	return n, err
}

// drips is in how many pieces a slow body arrives.
const drips = 10

// slowBody waits before each piece.
type slowBody struct {
	io.ReadCloser
	ctx  context.Context
	step time.Duration
	most int // bytes of a piece
}

func (b *slowBody) Read(to []byte) (int, error) {
	pause(b.ctx, b.step)
	return b.ReadCloser.Read(to[:min(len(to), b.most)])
}
