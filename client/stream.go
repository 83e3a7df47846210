package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Update says that a vector was written or deleted. It is a hint: it may come twice, and the
// vector itself says what holds.
type Update struct {
	Position   string `json:"position"` // to go on from
	Kind       string `json:"kind"`     // product or user
	ID         string `json:"id"`
	Generation string `json:"generation"`
	UpdatedAt  int64  `json:"updated_at"` // Unix milliseconds
}

// Products yields every product of the live generation, in any order, as the server reads
// them; one that is written meanwhile may come twice. since leaves out those published before,
// the zero time none; withVectors false leaves their vectors out. An error is the last thing
// that is yielded, and means that not all were told.
func (c *Client) Products(ctx context.Context, since time.Time, withVectors bool) iter.Seq2[Product, error] {
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", strconv.FormatInt(since.UnixMilli(), 10))
	}
	if !withVectors {
		query.Set("vectors", "false")
	}
	return lines[Product](ctx, c, "/vectors/products", query)
}

// Updates yields what was written or deleted after a position, and goes on until ctx ends or
// the caller stops. "" is now, "0-0" the oldest update that is kept. An error is the last
// thing that is yielded: after ErrGone read all products again, after any other follow
// again from the last position seen.
func (c *Client) Updates(ctx context.Context, after string) iter.Seq2[Update, error] {
	return lines[Update](ctx, c, "/updates", url.Values{"after": {after}, "follow": {"true"}})
}

// maxLine bounds one line of a stream.
const maxLine = 8 << 20

// lines reads a stream. It asks once: the caller knows from where to go on.
func lines[T any](ctx context.Context, c *Client, below string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		// The time limit of the client is one of whole answers, and this one may have no end.
		streaming := *c.cfg.HTTPClient
		streaming.Timeout = 0
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		u := c.tenant + below + "?" + query.Encode()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, http.NoBody)
		if err != nil {
			yield(none, fmt.Errorf("client: GET %s: %w", u, err))
			return
		}
		r.Header.Set("Accept", "application/x-ndjson, application/problem+json")
		if c.cfg.Token != "" {
			r.Header.Set("Authorization", "Bearer "+c.cfg.Token)
		}
		res, err := streaming.Do(r)
		if err != nil {
			yield(none, &transportError{err})
			return
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(io.LimitReader(res.Body, maxRowBytes))
			yield(none, problemOf(res, body))
			return
		}
		scan := bufio.NewScanner(res.Body)
		scan.Buffer(nil, maxLine)
		for scan.Scan() {
			if len(scan.Bytes()) == 0 {
				continue // the server says that it is there
			}
			var v T
			if err := json.Unmarshal(scan.Bytes(), &v); err != nil {
				yield(none, fmt.Errorf("client: GET %s: a line cannot be read: %w", u, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := scan.Err(); err != nil {
			yield(none, &transportError{fmt.Errorf("GET %s: %w", u, err)})
		}
	}
}
