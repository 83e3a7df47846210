package servertest_test

import (
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
)

func TestRedis(t *testing.T) {
	s := servertest.Redis(t)
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, ReadTimeout: 200 * time.Millisecond})
	defer c.Close()
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Pause()
	if err := c.Get(t.Context(), "k").Err(); err == nil {
		t.Error("a paused server answered")
	}
	s.Resume()
	if got, err := c.Get(t.Context(), "k").Result(); err != nil || got != "v" {
		t.Errorf("after Resume: %q, %v", got, err)
	}
	s.Kill()
	if conn, err := net.Dial("tcp", s.Addr); err == nil {
		conn.Close()
		t.Error("a killed server accepts connections")
	}
	s.Start()
	if err := c.Get(t.Context(), "k").Err(); err != redis.Nil {
		t.Errorf("after Kill and Start: %v, want an empty server", err)
	}
}

func TestS3(t *testing.T) {
	s := servertest.S3(t)
	response, err := http.Get("http://" + s.Addr + "/" + s.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("anonymous listing: %s, want it forbidden", response.Status)
	}
	if entries, err := os.ReadDir(s.Folder); err != nil || len(entries) != 0 {
		t.Errorf("bucket folder: %v, %v; want it empty", entries, err)
	}
}
