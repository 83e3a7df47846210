// Package crew keeps a number of processes of one program running on this machine: it starts them, asks them to end and waits,
// and replaces those that end by themselves. How many there are to be is decided elsewhere.
package crew

import (
	"io"
	"log/slog"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Config says what a crew's processes are. All but Args and Env is required.
type Config struct {
	Program string
	Args    []string
	Env     []string
	Output  io.Writer     // of the processes
	Grace   time.Duration // from SIGTERM to SIGKILL
	Log     *slog.Logger
	Now     func() time.Time
}

// Crew keeps a number of processes running. Those that are asked to end are waited
// for; those that end by themselves are replaced, after a pause that grows while they keep
// failing.
type Crew struct {
	Config
	changed chan struct{} // somebody has ended

	mu        sync.Mutex
	members   []*member // in the order of their start
	failures  int       // in a row
	notBefore time.Time // of the next start
	total     State
}

// State counts: who runs or drains now, and who ever started, crashed, or was killed because it did not drain in time.
type State struct{ Running, Draining, Started, Crashed, Killed int }

// member is one process.
type member struct {
	cmd     *exec.Cmd
	started time.Time
	asked   bool // to end
	kill    *time.Timer
	exited  chan struct{}
}

const (
	firstPause = time.Second
	mostPause  = time.Minute
	// steady is how long a process must have run for its end to be no longer a failure to
	// start.
	steady = time.Minute
)

// New makes a crew of nobody. Stop ends it.
func New(cfg Config) *Crew { return &Crew{Config: cfg, changed: make(chan struct{}, 1)} }

// Changed holds something when somebody has ended since it was last read.
func (c *Crew) Changed() <-chan struct{} { return c.changed }

// Become starts or drains until n run; with those that drain there are never more than
// most. The newest are drained first: they have the least in their caches.
func (c *Crew) Become(n, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := c.count(); s.Running < n && s.Running+s.Draining < most && !c.Now().Before(c.notBefore); s = c.count() {
		if err := c.start(); err != nil {
			c.Log.Error("a worker cannot be started and will be tried again", "error", err)
			c.failed()
			return
		}
	}
	for i := len(c.members) - 1; i >= 0 && c.count().Running > n; i-- {
		c.drain(c.members[i])
	}
}

// count is called with mu held.
func (c *Crew) count() State {
	s := c.total
	for _, m := range c.members {
		if m.asked {
			s.Draining++
		} else {
			s.Running++
		}
	}
	return s
}

// State is what there is now.
func (c *Crew) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count()
}

// start is called with mu held.
func (c *Crew) start() error {
	m := &member{cmd: exec.Command(c.Program, c.Args...), started: c.Now(), exited: make(chan struct{})}
	m.cmd.Env, m.cmd.Stdout, m.cmd.Stderr = c.Env, c.Output, c.Output
	apart(m.cmd)
	begun := make(chan error, 1)
	go func() {
		// The thread that starts a child is the parent whose death the child hears of, so it
		// must live as long as this process.
		runtime.LockOSThread()
		err := m.cmd.Start()
		begun <- err
		if err == nil {
			_ = m.cmd.Wait() // the state says it
			c.ended(m)
		}
	}()
	if err := <-begun; err != nil {
		return err
	}
	c.total.Started++
	c.members = append(c.members, m)
	c.Log.Info("worker started", "pid", m.cmd.Process.Pid)
	return nil
}

// drain is called with mu held.
func (c *Crew) drain(m *member) {
	if m.asked {
		return
	}
	m.asked = true
	c.Log.Info("worker is to drain", "pid", m.cmd.Process.Pid)
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // fails only if it is gone
	m.kill = time.AfterFunc(c.Grace, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		select {
		case <-m.exited:
			return
		default:
		}
		c.total.Killed++
		c.Log.Warn("worker did not drain in time and is ended; its work is issued again", "pid", m.cmd.Process.Pid, "after", c.Grace)
		_ = m.cmd.Process.Kill()
	})
}

// ended takes a process off the list, and says whether it may be replaced at once.
func (c *Crew) ended(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(m.exited)
	for i, other := range c.members {
		if other == m {
			c.members = append(c.members[:i], c.members[i+1:]...)
			break
		}
	}
	ran := c.Now().Sub(m.started)
	switch {
	case m.asked:
		m.kill.Stop()
		c.Log.Info("worker drained", "pid", m.cmd.Process.Pid, "ran", ran.Round(time.Second))
	case m.cmd.ProcessState.Success():
		c.Log.Info("worker left by itself", "pid", m.cmd.Process.Pid)
	default:
		c.total.Crashed++
		if ran >= steady {
			c.failures = 0
		}
		c.Log.Error("worker crashed and will be replaced", "pid", m.cmd.Process.Pid, "how", m.cmd.ProcessState.String(), "ran", ran.Round(time.Millisecond), "pause", c.failed())
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// failed lengthens the pause before the next start. mu is held.
func (c *Crew) failed() time.Duration {
	pause := min(firstPause<<min(c.failures, 10), mostPause)
	c.failures++
	c.notBefore = c.Now().Add(pause)
	return pause
}

// Stop drains everybody and waits.
func (c *Crew) Stop() {
	c.mu.Lock()
	all := append([]*member(nil), c.members...)
	for _, m := range all {
		c.drain(m)
	}
	c.mu.Unlock()
	for _, m := range all {
		<-m.exited
	}
}
