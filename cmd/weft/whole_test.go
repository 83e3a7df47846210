package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A device or a pipe is no file that may be replaced: as root that would take /dev/null from the machine.
func TestWholeLeavesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	link := filepath.Join(dir, "stdout")
	must(t, os.Symlink(pipe, link))
	for _, path := range []string{pipe, link} {
		if f, err := newWhole(path); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: %v, %v", path, f, err)
		}
		read := make(chan string, 1)
		go func() {
			b, _ := os.ReadFile(pipe)
			read <- string(b)
		}()
		must(t, writeWhole(path, []byte("a page")))
		if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Fatalf("%s is a pipe no more: %v, %v", path, info, err)
		}
		if got := <-read; got != "a page" {
			t.Errorf("%s was written %q", path, got)
		}
	}
}

// A link stays a link: what it leads to is replaced.
func TestWholeFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "disk", "report.html")
	write(t, there, []byte("of yesterday"))
	link := filepath.Join(dir, "report.html")
	must(t, os.Symlink(there, link))
	must(t, writeWhole(link, []byte("of today")))
	if got := string(read(t, there)); got != "of today" {
		t.Errorf("%q", got)
	}
	f, err := newWhole(link)
	must(t, err)
	_, err = f.WriteString("of tomorrow")
	must(t, err)
	must(t, f.CloseAtomicallyReplace())
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || string(read(t, there)) != "of tomorrow" {
		t.Errorf("%v, %v, %q", info, err, read(t, there))
	}
	if left, err := os.ReadDir(filepath.Dir(there)); err != nil || len(left) != 1 {
		t.Errorf("%v: %v", err, left)
	}
}
