package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"
)

var servedAt = regexp.MustCompile(`http://(\S+),`)

// server is a `weft serve` that may be killed and started again.
type server struct {
	f       *fleet
	mu      sync.Mutex
	process *process
	address string
}

func (s *server) start() {
	s.f.t.Helper()
	p := spawn(s.f.t, s.f.args("serve", "--listen", "127.0.0.1:0")...)
	var found []string
	until(s.f.t, "weft serve is ready", func() bool {
		p.alive()
		found = servedAt.FindStringSubmatch(p.err.String())
		return found != nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process, s.address = p, found[1]
}

func (s *server) at() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// deliver posts rows until they are acknowledged, as a shop's client would.
func (s *server) deliver(rows []fields) error {
	body := lines(rows)
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		resp, err := http.Post("http://"+s.at()+"/v1/default/events", "application/x-ndjson", bytes.NewReader(body))
		if err == nil {
			answer, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusAccepted {
				return nil
			}
			err = fmt.Errorf("%s: %s", resp.Status, answer)
		}
		last = err
		<-time.After(50 * time.Millisecond)
	}
	return last
}

// TestShoppersOutliveKills kills the server and a worker while events come in: each
// event that was acknowledged is in its shopper's vector in the end, as if nothing had
// happened.
func TestShoppersOutliveKills(t *testing.T) {
	ids := samples(t, 8)
	events, _, _ := shoppers(30, 20, ids)
	s := newShop(t)
	for _, id := range ids {
		s.put(id, "product.json", listing(t, id, nil))
	}
	f := newFleet(t)
	f.upload(s)
	f.start("2s")
	f.settled(len(ids))
	web := &server{f: f}
	web.start()

	var posting sync.WaitGroup
	requests := slices.Collect(slices.Chunk(events, 3))
	failed := make(chan error, len(requests))
	const rate = 20 * time.Millisecond // 150 events a second
	tick := time.NewTicker(rate)
	defer tick.Stop()
	for i, rows := range requests {
		switch i {
		case len(requests) / 4:
			f.workers[0].kill()
		case len(requests) / 2:
			web.process.kill()
			f.workers[0] = spawn(t, f.args("worker", "--runners", "1")...)
			web.start() // those who are not answered go on trying meanwhile
		}
		posting.Go(func() {
			if err := web.deliver(rows); err != nil {
				failed <- err
			}
		})
		<-tick.C
	}
	posting.Wait()
	acknowledged := time.Now()
	close(failed)
	for err := range failed {
		t.Fatalf("an event was never acknowledged: %v", err)
	}
	until(t, "every event is in its shopper's vector", func() bool {
		a := f.audit()
		return a.Balanced && a.Users.Vectors == 30 && a.Rows.Vector == len(events)
	})
	took := time.Since(acknowledged)
	place := append(f.place(), "--vectors", f.redis.URL("1"))
	until(t, "Redis holds what the lake holds", func() bool { return weft(t, append([]string{"audit"}, place...)...).code == exitDone })
	together := exported[userRow](t, "users", f.place()...)
	web.process.signal(15)
	web.process.wait()
	f.stop()

	// The same, undisturbed, in one process.
	up := s.open("--sweep-every", "1s")
	info, _ := runningAt(s.dir)
	post(t, info.HTTP, "events", events)
	until(t, "all shoppers have a vector", func() bool { a := s.auditNow(); return a.Balanced && a.Users.Vectors == 30 })
	up.kill()
	sameVectors(t, "kills", exported[userRow](t, "users", "--data", s.dir), together)
	t.Logf("%d events while a worker and the server were killed; the last vector followed %.1f s after the last acknowledgement", len(events), took.Seconds())
}
