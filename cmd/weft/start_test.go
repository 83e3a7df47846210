package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/storage/servertest"
)

// TestUnreachable starts every role without Redis and without S3: it must fail
// soon, and name the flag and the address.
func TestUnreachable(t *testing.T) {
	live := servertest.Redis(t)
	closed := closedPort(t)
	s := newShop(t)
	dir := "file://" + filepath.Join(s.dir, "bucket")
	away := "redis://" + closed + "/0"
	s3 := "s3://bucket?secure=false&region=us-east-1&endpoint=" + closed
	type start struct {
		args []string
		says string
	}
	var starts []start
	with := func(objects, queue, vectors string) []string {
		return []string{"--objects", objects, "--queue", queue, "--vectors", vectors, "--s3-access-key", "k", "--s3-secret-key", "s"}
	}
	for _, role := range []string{"scheduler", "worker", "serve"} {
		starts = append(starts,
			start{append([]string{role}, with(dir, away, live.URL("1"))...), "--queue"},
			start{append([]string{role}, with(dir, live.URL("0"), away)...), "--vectors"},
			start{append([]string{role}, with(s3, live.URL("0"), live.URL("1"))...), "s3"})
	}
	for _, args := range [][]string{{"audit"}, {"get", "product", "x"}, {"import", s.dir}} {
		starts = append(starts, start{append(args, "--objects", s3, "--s3-access-key", "k", "--s3-secret-key", "s"), "s3"})
	}
	for _, c := range starts { // each waits a few seconds for a server that may be restarting
		t.Run(c.args[0]+" without "+c.says, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			o := weft(t, c.args...)
			if o.code != exitFailed || !strings.Contains(strings.ToLower(o.err), c.says) || !strings.Contains(o.err, closed) {
				t.Errorf("exit %d, %s; want exit 1, %q and %s", o.code, o.err, c.says, closed)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v to say so", took)
			}
		})
	}
}

// TestEvictingRedis: a Redis that may forget tasks is refused.
func TestEvictingRedis(t *testing.T) {
	evicting := servertest.Redis(t, "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
	s := newShop(t)
	o := weft(t, "worker", "--objects", "file://"+filepath.Join(s.dir, "bucket"), "--queue", evicting.URL("0"), "--vectors", evicting.URL("1"))
	if o.code != exitFailed || !strings.Contains(o.err, "allkeys-lru") || !strings.Contains(o.err, "noeviction") {
		t.Errorf("exit %d, %s", o.code, o.err)
	}
}

// TestNothingThere: reading commands over a bucket without vectors say what to run.
func TestNothingThere(t *testing.T) {
	s := newShop(t)
	for _, args := range [][]string{{"audit"}, {"status"}, {"get", "product", "x"}, {"similar", "x"}, {"export", "products", "--out", filepath.Join(t.TempDir(), "x")}, {"evaluate"}} {
		if o := weft(t, append(args, "--data", s.dir)...); o.code != exitFailed || !strings.Contains(o.err, "weft up") {
			t.Errorf("weft %s: exit %d, %s", args[0], o.code, o.err)
		}
	}
}

// closedPort is an address where nobody answers.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}
