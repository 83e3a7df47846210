package doctor

import (
	"fmt"
	"path/filepath"
	"syscall"
)

// Free room below which the one warns and the other fails.
const (
	littleRoom = 2 << 30
	noRoom     = 200 << 20
)

// Disk looks for room where this machine writes. The folder may not be there yet.
func (e *Examination) Disk(name, dir string) {
	free, err := freeIn(dir)
	const do = "make room, or name another folder"
	switch {
	case err != nil:
		e.Judge(name, err, "name a folder that is there", "")
	case free < noRoom:
		e.Add(name, Fail, do, "%d MB free at %s", free>>20, dir)
	case free < littleRoom:
		e.Add(name, Warn, do, "%d MB free at %s", free>>20, dir)
	default:
		e.Add(name, OK, "", "%d GB free at %s", free>>30, dir)
	}
}

// freeIn is the room for this user on the disk of dir, which may not be there yet.
func freeIn(dir string) (uint64, error) {
	for {
		var st syscall.Statfs_t
		err := syscall.Statfs(dir, &st)
		if err == nil {
			return st.Bavail * uint64(st.Bsize), nil //nolint:unconvert // the type differs by platform
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return 0, fmt.Errorf("%s: %w", dir, err)
		}
		dir = parent
	}
}
