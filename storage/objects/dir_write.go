package objects

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Put implements [Store]. The body is written to a hidden file and made durable,
// the file renamed to its place, then the folder made durable.
func (d *Dir) Put(ctx context.Context, key string, body []byte, cond Condition) (Info, error) {
	info, err := d.put(ctx, key, body, cond)
	if err != nil {
		return Info{}, fmt.Errorf("put %q: %w", key, err)
	}
	return info, nil
}

func (d *Dir) put(ctx context.Context, key string, body []byte, cond Condition) (Info, error) {
	if err := d.validate(ctx, key); err != nil {
		return Info{}, err
	}
	if err := cond.validate(); err != nil {
		return Info{}, err
	}
	if err := d.require(key, cond); err != nil { // early, to spare writing the body
		return Info{}, err
	}
	tmp, err := d.stage(body)
	if err != nil {
		return Info{}, err
	}
	defer tmp.discard()
	lock, err := d.lock(ctx, key)
	if err != nil {
		return Info{}, err
	}
	defer lock.release()
	if err := d.require(key, cond); err != nil {
		return Info{}, err
	}
	parent, err := d.place(tmp, key)
	if err != nil {
		return Info{}, err
	}
	defer closeFD(parent)
	if cond == (Condition{}) {
		// A conditional put keeps the lock until its entry is durable, so that no other
		// one judges by an entry that a crash could take back. This one misleads nobody.
		lock.release()
	}
	if err := syncFolder(parent); err != nil {
		return Info{}, fmt.Errorf("%w: placed, perhaps not durable: %v", ErrUnavailable, err)
	}
	info, _ := describe(key, &tmp.stat)
	return info, nil
}

// require reports whether the object under key is as cond wants it.
func (d *Dir) require(key string, cond Condition) error {
	if cond == (Condition{}) {
		return nil
	}
	info, err := d.look(key)
	switch {
	case errors.Is(err, ErrNotExist):
		if cond.IfMatch != "" {
			return fmt.Errorf("%w: absent, expected ETag %s", ErrPrecondition, cond.IfMatch)
		}
		return nil
	case err != nil:
		return err
	case cond.IfAbsent:
		return fmt.Errorf("%w: exists already", ErrPrecondition)
	case cond.IfMatch != info.ETag:
		return fmt.Errorf("%w: ETag is %s, not %s", ErrPrecondition, info.ETag, cond.IfMatch)
	}
	return nil
}

// staged is a complete, durable file that has no place in the bucket yet.
type staged struct {
	file   *os.File
	stat   unix.Stat_t
	placed bool
}

func (s *staged) discard() {
	if !s.placed {
		_ = os.Remove(s.file.Name()) // what stays is removed by a later OpenDir
	}
	_ = s.file.Close() // synced before
}

// stage writes body to a new file in the hidden folder. The file stays locked while
// it is open, which tells removeAbandoned that its writer lives.
func (d *Dir) stage(body []byte) (_ *staged, err error) {
	name := filepath.Join(d.root, hiddenFolder, "tmp", strconv.FormatUint(rand.Uint64(), 36))
	var f *os.File
	err = d.withHidden(func() (err error) {
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	if err != nil {
		return nil, writeError(err)
	}
	s := &staged{file: f}
	defer func() {
		if err != nil {
			s.discard()
		}
	}()
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if err := d.write(f, body); err != nil {
		return nil, writeError(err)
	}
	if s.stat, err = statFD(int(f.Fd())); err != nil {
		return nil, err
	}
	return s, nil
}

// writeAndSync sets the modification time itself, because the kernel's moves in
// steps of milliseconds: two quick puts of equal size could reuse the inode too, and
// would share an ETag.
func writeAndSync(f *os.File, body []byte) error {
	if _, err := f.Write(body); err != nil {
		return err
	}
	now := time.Now()
	if err := os.Chtimes(f.Name(), now, now); err != nil {
		return err
	}
	return f.Sync()
}

// placeTries bounds how often a put makes its folders anew because deletions keep
// removing them as empty.
const placeTries = 1000

// place moves the staged file to key and returns its folder, open.
func (d *Dir) place(s *staged, key string) (parent int, err error) {
	for range placeTries {
		parent, base, err := d.makeParent(key)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return -1, err
		}
		err = retryInterrupted(func() error { return unix.Renameat(unix.AT_FDCWD, s.file.Name(), parent, base) })
		if errors.Is(err, unix.EISDIR) && unix.Unlinkat(parent, base, unix.AT_REMOVEDIR) == nil {
			closeFD(parent)
			continue // it was an empty folder
		}
		if err == nil {
			s.placed = true
			return parent, nil
		}
		closeFD(parent)
		switch {
		case errors.Is(err, unix.ENOENT):
		case errors.Is(err, unix.EISDIR):
			return -1, fmt.Errorf("%w: objects lie below it, and a directory bucket cannot hold both", ErrKey)
		case errors.Is(err, unix.EXDEV):
			return -1, fmt.Errorf("folder is on another file system than the bucket %s, which must be on one: %w", d.root, err)
		default:
			return -1, writeError(pathError(err))
		}
	}
	return -1, errors.New("folder keeps vanishing")
}

// Delete implements [Store]. Folders that it leaves empty are removed.
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := d.remove(ctx, key); err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	return nil
}

func (d *Dir) remove(ctx context.Context, key string) error {
	if err := d.validate(ctx, key); err != nil {
		return err
	}
	if _, err := d.look(key); errors.Is(err, ErrNotExist) {
		return nil
	}
	lock, err := d.lock(ctx, key)
	if err != nil {
		return err
	}
	defer lock.release()
	parent, base, err := d.parent(key)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { closeFD(parent) }()
	if _, err := statAt(parent, base, key); errors.Is(err, ErrNotExist) {
		return syncFolder(parent) // somebody else's deletion may not be durable yet
	}
	err = retryInterrupted(func() error { return unix.Unlinkat(parent, base, 0) })
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return writeError(err)
	}
	for folder := key; ; {
		cut := strings.LastIndexByte(folder, '/')
		if cut < 0 {
			return syncFolder(parent)
		}
		folder = folder[:cut]
		above, base, err := d.parent(folder)
		if errors.Is(err, ErrNotExist) {
			continue // removed by another deletion, with all above it that was empty
		}
		if err != nil {
			return err
		}
		// The kernel refuses if anything was put there meanwhile.
		if err := unix.Unlinkat(above, base, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
			closeFD(above)
			return syncFolder(parent)
		}
		closeFD(parent)
		parent = above
	}
}

// look is Stat without the checks.
func (d *Dir) look(key string) (Info, error) {
	parent, base, err := d.parent(key)
	if err != nil {
		return Info{}, err
	}
	defer closeFD(parent)
	return statAt(parent, base, key)
}

func writeError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %v; free some space or raise the quota", ErrFull, err)
	}
	return err
}
