package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// List implements [Store]. It walks the tree in order, enters only folders that can
// hold keys asked for, and holds the names of one folder at a time at each depth.
func (d *Dir) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		w := dirWalk{ctx: ctx, prefix: prefix, after: after, yield: yield}
		// Keys below the deepest folder that prefix names in full are all there is to see.
		folder := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if hidden(folder + "x") {
			return
		}
		if err := ctx.Err(); err != nil {
			yield(Info{}, fmt.Errorf("list %q: %w", prefix, err))
			return
		}
		fd, err := openFolder(d.root)
		if err == nil && folder != "" {
			root := fd
			fd, _, err = d.parent(folder + "x")
			closeFD(root)
		}
		if err == nil {
			_, err = w.folder(fd, folder)
		}
		if err != nil && !errors.Is(err, ErrNotExist) {
			yield(Info{}, fmt.Errorf("list %q after %q: %w", prefix, after, err))
		}
	}
}

type dirWalk struct {
	ctx           context.Context
	prefix, after string
	yield         func(Info, error) bool
}

// wants reports whether the file key, or the folder key (ending in a slash), can
// have anything to yield.
func (w *dirWalk) wants(key string) bool {
	if strings.HasSuffix(key, "/") {
		return (strings.HasPrefix(key, w.prefix) || strings.HasPrefix(w.prefix, key)) &&
			(key > w.after || strings.HasPrefix(w.after, key))
	}
	return key > w.after && strings.HasPrefix(key, w.prefix)
}

// folder yields what lies below path (empty or ending in a slash), closing fd.
// It returns false when the caller wants no more.
func (w *dirWalk) folder(fd int, path string) (bool, error) {
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	names, err := w.names(f, path)
	if err != nil {
		return false, err
	}
	for i, name := range names {
		if i%256 == 0 {
			if err := w.ctx.Err(); err != nil {
				return false, err
			}
		}
		if sub, ok := strings.CutSuffix(name, "/"); ok {
			next, err := openAt(fd, sub, unix.O_RDONLY|unix.O_DIRECTORY)
			if errors.Is(err, ErrNotExist) {
				continue
			}
			if err != nil {
				return false, fmt.Errorf("folder %q: %w", path+sub, err)
			}
			if more, err := w.folder(next, path+name); !more {
				return false, err
			}
			continue
		}
		info, err := statAt(fd, name, path+name)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("file %q: %w", path+name, err)
		}
		if !w.yield(info, nil) {
			return false, nil
		}
	}
	return true, nil
}

// names returns the entries of a folder that are wanted, folders with a slash at
// their end, which is how their keys sort: "a-b" before "a/b".
func (w *dirWalk) names(f *os.File, path string) ([]string, error) {
	var names []string
	for {
		entries, err := f.ReadDir(1024)
		for _, entry := range entries {
			name := entry.Name()
			switch {
			case name[0] == '.', path == "" && name == lockFile:
				continue
			case entry.IsDir():
				name += "/"
			case !entry.Type().IsRegular():
				continue
			}
			if w.wants(path + name) {
				names = append(names, name)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrNotExist) { // the latter: removed while open
			break
		}
		if err != nil {
			return nil, fmt.Errorf("folder %q: %w", path, err)
		}
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}
