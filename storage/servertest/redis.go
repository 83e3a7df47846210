package servertest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// RedisServer is a real redis-server with 16 databases, no password, no eviction
// and nothing on disk (after Kill and Start it is empty).
type RedisServer struct{ *Process }

// Redis starts a redis-server. args are further settings, such as "--maxmemory",
// "50mb".
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatalf("redis-server is not installed; install the package redis-server (Debian, Ubuntu) or redis (Homebrew): %v", err)
	}
	return redis(tb, path, nil, args)
}

// QueryEngine starts a redis-server with the Query Engine (module search), which
// indexes database 0 alone. scripts/query-engine.sh fetches it, on Linux amd64.
func QueryEngine(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	dir := filepath.Join(cache, "weft", "query-engine")
	path, module := filepath.Join(dir, "redis-server"), filepath.Join(dir, "redisearch.so")
	if _, err := os.Stat(module); err != nil {
		tb.Fatalf("no redis-server with the Query Engine: %v; run make test-needs", err)
	}
	return redis(tb, path, append(os.Environ(), "LD_LIBRARY_PATH="+dir), append([]string{"--loadmodule", module}, args...))
}

func redis(tb testing.TB, path string, env, args []string) *RedisServer {
	tb.Helper()
	folder := tb.TempDir()
	return &RedisServer{launch(tb, "Ready to accept connections", func(addr string) *exec.Cmd {
		host, port, _ := net.SplitHostPort(addr) // made by freeAddress
		cmd := exec.Command(path, append([]string{
			"--bind", host, "--port", port, "--dir", folder, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
		}, args...)...)
		cmd.Dir, cmd.Env = folder, env
		return cmd
	})}
}

// URL is the address of a database (0 to 15), as redis.ParseURL reads it.
func (s *RedisServer) URL(database string) string { return "redis://" + s.Addr + "/" + database }
