package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says which server and tenant to talk to.
type Config struct {
	// URL of the server, such as http://127.0.0.1:8080. Required.
	URL string
	// Tenant, default "default".
	Tenant string
	// Token is sent as a bearer token. A server without tokens ignores it. Use
	// https with it wherever others can listen.
	Token string
	// HTTPClient, default one that gives up an attempt after a minute.
	HTTPClient *http.Client
	// Attempts is how often a request is tried in all where trying again is safe,
	// 1 to 20, default 4.
	Attempts int
}

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("client: URL %q: want http:// or https:// and a host, such as http://127.0.0.1:8080", c.URL)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("client: URL %q: want no query and no fragment", c.URL)
	}
	if c.Attempts < 0 || c.Attempts > 20 {
		return fmt.Errorf("client: Attempts %d: want 1 to 20, or 0 for the default of 4", c.Attempts)
	}
	if strings.ContainsAny(c.Token, " \t\r\n") {
		return errors.New("client: Token: holds a space or a line break")
	}
	return nil
}

// Client talks to one tenant of one server. Safe for concurrent use; needs no
// closing.
type Client struct {
	base   string // without a trailing slash
	tenant string // base and /v1/<tenant>
	cfg    Config
}

// New checks cfg; it does not connect.
func New(cfg Config) (*Client, error) {
	if cfg.Tenant == "" {
		cfg.Tenant = "default"
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 4
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: time.Minute}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base := strings.TrimRight(cfg.URL, "/")
	return &Client{base: base, tenant: base + "/v1/" + segment(cfg.Tenant), cfg: cfg}, nil
}

// segment escapes one part of a path, dots too where they would mean a folder.
func segment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}

// request is one exchange, to be repeated as it is.
type request struct {
	method string
	url    string
	header http.Header
	body   []byte
	// once forbids another attempt after one that may have had an effect.
	once bool
}

// maxAnswer bounds what is read of an answer: a thousand neighbours and two
// vectors of any size fit easily.
const maxAnswer = 64 << 20

// do sends req, again where that is safe, and decodes a success into out, which
// may be nil.
func (c *Client) do(ctx context.Context, req request, out any) error {
	for attempt := 1; ; attempt++ {
		err := c.try(ctx, req, out)
		if err == nil {
			return nil
		}
		wait, again := delay(ctx, req, err, attempt, c.cfg.Attempts)
		if !again {
			return err
		}
		if sleepErr := sleep(ctx, wait); sleepErr != nil {
			return fmt.Errorf("%w while waiting to try again after: %w", sleepErr, err)
		}
	}
}

func (c *Client) try(ctx context.Context, req request, out any) error {
	r, err := http.NewRequestWithContext(ctx, req.method, req.url, bytes.NewReader(req.body))
	if err != nil {
		return fmt.Errorf("client: %s %s: %w", req.method, req.url, err)
	}
	for name, values := range req.header {
		r.Header[name] = values
	}
	r.Header.Set("Accept", "application/json, application/problem+json")
	if c.cfg.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	res, err := c.cfg.HTTPClient.Do(r)
	if err != nil {
		return &transportError{err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return &transportError{fmt.Errorf("%s %s: reading the answer: %w", req.method, req.url, err)}
	}
	if len(body) > maxAnswer {
		return fmt.Errorf("client: %s %s: the answer is larger than %d bytes", req.method, req.url, maxAnswer)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return problemOf(res, body)
	}
	if out == nil {
		return nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = body
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("client: %s %s: the answer cannot be read: %w", req.method, req.url, err)
	}
	return nil
}

// transportError is a failure without an answer: the request may have been
// carried out or not.
type transportError struct{ err error }

func (e *transportError) Error() string { return "client: " + e.err.Error() }
func (e *transportError) Unwrap() error { return e.err }
