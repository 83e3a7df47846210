package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"weft/client"
)

// A token from `weft token` reads and does nothing else, until its line is gone; commands on the same data
// directory need none of it.
func TestTokenFile(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "tokens.jsonl")
	reader := strings.TrimSpace(done(t, "token", "read", "--name", "recommender", "--file", file))
	writer := strings.TrimSpace(done(t, "token", "catalogue", "events", "--file", file))
	up := spawn(t, "up", "--data", dir, "--listen", "127.0.0.1:0", "--tokens", file)
	var info lockInfo
	until(t, "weft up answers", func() (ok bool) { up.alive(); info, ok = runningAt(dir); return ok })
	as := func(token string) *client.Client {
		c, err := client.New(client.Config{URL: "http://" + info.HTTP, Token: token})
		must(t, err)
		return c
	}
	_, err := as(reader).Status(t.Context())
	must(t, err)
	if _, err := as(reader).PutProduct(t.Context(), "p1", client.Listing{Title: "a"}, client.Condition{}); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("a reader wrote: %v", err)
	}
	_, err = as(writer).PutProduct(t.Context(), "p1", client.Listing{Title: "a"}, client.Condition{})
	must(t, err)
	if _, err := as("").Status(t.Context()); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("without a token: %v", err)
	}
	done(t, "status", "--data", dir)

	lines := strings.SplitAfter(string(read(t, file)), "\n")
	write(t, file, []byte(lines[1]))
	until(t, "the reader's token is taken back", func() bool {
		up.alive()
		_, err := as(reader).Status(t.Context())
		return errors.Is(err, client.ErrUnauthorized)
	})
	for _, bad := range [][]string{{"token", "owner", "--file", file}, {"token", "read"}, {"token", "read", "--tenant", "Shop", "--file", file},
		{"up", "--data", t.TempDir(), "--tokens", filepath.Join(dir, "none")}, {"up", "--data", t.TempDir(), "--token", "short", "--listen", "127.0.0.1:0"}} {
		if o := weft(t, bad...); o.code != exitUsage {
			t.Errorf("weft %v: exit %d %s", bad, o.code, o.err)
		}
	}
}
