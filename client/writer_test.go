package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weft/client"
)

// intake takes events in as a server does: by id, each once. script answers the first requests; "lost" takes the rows
// in and loses the answer.
type intake struct {
	mu     sync.Mutex
	script []string
	sizes  []int
	at     []time.Time
	seen   map[string]bool
	order  []string
	again  int
	held   chan struct{} // not nil: requests wait for it
}

func (s *intake) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	if s.held != nil {
		select {
		case <-s.held:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	answer := "202"
	if len(s.script) > 0 {
		answer, s.script = s.script[0], s.script[1:]
	}
	res := &http.Response{StatusCode: 202, Header: http.Header{"Content-Type": {"application/json"}}, Request: r}
	if answer != "202" && answer != "lost" {
		status, after, _ := strings.Cut(answer, " ")
		_, _ = fmt.Sscan(status, &res.StatusCode)
		res.Header.Set("Retry-After", after)
		res.Body = io.NopCloser(strings.NewReader("{}"))
		return res, nil
	}
	var done client.Collected
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	s.sizes = append(s.sizes, len(lines))
	for i, line := range lines {
		var e client.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID == "" || e.Time.IsZero() {
			return nil, fmt.Errorf("row %q: %v", line, err)
		}
		done.Rows++
		switch {
		case e.Type == "nonsense":
			done.Dead++
			done.Results = append(done.Results, client.RowResult{Line: i + 1, ID: e.ID, Outcome: "dead", Reason: "type"})
		case s.seen[e.ID]:
			done.Duplicate++
			s.again++
		default:
			done.Accepted++
			s.seen[e.ID] = true
			s.order = append(s.order, e.Product)
		}
	}
	if answer == "lost" {
		return nil, io.ErrUnexpectedEOF
	}
	b, _ := json.Marshal(done)
	res.Body = io.NopCloser(strings.NewReader(string(b)))
	return res, nil
}

func (s *intake) requests() ([]int, []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sizes), slices.Clone(s.at)
}

func writer(t *testing.T, s *intake, cfg client.WriterConfig) *client.EventWriter {
	t.Helper()
	s.seen = map[string]bool{}
	c, err := client.New(client.Config{URL: "http://weft.test", HTTPClient: &http.Client{Transport: s}, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.NewEventWriter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func event(i int) client.Event {
	return client.Event{User: "u1", Product: fmt.Sprint("p", i), Type: "view"}
}

func write(t *testing.T, w *client.EventWriter, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := w.Write(t.Context(), event(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriterGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &intake{}
		w := writer(t, s, client.WriterConfig{Batch: 100, Wait: time.Minute})
		begin := time.Now()
		write(t, w, 0, 250)
		synctest.Wait()
		if sizes, _ := s.requests(); !slices.Equal(sizes, []int{100, 100}) {
			t.Errorf("by number: %v", sizes)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if sizes, at := s.requests(); !slices.Equal(sizes, []int{100, 100, 50}) || at[2].Sub(begin) != time.Minute {
			t.Errorf("by time: %v at %v", sizes, at)
		}
		write(t, w, 250, 260)
		err := w.Flush(t.Context())
		if sizes, _ := s.requests(); err != nil || !slices.Equal(sizes[3:], []int{10}) {
			t.Errorf("flush: %v, %v", sizes, err)
		}
		write(t, w, 260, 265)
		if err := w.Close(t.Context()); err != nil || s.sizes[4] != 5 || len(s.order) != 265 {
			t.Errorf("close: %v, %v", s.sizes, err)
		}
		for i, product := range s.order {
			if product != fmt.Sprint("p", i) {
				t.Fatalf("out of order at %d: %s", i, product)
			}
		}
		if err := w.Write(t.Context(), event(0)); !errors.Is(err, client.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if c := w.Counts(); c.Rows != 265 || c.Accepted != 265 || c.Duplicate != 0 {
			t.Errorf("counts: %+v", c)
		}
	})
}

// Whatever the server does in between, every event arrives, and counts once.
func TestWriterLosesAndDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &intake{script: []string{"lost", "503", "429 7", "lost", "500", "401", "502"}}
		w := writer(t, s, client.WriterConfig{Batch: 10})
		write(t, w, 0, 95)
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.order) != 95 || s.again != 20 {
			t.Errorf("%d events arrived, %d again", len(s.order), s.again)
		}
		if wait := s.at[3].Sub(s.at[2]); wait != 7*time.Second {
			t.Errorf("the server asked for 7 s, the writer waited %v", wait)
		}
	})
}

func TestWriterHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &intake{held: make(chan struct{})}
		w := writer(t, s, client.WriterConfig{Batch: 10, Buffer: 30})
		write(t, w, 0, 30)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := w.Write(ctx, event(30)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("write into a full buffer: %v", err)
		}
		wrote := make(chan error)
		go func() { wrote <- w.Write(t.Context(), event(30)) }()
		synctest.Wait()
		select {
		case err := <-wrote:
			t.Fatalf("a full buffer took an event: %v", err)
		default:
		}
		close(s.held)
		if err := errors.Join(<-wrote, w.Close(t.Context())); err != nil || len(s.order) != 31 {
			t.Errorf("%d events arrived: %v", len(s.order), err)
		}
	})
}

// A Close that may not wait says what is left, and another writer takes it on.
func TestWriterGivesTheRestBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &intake{script: slices.Repeat([]string{"lost"}, 1000)}
		w := writer(t, s, client.WriterConfig{Batch: 10})
		write(t, w, 0, 25)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := w.Close(ctx)
		left := w.Unsent()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "25 events") || len(left) != 25 {
			t.Fatalf("%d left: %v", len(left), err)
		}
		again := &intake{}
		next := writer(t, again, client.WriterConfig{})
		again.seen = s.seen
		for _, e := range left {
			if err := next.Write(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := next.Close(t.Context()); err != nil || len(again.seen) != 25 {
			t.Errorf("%d arrived: %v", len(again.seen), err)
		}
	})
}

func TestWriterTellsWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused []string
		s := &intake{script: []string{"413", "202", "413", "202"}}
		w := writer(t, s, client.WriterConfig{Refused: func(e client.Event, r client.RowResult) { refused = append(refused, e.Product+" "+r.Reason) }})
		write(t, w, 0, 3)
		if err := w.Write(t.Context(), client.Event{User: "u1", Product: "px", Type: "nonsense"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(t.Context(), client.Event{User: strings.Repeat("u", 2<<20), Type: "view"}); err == nil {
			t.Error("a row of 2 MiB was taken")
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(refused, []string{"p1 refused", "px type"}) || !slices.Equal(s.order, []string{"p0", "p2"}) {
			t.Errorf("refused %v, arrived %v", refused, s.order)
		}
	})
}

func TestWriterConfigIsRefused(t *testing.T) {
	c, err := client.New(client.Config{URL: "http://h"})
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]client.WriterConfig{"Batch": {Batch: 1001}, "Wait": {Wait: -1}, "Buffer": {Batch: 10, Buffer: 5}} {
		if _, err := c.NewEventWriter(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
