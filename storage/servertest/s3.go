package servertest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// S3Server is a real S3 server (versitygw on a folder) with one empty bucket.
type S3Server struct {
	*Process
	Bucket, AccessKey, SecretKey, Region string
	// Folder is where the bucket's objects lie as files.
	Folder string
}

// S3 starts a versitygw. args are further global options of versitygw.
func S3(tb testing.TB, args ...string) *S3Server {
	tb.Helper()
	path, err := lookPath("versitygw")
	if err != nil {
		tb.Fatalf("versitygw is not installed; run `make test`, which installs it: %v", err)
	}
	s := &S3Server{Bucket: "bucket", AccessKey: "weft-test", SecretKey: "weft-test-secret", Region: "us-east-1"}
	root := tb.TempDir()
	s.Folder = filepath.Join(root, s.Bucket)
	if err := os.Mkdir(s.Folder, 0o755); err != nil {
		tb.Fatal(err)
	}
	s.Process = launch(tb, "listening on:", func(addr string) *exec.Cmd {
		cmd := exec.Command(path, append([]string{
			"--port", addr, "--access", s.AccessKey, "--secret", s.SecretKey, "--region", s.Region, "--keep-alive",
		}, append(args, "posix", root)...)...)
		cmd.Dir = root
		return cmd
	})
	return s
}

// URL is the bucket's address, below prefix, as objects.Open reads it.
func (s *S3Server) URL(prefix string) string {
	query := url.Values{"endpoint": {s.Addr}, "secure": {"false"}, "region": {s.Region}}
	return fmt.Sprintf("s3://%s/%s?%s", s.Bucket, strings.Trim(prefix, "/"), query.Encode())
}

// lookPath also looks where `go install` puts binaries.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || !errors.Is(err, exec.ErrNotFound) {
		return path, err
	}
	gopath, goErr := exec.Command("go", "env", "GOBIN", "GOPATH").Output()
	if goErr != nil {
		return "", err
	}
	gobin, gopathDir, _ := strings.Cut(strings.TrimRight(string(gopath), "\n"), "\n")
	if gobin == "" {
		gobin = filepath.Join(filepath.SplitList(gopathDir)[0], "bin")
	}
	return exec.LookPath(filepath.Join(gobin, name))
}
