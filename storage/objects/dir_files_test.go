package objects_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weft/storage/objects"
)

func write(t *testing.T, d *objects.Dir, name, body string) string {
	t.Helper()
	path := filepath.Join(d.Root(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func list(t *testing.T, s objects.Store) []string {
	t.Helper()
	var found []string
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, info.Key)
	}
	return found
}

func TestDirSeesFilesOfOthers(t *testing.T) {
	d := openDir(t)
	path := write(t, d, "media/p1/photo.jpg", "one")
	body, first, err := d.Get(t.Context(), "media/p1/photo.jpg", objects.GetOptions{})
	if err != nil || string(body) != "one" || first.Size != 3 || time.Since(first.Modified) > time.Minute {
		t.Fatalf("Get = %q, %+v, %v", body, first, err)
	}
	write(t, d, "media/p1/photo.jpg", "two") // in place: same size, same inode
	body, second, err := d.Get(t.Context(), "media/p1/photo.jpg", objects.GetOptions{})
	if err != nil || string(body) != "two" || second.ETag == first.ETag {
		t.Errorf("after a rewrite: %q, ETag %s then %s, %v", body, first.ETag, second.ETag, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Stat(t.Context(), "media/p1/photo.jpg"); !errors.Is(err, objects.ErrNotExist) {
		t.Errorf("Stat after removal: %v", err)
	}
}

func TestDirPassesOver(t *testing.T) {
	d := openDir(t)
	write(t, d, "media/p1/photo.jpg", "x")
	write(t, d, "media/p1/weft.lock", "an object like others")
	write(t, d, "weft.lock", "the program's")
	for _, hidden := range []string{".DS_Store", "media/.hidden/photo.jpg", "media/p1/.photo.jpg.swp", "media/p1/.."} {
		if hidden != "media/p1/.." {
			write(t, d, hidden, "x")
		}
	}
	inside, outside := filepath.Join(d.Root(), "media"), filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"p1/link.jpg": "photo.jpg", "p1/dangling": "nothing", "loop": ".", "elsewhere": filepath.Dir(outside), "p1/secret": outside,
	} {
		if err := os.Symlink(target, filepath.Join(inside, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(inside, "p1/pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "put", nil, objects.Condition{}); err != nil { // makes the hidden folder
		t.Fatal(err)
	}
	if got, want := list(t, d), []string{"media/p1/photo.jpg", "media/p1/weft.lock", "put"}; !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
	for _, key := range []string{"media/p1/link.jpg", "media/p1/secret", "media/p1/dangling", "media/p1/pipe", "media/loop/p1/photo.jpg", "media/elsewhere/secret"} {
		if _, _, err := d.Get(t.Context(), key, objects.GetOptions{}); !errors.Is(err, objects.ErrNotExist) {
			t.Errorf("Get(%s): %v, want ErrNotExist", key, err)
		}
		if _, err := d.Stat(t.Context(), key); !errors.Is(err, objects.ErrNotExist) {
			t.Errorf("Stat(%s): %v, want ErrNotExist", key, err)
		}
		if err := d.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%s): %v", key, err)
		}
	}
	for _, key := range []string{"media/elsewhere/new", "media/loop/new", "media/p1/pipe/new", "media/p1/photo.jpg/new", "media/p1", "weft.lock"} {
		if _, err := d.Put(t.Context(), key, []byte("x"), objects.Condition{}); !errors.Is(err, objects.ErrKey) {
			t.Errorf("Put(%s): %v, want ErrKey", key, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(inside, "loop")); err != nil {
		t.Errorf("Delete of what is no object removed a link: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(entries) != 1 {
		t.Errorf("something was written outside: %v, %v", entries, err)
	}
	for range d.List(t.Context(), "media/elsewhere/", "") {
		t.Error("List follows a link that its prefix names")
	}
	// A put over a link replaces the link, not its target.
	if _, err := d.Put(t.Context(), "media/p1/secret", []byte("new"), objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	if body, err := os.ReadFile(outside); err != nil || string(body) != "secret" {
		t.Errorf("a put went through a link: %q, %v", body, err)
	}
}

func TestDirTakesTheNameOfAnEmptyFolder(t *testing.T) {
	d := openDir(t)
	if err := os.MkdirAll(filepath.Join(d.Root(), "a/b"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "a/b", []byte("x"), objects.Condition{IfAbsent: true}); err != nil {
		t.Errorf("Put over an empty folder: %v", err)
	}
}

// TestDirRootGone: a bucket that cannot be read is not an empty bucket.
func TestDirRootGone(t *testing.T) {
	d := openDir(t)
	write(t, d, "a/b", "x")
	if err := os.Rename(d.Root(), d.Root()+"-moved"); err != nil {
		t.Fatal(err)
	}
	_, _, getErr := d.Get(t.Context(), "a/b", objects.GetOptions{})
	_, statErr := d.Stat(t.Context(), "a/b")
	listErr := error(nil)
	for _, listErr = range d.List(t.Context(), "", "") {
	}
	_, putErr := d.Put(t.Context(), "a/b", nil, objects.Condition{})
	for what, err := range map[string]error{"Get": getErr, "Stat": statErr, "List": listErr, "Put": putErr, "Delete": d.Delete(t.Context(), "a/b")} {
		if err == nil || errors.Is(err, objects.ErrNotExist) {
			t.Errorf("%s without the root: %v, want another error", what, err)
		}
	}
	if _, err := os.Stat(d.Root()); err == nil {
		t.Error("the root was made anew")
	}
}

// TestDirReadsNoMixture reads a file that another program rewrites in place, page
// after page: what is read must be a state that the file was in at some moment.
func TestDirReadsNoMixture(t *testing.T) {
	d := openDir(t)
	const size, page, stride = 16 << 20, 4096, 1 << 20
	f, err := os.OpenFile(write(t, d, "photo", strings.Repeat("\x00", size)), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var stop atomic.Bool
	var group sync.WaitGroup
	defer group.Wait()
	defer stop.Store(true)
	group.Go(func() {
		for round := 1; !stop.Load(); round++ {
			for at := int64(0); at < size; at += stride {
				if _, err := f.WriteAt(bytes.Repeat([]byte{byte(round)}, page), at); err != nil {
					t.Error(err)
				}
			}
			if round%500 == 0 { // some pauses end while the file is read, some are long enough
				select {
				case <-time.After(time.Duration(20+round/500%12*4) * time.Millisecond):
				case <-t.Context().Done():
				}
			}
		}
	})
	whole, changed := 0, 0
	for deadline := time.Now().Add(4 * time.Second); (whole < 30 || changed < 1) && (time.Now().Before(deadline) || whole == 0); {
		body, _, err := d.Get(t.Context(), "photo", objects.GetOptions{})
		if errors.Is(err, objects.ErrChanged) {
			changed++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		whole++
		// The pages of the current round come first, those of the round before last.
		for at, behind := 0, byte(0); at < size; at += stride {
			age := body[0] - body[at]
			if age < behind || age > 1 || bytes.Count(body[at:at+page], body[at:at+1]) != page {
				t.Fatalf("read a mixture, after %d whole reads and %d changes: page at %d is of round %d, the first of %d", whole, changed, at, body[at], body[0])
			}
			behind = age
		}
	}
	t.Logf("%d whole reads, %d changes seen", whole, changed)
	if changed == 0 {
		t.Errorf("no change was seen in %d reads", whole)
	}
}

func TestDirRemovesAbandonedWrites(t *testing.T) {
	d := openDir(t)
	old := time.Now().Add(-time.Hour)
	var paths []string
	for _, name := range []string{"dead", "alive", "fresh"} {
		path := write(t, d, ".weft/tmp/"+name, "half a pho")
		paths = append(paths, path)
		if name != "fresh" {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	f, err := os.Open(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.OpenDir(d.Root()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, true} {
		if _, err := os.Stat(paths[i]); (err == nil) != want {
			t.Errorf("%s: %v, want it kept: %t", filepath.Base(paths[i]), err, want)
		}
	}
}

// counterFolder tells a copy of this test binary to count in a folder.
const counterFolder = "WEFT_TEST_COUNTER_FOLDER"

// TestDirAcrossProcesses counts in one object from several processes.
func TestDirAcrossProcesses(t *testing.T) {
	const processes, each = 3, 15
	if folder := os.Getenv(counterFolder); folder != "" {
		count(t, folder, each)
		return
	}
	d := openDir(t)
	var group sync.WaitGroup
	for range processes {
		group.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestDirAcrossProcesses$")
			cmd.Env = append(os.Environ(), counterFolder+"="+d.Root())
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
	group.Wait()
	body, _, err := d.Get(t.Context(), "counter", objects.GetOptions{})
	if err != nil || string(body) != strconv.Itoa(processes*each) {
		t.Errorf("counter = %q, %v; want %d", body, err, processes*each)
	}
	if left, err := os.ReadDir(filepath.Join(d.Root(), ".weft/tmp")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func count(t *testing.T, folder string, times int) {
	d, err := objects.OpenDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for done := 0; done < times; {
		body, info, err := d.Get(t.Context(), "counter", objects.GetOptions{})
		cond := objects.Condition{IfMatch: info.ETag}
		if errors.Is(err, objects.ErrNotExist) {
			body, cond = []byte("0"), objects.Condition{IfAbsent: true}
		} else if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(body))
		_, err = d.Put(t.Context(), "counter", fmt.Append(nil, n+1), cond)
		switch {
		case err == nil:
			done++
		case !errors.Is(err, objects.ErrPrecondition):
			t.Fatal(err)
		}
	}
}
