package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// TCPFaults say how a TCP proxy treats its connections. The zero value passes
// everything on.
type TCPFaults struct {
	// LoseReply is the probability, for each piece of a reply that arrives from the
	// server, that it is lost: the command was carried out, and the client does not
	// hear of it. TCP loses no single reply, so the connection is lost with it: every
	// other time it is reset, and every other time it stays open in silence.
	LoseReply float64
	// Delay is added to each piece of a reply.
	Delay time.Duration
	// Refuse resets new connections.
	Refuse bool
	// Silent lets nothing through, in either direction, and answers no new connection, as a network
	// that is cut: what was sent meanwhile arrives when it is over, as TCP sends it again.
	Silent bool
}

// TCP passes connections on to one server.
type TCP struct {
	target   string
	listener net.Listener
	dice     *dice
	faults   atomic.Pointer[TCPFaults]
	lost     atomic.Int64

	mu     sync.Mutex
	open   map[*link]bool
	closed bool
	ending chan struct{}
	heard  chan struct{} // closed while something is let through
	wait   sync.WaitGroup
}

// link is one connection on both sides.
type link struct{ client, server net.Conn }

func (l *link) reset() {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // close with RST
		}
		_ = c.Close()
	}
}

// ListenTCP serves on a free port of the loopback until Close.
func ListenTCP(target string, seed uint64) (*TCP, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", target, err)
	}
	p := &TCP{target: target, listener: listener, dice: newDice(seed), open: map[*link]bool{}, ending: make(chan struct{}), heard: make(chan struct{})}
	close(p.heard)
	p.Set(TCPFaults{})
	p.wait.Go(p.accept)
	return p, nil
}

// Addr is where clients connect, host:port.
func (p *TCP) Addr() string { return p.listener.Addr().String() }

// Set replaces the faults, for open connections too.
func (p *TCP) Set(f TCPFaults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.faults.Swap(&f)
	switch silent := was != nil && was.Silent; {
	case f.Silent && !silent:
		p.heard = make(chan struct{})
	case !f.Silent && silent:
		close(p.heard)
	}
}

// listen waits while the network is cut; false says that the proxy ends.
func (p *TCP) listen() bool {
	p.mu.Lock()
	heard := p.heard
	p.mu.Unlock()
	select {
	case <-heard:
		return true
	case <-p.ending:
		return false
	}
}

// Lost is how many replies were lost so far.
func (p *TCP) Lost() int64 { return p.lost.Load() }

// Cut resets every open connection and returns how many there were.
func (p *TCP) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.open {
		l.reset()
	}
	return len(p.open)
}

// Close ends the listener and every connection, and waits for them.
func (p *TCP) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	close(p.ending)
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.wait.Wait()
}

func (p *TCP) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.wait.Go(func() { p.serve(client) })
		}
	}
}

func (p *TCP) serve(client net.Conn) {
	l := &link{client: client}
	if !p.listen() {
		_ = client.Close()
		return
	}
	server, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil || p.faults.Load().Refuse {
		if err == nil {
			_ = server.Close()
		}
		l.server = client
		l.reset()
		return
	}
	l.server = server
	if !p.enter(l) {
		l.reset()
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		p.requests(l)
	})
	both.Go(func() { p.replies(l) })
	both.Wait()
	p.mu.Lock()
	delete(p.open, l)
	p.mu.Unlock()
}

func (p *TCP) enter(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.open[l] = true
	}
	return !p.closed
}

// requests passes on what the client says, until either side ends.
func (p *TCP) requests(l *link) {
	defer l.reset()
	for buffer := make([]byte, 64<<10); ; {
		n, err := l.client.Read(buffer)
		if n > 0 && !p.listen() {
			return
		}
		if _, w := l.server.Write(buffer[:n]); err != nil || w != nil {
			return
		}
	}
}

// replies passes on what the server says, until either side ends.
func (p *TCP) replies(l *link) {
	defer l.reset()
	for buffer := make([]byte, 64<<10); ; {
		n, err := l.server.Read(buffer)
		if n > 0 && !p.listen() {
			return
		}
		f := p.faults.Load()
		if n > 0 && p.dice.hit(f.LoseReply) {
			p.lost.Add(1)
			if p.dice.hit(0.5) {
				_, _ = io.Copy(io.Discard, l.server) // silence, until the client hangs up
			}
			return
		}
		if n > 0 && f.Delay > 0 && !p.pause(f.Delay) {
			return
		}
		if _, w := l.client.Write(buffer[:n]); err != nil || w != nil {
			return
		}
	}
}

func (p *TCP) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ending:
		return false
	}
}
