package lake_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"weft/storage/lake"
	"weft/storage/objects"
)

// childFolder, in the environment, makes the test binary a writer on that bucket.
const childFolder = "LAKE_TEST_BUCKET"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		if err := write(folder, os.Getenv("LAKE_TEST_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const childRows = 120

// write appends rows from four goroutines, compacting now and then, and prints the
// key of each row once it is acknowledged.
func write(folder, name string) error {
	d, err := objects.OpenDir(folder)
	if err != nil {
		return err
	}
	l, err := lake.Open(context.Background(), lake.Config{Store: d, Writer: name, CommitDelay: 1, IdleDelay: -1, Fanout: 3, GroupRows: 8, SegmentBytes: 50_000})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make(chan error, 5)
	for g := range 4 {
		wg.Go(func() {
			for i := range childRows / 4 {
				f := feature(g*1000+i, 32)
				f.Key = fmt.Sprintf("%s-%d-%d", name, g, i)
				if err := l.Features.Append(context.Background(), f); err != nil {
					errs <- err
					return
				}
				mu.Lock()
				fmt.Println(f.Key)
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for range 6 {
			if _, err := l.Compact(context.Background()); err != nil {
				errs <- err
			}
		}
	})
	wg.Wait()
	close(errs)
	for err := range errs {
		return err
	}
	return l.Close(context.Background())
}

// Processes write and compact one directory at once; some are killed on the way.
func TestProcesses(t *testing.T) {
	folder := t.TempDir()
	acked := make(chan string, 10_000)
	var wg sync.WaitGroup
	for p := range 4 {
		killAfter := childRows // none
		if p%2 == 1 {
			killAfter = 20 * p
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childFolder+"="+folder, fmt.Sprintf("LAKE_TEST_NAME=w%d", p))
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		wg.Go(func() {
			lines := bufio.NewScanner(out)
			n := 0
			for lines.Scan() {
				acked <- lines.Text()
				if n++; n == killAfter && killAfter < childRows {
					if err := cmd.Process.Kill(); err != nil {
						t.Error(err)
					}
				}
			}
			if err := cmd.Wait(); err != nil && killAfter == childRows {
				t.Errorf("process %d: %v: %s", p, err, stderr.String())
			}
			if killAfter == childRows && n != childRows {
				t.Errorf("process %d acknowledged %d rows, want %d", p, n, childRows)
			}
		})
	}
	wg.Wait()
	close(acked)
	d, err := objects.OpenDir(folder)
	must(t, err)
	l := open(t, d)
	there := map[string]bool{}
	for _, f := range scan(t, l.Features, lake.Query{}) {
		if there[f.Key] || len(f.Vector) != 32 {
			t.Fatalf("row %s: twice %t, vector of %d", f.Key, there[f.Key], len(f.Vector))
		}
		there[f.Key] = true
	}
	var lost []string
	for key := range acked {
		if !there[key] {
			lost = append(lost, key)
		}
	}
	if len(lost) > 0 || len(l.Corrupt()) > 0 {
		t.Errorf("acknowledged and lost: %v, corrupt: %v", lost, l.Corrupt())
	}
	if len(there) < 2*childRows {
		t.Errorf("%d rows of at least %d", len(there), 2*childRows)
	}
}
