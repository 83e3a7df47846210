package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// benchEvent is an event as it is posted.
type benchEvent struct {
	ID      string `json:"id"`
	User    string `json:"user"`
	Product string `json:"product"`
	Type    string `json:"type"`
	Time    string `json:"time"`
	at      time.Time
}

// benchWatch remembers when the events of each shopper were sent, until a vector follows.
type benchWatch struct {
	mu      sync.Mutex
	sent    map[string][]time.Time
	answers []time.Duration
	vectors []time.Duration
	later   int // told to come back
	refused int
	failed  error
}

func (w *benchWatch) saw(user string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sent := range w.sent[user] {
		w.vectors = append(w.vectors, at.Sub(sent))
	}
	delete(w.sent, user)
}

// send posts events at the rate, whether or not earlier ones were answered.
func (c *benchEventsCmd) send(ctx context.Context, u *up, w *benchWatch) {
	url := "http://" + u.node.http.Addr().String() + "/v1/default/events"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	r := rand.New(rand.NewPCG(3, 3))
	var posting sync.WaitGroup
	began := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		due := began.Add(time.Duration(float64(i) / c.Rate * float64(time.Second)))
		if due.Sub(began) >= c.For {
			break
		}
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
		}
		e := c.event(r, i%c.Users, fmt.Sprintf("e%d", i), time.Now())
		w.mu.Lock()
		w.sent[e.User] = append(w.sent[e.User], due)
		w.mu.Unlock()
		posting.Go(func() { w.post(ctx, client, url, e, due) })
	}
	posting.Wait()
}

// post sends an event until it is taken: a server that is busy says when to come back.
func (w *benchWatch) post(ctx context.Context, client *http.Client, url string, e benchEvent, due time.Time) {
	body, err := json.Marshal(e)
	status, later := http.StatusTooManyRequests, 0
	for ; err == nil && status == http.StatusTooManyRequests; later++ {
		if later > 0 {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
		status, err = postEvent(ctx, client, url, body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = append(w.answers, time.Since(due))
	if later > 1 {
		w.later++
	}
	if err != nil || status != http.StatusAccepted {
		w.refused++
		if w.failed == nil {
			w.failed = fmt.Errorf("POST %s: status %d, %v", url, status, err)
		}
	}
}

func postEvent(ctx context.Context, client *http.Client, url string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}
