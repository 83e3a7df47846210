// Package processtest starts programs for tests, keeps what they print, and waits for what they do.
package processtest

import (
	"bytes"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Start starts a child that also ends when this process is killed, where the kernel can do that (Linux). exited is closed when
// it has ended: cmd.ProcessState says how. It sets cmd.SysProcAttr.
func Start(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	endWithParent(cmd)
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		// The thread that starts a child is the parent whose death ends it, so it must
		// live as long as this process.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the state says it
		}
		close(ended)
	}()
	return ended, <-started
}

// Journal is a buffer that is read while it is written.
type Journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write is an io.Writer's.
func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// String is all of it so far.
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// Last is the last n bytes, or all there are.
func (j *Journal) Last(n int) string {
	s := j.String()
	return s[max(0, len(s)-n):]
}

// Patience is how long anything may take before a test gives up; a busy machine is slow.
const Patience = 60 * time.Second

// Until waits for a condition, and fails the test where it is waited for in vain; more is said then.
func Until(tb testing.TB, what string, holds func() bool, more ...func() string) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			for _, f := range more {
				what += "\n" + f()
			}
			tb.Fatalf("not within %v: %s", Patience, what)
		}
	}
}
