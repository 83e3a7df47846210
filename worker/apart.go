package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"weft/extractors/pixels"
)

// apart decodes photos in processes of their own, which a photo may crash or hang:
// they are killed, and the worker lives. A process serves one photo at a time, and
// many in turn.
type apart struct {
	command []string
	limit   time.Duration

	mu     sync.Mutex
	idle   []*decoder
	closed bool
}

// decoder is one such process.
type decoder struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr lastWords
	killed atomic.Bool
}

// crash is a decoder that ended, or did not answer in time, with a photo in hand.
type crash struct {
	how    string
	stderr []byte
}

func (c *crash) Error() string { return "the decoder " + c.how }

// prepare decodes one photo. Errors: *pixels.Error for a photo that is refused,
// *crash, or why no decoder could be had.
func (a *apart) prepare(ctx context.Context, photo []byte) ([]byte, error) {
	d, err := a.take()
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(a.limit, d.kill)
	stopWatching := context.AfterFunc(ctx, d.kill)
	reply, err := d.ask(photo)
	hung, cancelled := !timer.Stop(), !stopWatching()
	var refused *pixels.Error
	if (err == nil || errors.As(err, &refused)) && !d.killed.Load() {
		a.give(d)
		return reply, err
	}
	d.kill()
	_ = d.in.Close()
	state := d.cmd.Wait()
	switch {
	case err == nil || errors.As(err, &refused): // it answered at the last moment
		return reply, err
	case cancelled:
		return nil, context.Cause(ctx)
	case hung:
		return nil, &crash{fmt.Sprintf("hung for %v and was killed", a.limit), d.stderr.bytes()}
	}
	return nil, &crash{fmt.Sprintf("crashed: %v (%v)", state, err), d.stderr.bytes()}
}

func (a *apart) take() (*decoder, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, errors.New("decoders: closed")
	}
	if n := len(a.idle); n > 0 {
		d := a.idle[n-1]
		a.idle = a.idle[:n-1]
		return d, nil
	}
	d := &decoder{cmd: exec.Command(a.command[0], a.command[1:]...)}
	d.cmd.Stderr = &d.stderr
	var out io.ReadCloser
	var err error
	if d.in, err = d.cmd.StdinPipe(); err == nil {
		if out, err = d.cmd.StdoutPipe(); err == nil {
			err = d.cmd.Start()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("starting a decoder process: %w", err)
	}
	d.out = bufio.NewReader(out)
	return d, nil
}

func (a *apart) give(d *decoder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		d.end()
		return
	}
	a.idle = append(a.idle, d)
}

// close ends the idle processes; none may be in use.
func (a *apart) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, d := range a.idle {
		d.end()
	}
	a.idle = nil
}

// end lets a process go that waits for a photo: it ends with its input.
func (d *decoder) end() {
	_ = d.in.Close()
	timer := time.AfterFunc(time.Second, d.kill)
	defer timer.Stop()
	_ = d.cmd.Wait()
}

func (d *decoder) kill() {
	d.killed.Store(true)
	_ = d.cmd.Process.Kill()
}

func (d *decoder) ask(photo []byte) ([]byte, error) {
	if err := writeFrame(d.in, photo); err != nil {
		return nil, err
	}
	kind, err := d.out.ReadByte()
	if err != nil {
		return nil, err
	}
	reply, err := readFrame(d.out)
	switch {
	case err != nil:
		return nil, err
	case kind == replyPixels:
		return reply, nil
	case kind == replyRefused:
		code, msg, _ := bytes.Cut(reply, []byte{0})
		return nil, &pixels.Error{Code: string(code), Msg: string(msg)}
	}
	return nil, fmt.Errorf("decoder: %s", reply)
}

// The reply to a photo: one of these bytes, and a frame.
const (
	replyPixels  = 'p'
	replyRefused = 'r' // code, NUL, message
	replyFailed  = 'f' // message
)

// ServeDecoder is the other side: it answers photos from in until it ends. hung is
// called when one takes longer than limit; it should end the process, because a
// call into C cannot be ended otherwise.
func ServeDecoder(in io.Reader, out io.Writer, limit time.Duration, hung func(), prepare func([]byte) ([]byte, error)) error {
	r, w := bufio.NewReader(in), bufio.NewWriter(out)
	for {
		photo, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("decoder: %w", err)
		}
		timer := time.AfterFunc(limit, hung)
		reply, err := prepare(photo)
		timer.Stop()
		kind := byte(replyPixels)
		var refused *pixels.Error
		switch {
		case errors.As(err, &refused):
			kind, reply = replyRefused, []byte(refused.Code+"\x00"+refused.Msg)
		case err != nil:
			kind, reply = replyFailed, []byte(err.Error())
		}
		_ = w.WriteByte(kind) // errors stay with w
		_ = writeFrame(w, reply)
		if err := w.Flush(); err != nil {
			return fmt.Errorf("decoder: %w", err)
		}
	}
}

// maxFrame bounds a photo or its pixels.
const maxFrame = 1 << 28

func writeFrame(w io.Writer, b []byte) error {
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(b)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes, the limit is %d", n, maxFrame)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// lastWords keeps the end of what a process writes.
type lastWords struct {
	mu   sync.Mutex
	tail []byte
}

const lastWordsBytes = 8 << 10

func (l *lastWords) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, b...)
	if over := len(l.tail) - lastWordsBytes; over > 0 {
		l.tail = append(l.tail[:0], l.tail[over:]...)
	}
	return len(b), nil
}

func (l *lastWords) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.tail)
}
