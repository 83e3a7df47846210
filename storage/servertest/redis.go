package servertest

import (
	"net"
	"os/exec"
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
	folder := tb.TempDir()
	return &RedisServer{launch(tb, "Ready to accept connections", func(addr string) *exec.Cmd {
		host, port, _ := net.SplitHostPort(addr) // made by freeAddress
		cmd := exec.Command(path, append([]string{
			"--bind", host, "--port", port, "--dir", folder, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
		}, args...)...)
		cmd.Dir = folder
		return cmd
	})}
}

// URL is the address of a database (0 to 15), as redis.ParseURL reads it.
func (s *RedisServer) URL(database string) string { return "redis://" + s.Addr + "/" + database }
