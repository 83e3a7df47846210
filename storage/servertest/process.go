// Package servertest starts the real servers that tests run against: redis-server
// and versitygw (S3), each on a free port of the loopback with a folder of its own.
// A server ends with its test. A missing binary fails the test: a suite that skips
// would prove nothing.
package servertest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weft/processtest"
)

const (
	startTries   = 5
	startTimeout = 30 * time.Second
)

// Process is a running server. Its methods fail the test on error and are not safe
// for concurrent use.
type Process struct {
	// Addr is the server's host:port, the same after Start.
	Addr string

	tb      testing.TB
	command func(addr string) *exec.Cmd
	ready   string // what the server prints once it serves
	cmd     *exec.Cmd
	exited  <-chan struct{}
}

// launch starts a server on a free port; another test may take the port in between,
// so it tries again.
func launch(tb testing.TB, ready string, command func(addr string) *exec.Cmd) *Process {
	tb.Helper()
	p := &Process{tb: tb, command: command, ready: ready}
	tb.Cleanup(p.Kill)
	var err error
	for range startTries {
		p.Addr = freeAddress(tb)
		if err = p.start(); err == nil {
			return p
		}
	}
	tb.Fatal(err)
	return nil
}

// Start starts the server again after Kill, on the same address and folder.
func (p *Process) Start() {
	p.tb.Helper()
	if err := p.start(); err != nil {
		p.tb.Fatal(err)
	}
}

// Kill ends the server at once (SIGKILL), as a crash would, and waits until it is
// gone. A server that is gone already is fine.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // fails only if it is gone
	<-p.exited
	p.cmd = nil
}

// Pause freezes the server (SIGSTOP): connections stay open, nothing is answered.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	p.tb.Helper()
	if p.cmd == nil {
		p.tb.Fatalf("signal %v: the server is not running", s)
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatalf("signal %v: %v", s, err)
	}
}

func (p *Process) start() error {
	cmd := p.command(p.Addr)
	output, input, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = input, input
	exited, err := processtest.Start(cmd)
	_ = input.Close()
	if err != nil {
		_ = output.Close()
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p.cmd, p.exited = cmd, exited
	log := &tail{ready: p.ready, seen: make(chan struct{})}
	go func() {
		log.follow(output)
		_ = output.Close()
	}()
	select {
	case <-log.seen:
		return p.accepts()
	case <-exited:
		p.cmd = nil
		return fmt.Errorf("%s left at once:\n%s", filepath.Base(cmd.Path), log.text())
	case <-time.After(startTimeout):
		p.Kill()
		return fmt.Errorf("%s did not serve within %v:\n%s", filepath.Base(cmd.Path), startTimeout, log.text())
	}
}

// accepts waits until the server takes connections, which may be a little after it
// says so.
func (p *Process) accepts() error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(startTimeout); ; <-tick.C {
		conn, err := net.DialTimeout("tcp", p.Addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			p.Kill()
			return err
		}
	}
}

// tail keeps what a server prints until it is ready, and drains the rest.
type tail struct {
	ready string
	seen  chan struct{}

	mu    sync.Mutex
	lines []string
}

func (l *tail) follow(r io.Reader) {
	ready := false
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if ready {
			continue
		}
		l.mu.Lock()
		l.lines = append(l.lines, lines.Text())
		l.mu.Unlock()
		if ready = strings.Contains(lines.Text(), l.ready); ready {
			close(l.seen)
		}
	}
}

func (l *tail) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
