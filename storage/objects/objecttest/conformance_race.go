package objecttest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weft/storage/objects"
)

func testRaceToCreate(t *testing.T, s objects.Store) {
	for round := range 5 {
		key := fmt.Sprintf("race/%d/key", round)
		var winners atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				_, err := s.Put(t.Context(), key, []byte(strconv.Itoa(i)), objects.Condition{IfAbsent: true})
				switch {
				case err == nil:
					winners.Add(1)
				case !errors.Is(err, objects.ErrPrecondition):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := winners.Load(); n != 1 {
			t.Fatalf("%d of 8 created %s", n, key)
		}
	}
}

func testRaceToCount(t *testing.T, s objects.Store) {
	const workers, each = 4, 5
	put(t, s, "counter", "0")
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for done := 0; done < each; {
				body, info, err := s.Get(t.Context(), "counter", objects.GetOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := strconv.Atoi(string(body))
				_, err = s.Put(t.Context(), "counter", []byte(strconv.Itoa(n+1)), objects.Condition{IfMatch: info.ETag})
				switch {
				case err == nil:
					done++
				case !errors.Is(err, objects.ErrPrecondition):
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	body, _, err := s.Get(t.Context(), "counter", objects.GetOptions{})
	if err != nil || string(body) != strconv.Itoa(workers*each) {
		t.Errorf("counter = %q, %v; want %d", body, err, workers*each)
	}
}

func testRaceWithReaders(t *testing.T, s objects.Store) {
	version := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 100_000+i) }
	put(t, s, "k", version(0))
	var stop atomic.Bool
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for !stop.Load() {
				body, info, err := s.Get(t.Context(), "k", objects.GetOptions{})
				if errors.Is(err, objects.ErrChanged) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if i := len(body) - 100_000; i < 0 || string(body) != version(i) || info.Size != int64(len(body)) {
					t.Errorf("a reader saw a mixture of versions (%d bytes)", len(body))
					return
				}
			}
		})
	}
	for i := range 25 {
		put(t, s, "k", version(i))
	}
	stop.Store(true)
	group.Wait()
}

// testRaceWithDeletions lets deletions empty folders under the hands of puts.
func testRaceWithDeletions(t *testing.T, s objects.Store) {
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			key := fmt.Sprintf("deep/er/folder/%d", i)
			for round := range 15 {
				body := strconv.Itoa(round)
				if _, err := s.Put(t.Context(), key, []byte(body), objects.Condition{}); err != nil {
					t.Error(err)
					return
				}
				got, _, err := s.Get(t.Context(), key, objects.GetOptions{})
				if err != nil || string(got) != body {
					t.Errorf("Get(%s) = %q, %v", key, got, err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Error(err)
				}
				if _, err := s.Stat(t.Context(), key); !errors.Is(err, objects.ErrNotExist) {
					t.Errorf("Stat(%s) after Delete: %v", key, err)
				}
			}
		})
	}
	group.Wait()
	if got := keys(t, s, "", ""); len(got) != 0 {
		t.Errorf("left over: %q", got)
	}
}
