package scheduler

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"weft/tasks"
)

// quiet is how long a folder must be left alone before it is looked at: a photo
// that is being copied would be read half.
const quiet = 150 * time.Millisecond

// maxWatched bounds the folders watched; the kernel bounds them too. What is not
// watched is found by the sweep.
const maxWatched = 8192

// watch turns file events below media/ into hints. It only makes the sweep's
// findings arrive sooner: when it cannot watch it says so and ends.
func (s *Scheduler) watch(ctx context.Context) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		s.Log.Warn("cannot watch the bucket; changes wait for the sweep", "every", s.SweepEvery, "error", err)
		return
	}
	defer func() { _ = events.Close() }()
	w := &watched{Watcher: events}
	media := filepath.Join(s.WatchDir, filepath.FromSlash(tasks.MediaPrefix))
	if err := os.MkdirAll(media, 0o755); err != nil {
		s.Log.Warn("cannot watch the bucket; changes wait for the sweep", "every", s.SweepEvery, "error", err)
		return
	}
	s.watchTree(w, media)
	for {
		select {
		case <-ctx.Done():
			return
		case err, ok := <-w.Errors:
			if !ok {
				return
			}
			s.Log.Warn("file events were lost; the sweep will find them", "error", err)
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			s.onEvent(w, media, e)
		}
	}
}

func (s *Scheduler) onEvent(w *watched, media string, e fsnotify.Event) {
	rel, err := filepath.Rel(media, e.Name)
	if err != nil || rel == "." {
		return
	}
	if filepath.Dir(rel) == "." && e.Has(fsnotify.Create) {
		s.watchTree(w, e.Name)
	}
	folder := rel
	if dir := filepath.Dir(rel); dir != "." {
		folder = dir
	}
	if id, err := tasks.ParseProductID(filepath.ToSlash(folder)); err == nil {
		_ = s.Hint(id, quiet) // the sweep finds what is lost
	}
}

// watched counts what it watches: asking fsnotify would copy the list.
type watched struct {
	*fsnotify.Watcher
	folders int
}

// watchTree watches root and the product folders in it. A folder that appears
// may hold files already, so each one is hinted.
func (s *Scheduler) watchTree(w *watched, root string) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // it vanished meanwhile: its parent tells
		}
		if w.folders++; w.folders > maxWatched {
			return errTooMany
		}
		return w.Add(path)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn("not all folders are watched; the others wait for the sweep", "every", s.SweepEvery, "error", err)
	}
}

var errTooMany = errors.New("too many folders to watch")
