package objects

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The helpers here walk from the root one folder at a time, by descriptor and
// without following links, so that a folder renamed or replaced meanwhile can lead
// neither out of the bucket nor into a loop.

// retryInterrupted repeats a call that a signal interrupted.
func retryInterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func closeFD(fd int) { _ = unix.Close(fd) } // only read through; what was written went through os.File

// openAt opens name in the folder dir. A link there counts as absent.
func openAt(dir int, name string, flags int) (fd int, err error) {
	err = retryInterrupted(func() error {
		fd, err = unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, pathError(err)
	}
	return fd, nil
}

func openFolder(path string) (int, error) {
	var fd int
	err := retryInterrupted(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("folder %q: %w", path, err)
	}
	return fd, nil
}

// pathError turns the ways in which a file system says "no such object" into
// ErrNotExist.
func pathError(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return ErrNotExist
	case errors.Is(err, unix.ENAMETOOLONG):
		return fmt.Errorf("%w: too long for this file system", ErrKey)
	}
	return err
}

// parent opens the folder that holds key and returns the key's last segment.
func (d *Dir) parent(key string) (fd int, base string, err error) {
	fd, err = openFolder(d.root)
	if err != nil {
		return -1, "", err
	}
	for {
		segment, rest, more := strings.Cut(key, "/")
		if !more {
			return fd, segment, nil
		}
		next, err := openAt(fd, segment, unix.O_RDONLY|unix.O_DIRECTORY)
		closeFD(fd)
		if err != nil {
			return -1, "", err
		}
		fd, key = next, rest
	}
}

// makeParent is parent, making the folders that are missing and making their
// entries durable. It returns ErrNotExist if a folder vanished again meanwhile.
func (d *Dir) makeParent(key string) (fd int, base string, err error) {
	fd, err = openFolder(d.root)
	if err != nil {
		return -1, "", err
	}
	for {
		segment, rest, more := strings.Cut(key, "/")
		if !more {
			return fd, segment, nil
		}
		next, err := makeFolder(fd, segment)
		closeFD(fd)
		if err != nil {
			return -1, "", err
		}
		fd, key = next, rest
	}
}

func makeFolder(dir int, name string) (int, error) {
	next, err := openAt(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if !errors.Is(err, ErrNotExist) {
		return next, err
	}
	err = retryInterrupted(func() error { return unix.Mkdirat(dir, name, 0o777) })
	switch {
	case err == nil:
		if err := syncFolder(dir); err != nil {
			return -1, err
		}
	case errors.Is(err, unix.EEXIST):
		var st unix.Stat_t
		if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil && uint32(st.Mode)&unix.S_IFMT != unix.S_IFDIR {
			return -1, fmt.Errorf("%w: %q is a file or a link where a folder is needed", ErrKey, name)
		}
	default:
		return -1, writeError(pathError(err))
	}
	return openAt(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
}

// syncFolder makes the entries of an open folder durable.
func syncFolder(fd int) error {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	f := os.NewFile(uintptr(again), "folder") // os.File.Sync knows what each system needs
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", writeError(err))
	}
	return nil
}

// statAt describes the object base in the folder dir.
func statAt(dir int, base, key string) (Info, error) {
	var st unix.Stat_t
	err := retryInterrupted(func() error { return unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Info{}, pathError(err)
	}
	info, ok := describe(key, &st)
	if !ok {
		return Info{}, ErrNotExist
	}
	return info, nil
}

func statFD(fd int) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := retryInterrupted(func() error { return unix.Fstat(fd, &st) })
	return st, err
}

// readFullAt fills buf from offset off. A file that ends early was cut meanwhile.
func readFullAt(fd int, buf []byte, off int64) error {
	for len(buf) > 0 {
		var n int
		err := retryInterrupted(func() (err error) {
			n, err = unix.Pread(fd, buf, off)
			return err
		})
		switch {
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("%w: %w", ErrChanged, io.ErrUnexpectedEOF)
		}
		buf, off = buf[n:], off+int64(n)
	}
	return nil
}
