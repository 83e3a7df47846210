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

// apart decodes and encodes photos in processes of their own, which a photo may crash
// or hang: they are killed, and the worker lives. A process serves one photo at a time,
// and many in turn.
type apart struct {
	command []string
	limit   time.Duration

	mu     sync.Mutex
	idle   []*child
	closed bool
}

// child is one such process.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr lastWords
	killed atomic.Bool
}

// crash is a child that ended, or did not answer in time, with a photo in hand.
type crash struct {
	stage  string // decode or encode
	how    string
	stderr []byte
}

func (c *crash) Error() string { return "the process apart " + c.how }

// encode makes the feature of one photo. Errors: *pixels.Error for a photo that is
// refused, *crash, or why no process could be had.
func (a *apart) encode(ctx context.Context, photo []byte) ([]float32, error) {
	d, err := a.take()
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(a.limit, d.kill)
	stopWatching := context.AfterFunc(ctx, d.kill)
	vector, stage, err := d.ask(photo)
	hung, cancelled := !timer.Stop(), !stopWatching()
	var refused *pixels.Error
	if (err == nil || errors.As(err, &refused)) && !d.killed.Load() {
		a.give(d)
		return vector, err
	}
	d.kill()
	_ = d.in.Close()
	state := d.cmd.Wait()
	switch {
	case err == nil || errors.As(err, &refused): // it answered at the last moment
		return vector, err
	case cancelled:
		return nil, context.Cause(ctx)
	case hung:
		return nil, &crash{stage, fmt.Sprintf("hung for %v and was killed", a.limit), d.stderr.bytes()}
	}
	return nil, &crash{stage, fmt.Sprintf("crashed: %v (%v)", state, err), d.stderr.bytes()}
}

func (a *apart) take() (*child, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, errors.New("processes apart: closed")
	}
	if n := len(a.idle); n > 0 {
		d := a.idle[n-1]
		a.idle = a.idle[:n-1]
		return d, nil
	}
	d := &child{cmd: exec.Command(a.command[0], a.command[1:]...)}
	d.cmd.Stderr = &d.stderr
	var out io.ReadCloser
	var err error
	if d.in, err = d.cmd.StdinPipe(); err == nil {
		if out, err = d.cmd.StdoutPipe(); err == nil {
			err = d.cmd.Start()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("starting a process apart: %w", err)
	}
	d.out = bufio.NewReader(out)
	return d, nil
}

func (a *apart) give(d *child) {
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
func (d *child) end() {
	_ = d.in.Close()
	timer := time.AfterFunc(time.Second, d.kill)
	defer timer.Stop()
	_ = d.cmd.Wait()
}

func (d *child) kill() {
	d.killed.Store(true)
	_ = d.cmd.Process.Kill()
}

// ask sends a photo and awaits its feature; stage is how far the child has come.
func (d *child) ask(photo []byte) (vector []float32, stage string, err error) {
	stage = "decode"
	if err := writeFrame(d.in, photo); err != nil {
		return nil, stage, err
	}
	for {
		kind, err := d.out.ReadByte()
		if err != nil {
			return nil, stage, err
		}
		reply, err := readFrame(d.out)
		switch {
		case err != nil:
			return nil, stage, err
		case kind == replyDecoded:
			stage = "encode"
		case kind == replyVector:
			vector = make([]float32, len(reply)/4)
			_, err := binary.Decode(reply, binary.LittleEndian, vector)
			return vector, stage, err
		case kind == replyRefused:
			code, msg, _ := bytes.Cut(reply, []byte{0})
			return nil, stage, &pixels.Error{Code: string(code), Msg: string(msg)}
		default:
			return nil, stage, fmt.Errorf("process apart: %s", reply)
		}
	}
}

// The replies to a photo, the first one of two where it can be decoded: one of these
// bytes, and a frame.
const (
	replyDecoded = 'd' // empty
	replyVector  = 'v' // float32, little-endian
	replyRefused = 'r' // code, NUL, message
	replyFailed  = 'f' // message
)

// ServeApart is the other side: it answers photos from in until it ends. hung is
// called when one takes longer than limit; it should end the process, because a
// call into C cannot be ended otherwise.
func ServeApart(ctx context.Context, in io.Reader, out io.Writer, limit time.Duration, hung func(), encoder Images) error {
	r, w := bufio.NewReader(in), bufio.NewWriter(out)
	for {
		photo, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("process apart: %w", err)
		}
		timer := time.AfterFunc(limit, hung)
		err = answer(ctx, w, photo, encoder)
		timer.Stop()
		if err != nil {
			return fmt.Errorf("process apart: %w", err)
		}
	}
}

func answer(ctx context.Context, w *bufio.Writer, photo []byte, encoder Images) error {
	pixels, err := encoder.Prepare(photo)
	if err != nil {
		return reject(w, err)
	}
	if err := say(w, replyDecoded, nil); err != nil {
		return err
	}
	vectors, err := encoder.Encode(ctx, [][]byte{pixels})
	if err != nil {
		return reject(w, err)
	}
	reply, err := binary.Append(nil, binary.LittleEndian, vectors[0])
	if err != nil {
		return err
	}
	return say(w, replyVector, reply)
}

func reject(w *bufio.Writer, err error) error {
	var refused *pixels.Error
	if errors.As(err, &refused) {
		return say(w, replyRefused, []byte(refused.Code+"\x00"+refused.Msg))
	}
	return say(w, replyFailed, []byte(err.Error()))
}

func say(w *bufio.Writer, kind byte, frame []byte) error {
	_ = w.WriteByte(kind) // errors stay with w
	_ = writeFrame(w, frame)
	return w.Flush()
}

// maxFrame bounds a photo.
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
