package proxy

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// echo answers every byte with the same byte, until the test ends.
func echo(t *testing.T) (addr string, heard chan byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	heard = make(chan byte, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for b := make([]byte, 1); ; {
					if _, err := c.Read(b); err != nil {
						return
					}
					heard <- b[0]
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), heard
}

func listenTCP(t *testing.T, target string) *TCP {
	t.Helper()
	p, err := ListenTCP(target, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// say sends a byte and returns the answer.
func say(c net.Conn, b byte) (byte, error) {
	if _, err := c.Write([]byte{b}); err != nil {
		return 0, err
	}
	var got [1]byte
	_, err := io.ReadFull(c, got[:])
	return got[0], err
}

func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestTCPPassesOn(t *testing.T) {
	target, _ := echo(t)
	c := dial(t, listenTCP(t, target).Addr())
	for b := range byte(100) {
		if got, err := say(c, b); err != nil || got != b {
			t.Fatalf("said %d, heard %d, %v", b, got, err)
		}
	}
}

func TestTCPCut(t *testing.T) {
	target, _ := echo(t)
	p := listenTCP(t, target)
	a, b := dial(t, p.Addr()), dial(t, p.Addr())
	for _, c := range []net.Conn{a, b} {
		if _, err := say(c, 1); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Cut(); n != 2 {
		t.Errorf("cut %d connections, want 2", n)
	}
	for _, c := range []net.Conn{a, b} {
		if _, err := say(c, 2); !lost(err) {
			t.Errorf("a connection that was cut: %v", err)
		}
	}
	if got, err := say(dial(t, p.Addr()), 3); err != nil || got != 3 {
		t.Errorf("a new connection: %d, %v", got, err)
	}
}

// The command must have been carried out: that is what makes a lost reply hard.
func TestTCPLoseReply(t *testing.T) {
	target, heard := echo(t)
	p := listenTCP(t, target)
	p.Set(TCPFaults{LoseReply: 1})
	silent, reset := 0, 0
	for i := range byte(20) {
		c := dial(t, p.Addr())
		if err := c.SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err := say(c, i)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			silent++
		case lost(err):
			reset++
		default:
			t.Fatalf("reply %d: %v", i, err)
		}
		if got := <-heard; got != i {
			t.Fatalf("the server heard %d, want %d", got, i)
		}
	}
	if silent == 0 || reset == 0 || p.Lost() != 20 {
		t.Errorf("%d silent, %d reset, %d lost; want some of both and 20", silent, reset, p.Lost())
	}
}

func TestTCPRefuse(t *testing.T) {
	target, heard := echo(t)
	p := listenTCP(t, target)
	p.Set(TCPFaults{Refuse: true})
	c, err := net.Dial("tcp", p.Addr())
	if err == nil { // the reset comes with the first words, or before
		_, err = say(c, 1)
		_ = c.Close()
	}
	if !lost(err) {
		t.Errorf("a refused connection: %v", err)
	}
	if len(heard) > 0 {
		t.Error("the server heard what was refused")
	}
	p.Set(TCPFaults{})
	if _, err := say(dial(t, p.Addr()), 1); err != nil {
		t.Error(err)
	}
}

func TestTCPDelay(t *testing.T) {
	target, _ := echo(t)
	p := listenTCP(t, target)
	p.Set(TCPFaults{Delay: 60 * time.Millisecond})
	began := time.Now()
	if _, err := say(dial(t, p.Addr()), 1); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("the reply came after %v", took)
	}
}

func TestTCPServerAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := l.Addr().String()
	_ = l.Close()
	c, err := net.Dial("tcp", listenTCP(t, target).Addr())
	if err == nil {
		_, err = say(c, 1)
		_ = c.Close()
	}
	if !lost(err) {
		t.Errorf("no server behind the proxy: %v", err)
	}
}

func TestTCPCloseEndsConnections(t *testing.T) {
	target, _ := echo(t)
	p := listenTCP(t, target)
	c := dial(t, p.Addr())
	if _, err := say(c, 1); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := say(c, 2); !lost(err) {
		t.Errorf("after Close: %v", err)
	}
	p.Close() // again is fine
}

// What is said into the silence arrives when it is over, on old connections and on new ones.
func TestTCPSilent(t *testing.T) {
	target, heard := echo(t)
	p := listenTCP(t, target)
	old := dial(t, p.Addr())
	if _, err := say(old, 1); err != nil {
		t.Fatal(err)
	}
	<-heard
	p.Set(TCPFaults{Silent: true})
	fresh := dial(t, p.Addr())
	for _, c := range []net.Conn{old, fresh} {
		if _, err := c.Write([]byte{2}); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("an answer through a network that is cut: %v", err)
		}
	}
	if len(heard) != 0 {
		t.Error("the server heard something")
	}
	p.Set(TCPFaults{})
	for _, c := range []net.Conn{old, fresh} {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Errorf("the answer after the silence: %v", err)
		}
	}
	p.Set(TCPFaults{Silent: true}) // and the proxy ends in spite of it
}
