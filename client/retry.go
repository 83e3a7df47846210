package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Waiting doubles from firstWait up to maxWait, of which a random half is taken
// away, so that many clients do not come back together.
const (
	firstWait = 100 * time.Millisecond
	maxWait   = 5 * time.Second
	// maxRetryAfter is the longest wait that a server may impose; a longer one is
	// the caller's to decide.
	maxRetryAfter = 30 * time.Second
)

func retryable(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// delay decides whether a failed attempt is followed by another, and after what
// wait. Every method of this API may be repeated, except a write under a
// condition whose outcome is unknown: if it did happen, repeating it would fail.
func delay(ctx context.Context, req request, err error, attempt, attempts int) (time.Duration, bool) {
	if attempt >= attempts || ctx.Err() != nil {
		return 0, false
	}
	wait := min(firstWait<<(attempt-1), maxWait)
	wait -= rand.N(wait / 2)

	var p *Problem
	var t *transportError
	switch {
	case errors.As(err, &p):
		refused := p.Status == http.StatusTooManyRequests // and surely without effect
		if !retryable(p.Status) || (req.once && !refused) || p.RetryAfter > maxRetryAfter {
			return 0, false
		}
		wait = max(wait, p.RetryAfter)
	case errors.As(err, &t):
		if req.once {
			return 0, false
		}
	default:
		return 0, false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, true
}

// pauseAfter is how long a writer rests after so many failures in a row: it never gives up,
// and waits as long as the server asks.
func pauseAfter(err error, failures int) time.Duration {
	wait := min(firstWait<<min(failures-1, 10), maxWait)
	wait -= rand.N(wait / 2)
	var p *Problem
	if errors.As(err, &p) {
		wait = max(wait, p.RetryAfter)
	}
	return wait
}

// retryAfter reads seconds or a date; what cannot be read, or lies in the past, is 0.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
