package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weft/client"
)

// replies answers attempts in order; a reply of 0 is a lost connection.
type replies struct {
	status []int
	after  string // Retry-After
	at     []time.Time
	bodies []string
}

func (r *replies) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	r.at, r.bodies = append(r.at, time.Now()), append(r.bodies, string(body))
	status := r.status[min(len(r.at), len(r.status))-1]
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	res := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{}`)), Request: req}
	if r.after != "" {
		res.Header.Set("Retry-After", r.after)
	}
	return res, nil
}

func newClient(t *testing.T, r *replies) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: "http://weft.test", HTTPClient: &http.Client{Transport: r}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAttempts(t *testing.T) {
	get := func(ctx context.Context, c *client.Client) error { _, err := c.Product(ctx, "p"); return err }
	put := func(ctx context.Context, c *client.Client) error {
		_, err := c.PutProduct(ctx, "p", client.Listing{Title: "t"}, client.Condition{})
		return err
	}
	putOnce := func(ctx context.Context, c *client.Client) error {
		_, err := c.PutProduct(ctx, "p", client.Listing{Title: "t"}, client.Condition{IfAbsent: true})
		return err
	}
	for _, tc := range []struct {
		name     string
		call     func(context.Context, *client.Client) error
		status   []int
		after    string
		attempts int
		min, max time.Duration // from the first attempt to the last
		ok       bool
	}{
		{"success", get, []int{200}, "", 1, 0, 0, true},
		{"lost, then there", get, []int{0, 0, 200}, "", 3, 150 * time.Millisecond, 300 * time.Millisecond, true},
		{"busy", get, []int{429, 200}, "3", 2, 3 * time.Second, 3 * time.Second, true},
		{"down for good", put, []int{503}, "", 4, 350 * time.Millisecond, 700 * time.Millisecond, false},
		{"a wait that is the caller's to decide", get, []int{503}, "31", 1, 0, 0, false},
		{"not found", get, []int{404}, "", 1, 0, 0, false},
		{"a fault of the server", put, []int{500}, "", 1, 0, 0, false},
		{"a conditional write that was lost", putOnce, []int{0}, "", 1, 0, 0, false},
		{"a conditional write with unknown outcome", putOnce, []int{503}, "", 1, 0, 0, false},
		{"a conditional write that was turned away", putOnce, []int{429, 201}, "1", 2, time.Second, time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &replies{status: tc.status, after: tc.after}
				err := tc.call(t.Context(), newClient(t, r))
				if (err == nil) != tc.ok {
					t.Errorf("got %v", err)
				}
				if len(r.at) != tc.attempts {
					t.Fatalf("%d attempts, want %d", len(r.at), tc.attempts)
				}
				if took := r.at[len(r.at)-1].Sub(r.at[0]); took < tc.min || took > tc.max {
					t.Errorf("took %v, want %v to %v", took, tc.min, tc.max)
				}
				for _, b := range r.bodies {
					if b != r.bodies[0] {
						t.Errorf("bodies differ: %q", r.bodies)
					}
				}
			})
		})
	}
}

func TestRetryAfterDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &replies{status: []int{503, 200}, after: time.Now().Add(7 * time.Second).UTC().Format(http.TimeFormat)}
		if _, err := newClient(t, r).Product(t.Context(), "p"); err != nil {
			t.Fatal(err)
		}
		if took := r.at[1].Sub(r.at[0]); took < 6*time.Second || took > 7*time.Second {
			t.Errorf("waited %v for a date 7 s ahead", took)
		}
	})
}

func TestDeadlineEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := &replies{status: []int{503}, after: "2"}
		_, err := newClient(t, r).Product(ctx, "p")
		if !errors.Is(err, client.ErrUnavailable) || len(r.at) != 1 {
			t.Errorf("%d attempts, %v", len(r.at), err)
		}
	})
}

func TestCancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &replies{status: []int{503}, after: "20"}
		done := make(chan error, 1)
		go func() {
			_, err := newClient(t, r).Product(ctx, "p")
			done <- err
		}()
		synctest.Wait() // it sleeps now
		cancel()
		err := <-done
		if !errors.Is(err, context.Canceled) || !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}
