package objects

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// lockStripes is how many locks all keys of a bucket share. Every process must use
// the same number.
const lockStripes = 256

// lockPoll is how often the lock of another process is tried again.
const lockPoll = 2 * time.Millisecond

// keyLock excludes other puts and deletions of the key, here and in other
// processes. A process that dies loses its locks.
type keyLock struct {
	here chan struct{}
	file *os.File
}

func (d *Dir) lock(ctx context.Context, key string) (*keyLock, error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	stripe := h.Sum32() % lockStripes
	l := &keyLock{here: d.locks[stripe]}
	select {
	case l.here <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := l.acquire(ctx, d, stripe); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *keyLock) acquire(ctx context.Context, d *Dir, stripe uint32) error {
	name := filepath.Join(d.root, hiddenFolder, "locks", strconv.FormatUint(uint64(stripe), 16))
	err := d.withHidden(func() (err error) {
		l.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
		return err
	})
	if err != nil {
		return writeError(err)
	}
	for {
		err := flock(l.file, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// release may be called again.
func (l *keyLock) release() {
	if l.here == nil {
		return
	}
	if l.file != nil {
		_ = l.file.Close() // gives up the lock
	}
	<-l.here
	l.here = nil
}

func flock(f *os.File, how int) error {
	return retryInterrupted(func() error { return unix.Flock(int(f.Fd()), how) })
}

// withHidden runs open, making the hidden folders if open misses them.
func (d *Dir) withHidden(open func() error) error {
	err := open()
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, name := range []string{"", "tmp", "locks"} { // but not the root: a bucket that is gone is not an empty one
		if err := os.Mkdir(filepath.Join(d.root, hiddenFolder, name), 0o777); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return open()
}

// abandonedAge is how old an unfinished write must be before it is looked at: its
// writer has locked it long since, if it lives.
const abandonedAge = time.Minute

// removeAbandoned removes unfinished writes whose process is gone. It is best
// effort: the bucket may be read-only.
func (d *Dir) removeAbandoned() {
	folder := filepath.Join(d.root, hiddenFolder, "tmp")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		name := filepath.Join(folder, entry.Name())
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < abandonedAge {
			continue
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if flock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.Remove(name)
		}
		_ = f.Close()
	}
}
