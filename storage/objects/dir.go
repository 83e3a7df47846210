package objects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// hiddenFolder, directly below the root, holds unfinished writes and lock files.
const hiddenFolder = ".weft"

// lockFile may lie in the root; it belongs to the program, not to the bucket.
const lockFile = "weft.lock"

// Dir stores each object as the file of the same name below a root directory. It
// needs a POSIX file system (Linux, macOS) with flock, and inodes that are stable
// while a file exists.
//
// Other programs may add, replace and delete files; they appear in the next List.
// The ETag is made of size, modification time in nanoseconds and inode, so that a
// listing need not read anything. Whoever edits a file in place, keeping its size
// and setting its time back, goes unnoticed.
//
// Symbolic links below the root are followed nowhere: they are not objects, List
// passes over them, Get through one is ErrNotExist, Put through a linked folder is
// ErrKey. (The root itself may be reached through links.) The same holds for
// devices, pipes and sockets.
//
// What a file system cannot express is ErrKey: an object named like a folder of
// others ("a" beside "a/b"). On a file system that ignores case, keys that differ
// only in case are one object.
type Dir struct {
	root  string
	locks [lockStripes]chan struct{}
	// write stages a body into an open file.
	write func(f *os.File, body []byte) error
}

// OpenDir opens the directory root, which must exist, as a bucket. It removes
// unfinished writes that a crash left behind.
func OpenDir(root string) (*Dir, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("objects: bucket directory %q: %w", root, err)
	}
	st, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("objects: bucket directory %q does not exist; create it first", abs)
	case err != nil:
		return nil, fmt.Errorf("objects: bucket directory: %w", err)
	case !st.IsDir():
		return nil, fmt.Errorf("objects: bucket directory %q is not a directory", abs)
	}
	d := &Dir{root: abs, write: writeAndSync}
	for i := range d.locks {
		d.locks[i] = make(chan struct{}, 1)
	}
	d.removeAbandoned()
	return d, nil
}

// Root is the absolute path of the bucket directory.
func (d *Dir) Root() string { return d.root }

// Stat implements [Store].
func (d *Dir) Stat(ctx context.Context, key string) (Info, error) {
	if err := d.validate(ctx, key); err != nil {
		return Info{}, fmt.Errorf("stat: %w", err)
	}
	parent, base, err := d.parent(key)
	if err != nil {
		return Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	defer closeFD(parent)
	info, err := statAt(parent, base, key)
	if err != nil {
		return Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	return info, nil
}

// Get implements [Store].
func (d *Dir) Get(ctx context.Context, key string, opt GetOptions) ([]byte, Info, error) {
	if err := d.validate(ctx, key); err != nil {
		return nil, Info{}, fmt.Errorf("get: %w", err)
	}
	var body []byte
	info, err := d.read(ctx, key, opt.IfMatch, func(fd int, info Info) error {
		if opt.MaxBytes > 0 && info.Size > opt.MaxBytes {
			return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, info.Size, opt.MaxBytes)
		}
		body = make([]byte, info.Size)
		return readFullAt(fd, body, 0)
	})
	if err != nil {
		return nil, Info{}, fmt.Errorf("get %q: %w", key, err)
	}
	return body, info, nil
}

// ReadRange implements [Store].
func (d *Dir) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	if err := d.validate(ctx, key); err != nil {
		return nil, fmt.Errorf("read range: %w", err)
	}
	if err := validateRange(off, n); err != nil {
		return nil, fmt.Errorf("read range of %q: %w", key, err)
	}
	var body []byte
	_, err := d.read(ctx, key, ifMatch, func(fd int, info Info) error {
		if off+n > info.Size {
			return fmt.Errorf("%w: offset %d, length %d, object has %d bytes", ErrRange, off, n, info.Size)
		}
		body = make([]byte, n)
		return readFullAt(fd, body, off)
	})
	if err != nil {
		return nil, fmt.Errorf("read range of %q: %w", key, err)
	}
	return body, nil
}

// read opens the object and calls use between two looks at its state: what use read
// is one version only if nothing moved between them.
func (d *Dir) read(ctx context.Context, key, ifMatch string, use func(fd int, info Info) error) (Info, error) {
	parent, base, err := d.parent(key)
	if err != nil {
		return Info{}, err
	}
	defer closeFD(parent)
	// Without O_NONBLOCK, opening a pipe that lies there would wait for a writer.
	fd, err := openAt(parent, base, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return Info{}, err
	}
	defer closeFD(fd)
	before, err := settled(ctx, fd)
	if err != nil {
		return Info{}, err
	}
	info, ok := describe(key, &before)
	if !ok {
		return Info{}, ErrNotExist
	}
	if ifMatch != "" && ifMatch != info.ETag {
		return Info{}, fmt.Errorf("%w: ETag is %s, not %s", ErrPrecondition, info.ETag, ifMatch)
	}
	if err := use(fd, info); err != nil {
		return Info{}, err
	}
	after, err := statFD(fd)
	if err != nil {
		return Info{}, err
	}
	if before.Size != after.Size || before.Mtim != after.Mtim || ctimeMoved(&before, &after) {
		return Info{}, ErrChanged
	}
	return info, nil
}

// Kernels stamp files with a clock that moves in steps of up to 10 ms.
const (
	clockStep   = 20 * time.Millisecond
	settleTries = 5
)

// settled is the state of a file once any further write must move its modification
// time, which waits a moment for a file that another program has only just written.
// Files of Put are recognised by their modification time having been set.
func settled(ctx context.Context, fd int) (unix.Stat_t, error) {
	for range settleTries {
		st, err := statFD(fd)
		if err != nil || st.Mtim != st.Ctim {
			return st, err
		}
		age := time.Since(time.Unix(st.Mtim.Unix()))
		if age > clockStep || age < 0 { // the latter: the clock was put back
			return st, nil
		}
		if err := wait(ctx, clockStep-age+time.Millisecond); err != nil {
			return st, err
		}
	}
	return unix.Stat_t{}, fmt.Errorf("%w: it is being written", ErrChanged)
}

// ctimeMoved tells a rewrite that put the modification time back. Unlinking moves
// the change time too, but leaves what an open file reads alone, so a file is judged
// only while its link count stands.
func ctimeMoved(before, after *unix.Stat_t) bool {
	return before.Nlink == after.Nlink && before.Ctim != after.Ctim
}

func (d *Dir) validate(ctx context.Context, key string) error {
	if err := checkCall(ctx, key); err != nil {
		return err
	}
	if key == lockFile {
		return fmt.Errorf("%w %q: reserved", ErrKey, key)
	}
	return nil
}

// describe makes the Info of a file; false if it is not a regular file.
func describe(key string, st *unix.Stat_t) (Info, bool) {
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
		return Info{}, false
	}
	sec, nsec := st.Mtim.Unix()
	etag := make([]byte, 0, 48)
	etag = strconv.AppendInt(etag, st.Size, 16)
	etag = append(etag, '-')
	etag = strconv.AppendInt(etag, sec*1e9+nsec, 16)
	etag = append(etag, '-')
	etag = strconv.AppendUint(etag, st.Ino, 16)
	return Info{Key: key, ETag: string(etag), Size: st.Size, Modified: time.Unix(sec, nsec)}, true
}
