package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds on what a process may take.
const (
	stopWithin  = 45 * time.Second // from SIGTERM to the exit; a frozen process is thawed in that time
	hurryWithin = 15 * time.Second // from a second SIGTERM
	restartWait = 300 * time.Millisecond
	scrapeEvery = 200 * time.Millisecond
)

// fleet keeps weft processes running, as an orchestrator does: whatever ends is
// started again.
type fleet struct {
	binary string
	env    []string
	args   map[string][]string // by role

	mu       sync.Mutex
	log      io.Writer // under mu
	slots    []*slot
	past     int64 // features encoded by processes that ended
	pastDone int64
	starts   int
	refusals int // processes that did not start, while something was broken
	offences []string
	cancel   context.CancelFunc
	ctx      context.Context
	runs     sync.WaitGroup
}

// slot is a place for one process of a role.
type slot struct {
	role string
	args []string
	name string
	now  *process // nil while none runs
	runs int
	quit chan struct{} // closed: do not start again
}

func newFleet(binary string, env []string, log io.Writer) *fleet {
	f := &fleet{binary: binary, env: env, args: map[string][]string{}, log: log}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.runs.Go(f.watch)
	return f
}

// Write keeps lines of several processes apart.
func (f *fleet) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(b)
}

// add opens another slot.
func (f *fleet) add(role string) *slot { return f.addAs(role, f.args[role]) }

// addAs opens another slot, for a process with arguments of its own.
func (f *fleet) addAs(role string, args []string) *slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &slot{role: role, args: args, name: fmt.Sprintf("%s-%d", role, len(f.slots)+1), quit: make(chan struct{})}
	f.slots = append(f.slots, s)
	f.runs.Go(func() { f.keep(s) })
	return s
}

// keep starts the slot's process again and again.
func (f *fleet) keep(s *slot) {
	for {
		f.mu.Lock()
		s.runs++
		f.starts++
		name := fmt.Sprintf("%s.%d", s.name, s.runs)
		f.mu.Unlock()
		p, err := launch(f.binary, name, f.env, f, s.args...)
		if err != nil {
			f.offend("%s cannot be started: %v", name, err)
			return
		}
		f.mu.Lock()
		s.now = p
		f.mu.Unlock()
		select {
		case <-s.quit: // closed while it was being started
			p.signal(syscall.SIGKILL, killed)
		default:
		}
		<-p.exited
		f.judge(s, p)
		select {
		case <-s.quit:
			return
		case <-f.ctx.Done():
			return
		case <-time.After(restartWait):
		}
	}
}

// judge says whether a process may have ended as it did.
func (f *fleet) judge(s *slot, p *process) {
	p.mu.Lock()
	code, why, took, tail := p.cmd.ProcessState.ExitCode(), p.intent, p.ended.Sub(p.asked), strings.Join(p.tail, "\n")
	encoded, done, frozen := p.encoded, p.done, p.frozen
	p.mu.Unlock()
	f.mu.Lock()
	s.now = nil
	f.past += encoded
	f.pastDone += done
	if why == left && !p.isReady() && f.ctx.Err() == nil {
		f.refusals++
	}
	f.mu.Unlock()
	switch {
	case f.ctx.Err() != nil || why == killed:
	case why == left && p.isReady():
		f.offend("%s ended by itself: %v\n%s", p.name, p.cmd.ProcessState, tail)
	case why == stopped && p.isReady() && code != 0:
		f.offend("%s was asked to stop and ended with %v\n%s", p.name, p.cmd.ProcessState, tail)
	case !frozen && (why == stopped && took > stopWithin || why == hurried && took > hurryWithin):
		f.offend("%s took %v to stop\n%s", p.name, took.Round(time.Millisecond), tail)
	}
}

func (f *fleet) offend(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offences = append(f.offences, fmt.Sprintf(format, args...))
}

// running lists the processes of a role that are ready.
func (f *fleet) running(role string) []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ps []*process
	for _, s := range f.slots {
		if s.role == role && s.now != nil && s.now.isReady() && !s.now.isGone() {
			ps = append(ps, s.now)
		}
	}
	return ps
}

// waitReady waits until each slot's process serves.
func (f *fleet) waitReady(ctx context.Context) error {
	return poll(ctx, 20*time.Millisecond, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, s := range f.slots {
			if s.now == nil || !s.now.isReady() {
				return false
			}
		}
		return true
	})
}

// roll stops one process after the other and waits for each one's successor.
func (f *fleet) roll(ctx context.Context, twice bool) {
	f.mu.Lock()
	slots := append([]*slot(nil), f.slots...)
	f.mu.Unlock()
	for _, s := range slots {
		f.mu.Lock()
		p := s.now
		f.mu.Unlock()
		if p == nil || !p.isReady() {
			continue
		}
		p.signal(syscall.SIGTERM, stopped)
		if twice {
			if !within(ctx, p.exited, 100*time.Millisecond) {
				p.signal(syscall.SIGTERM, hurried)
			}
		}
		within(ctx, p.exited, stopWithin)
		_ = poll(ctx, 20*time.Millisecond, func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return s.now != nil && s.now != p && s.now.isReady()
		})
	}
}

// drop closes a slot: its process is stopped and has no successor.
func (f *fleet) drop(s *slot) {
	f.mu.Lock()
	close(s.quit)
	p := s.now
	for i := range f.slots {
		if f.slots[i] == s {
			f.slots = append(f.slots[:i], f.slots[i+1:]...)
			break
		}
	}
	f.mu.Unlock()
	if p != nil {
		p.signal(syscall.SIGTERM, stopped)
		if !within(f.ctx, p.exited, stopWithin) {
			p.signal(syscall.SIGKILL, stopped)
		}
	}
}

// watch reads the figures of all processes until stop.
func (f *fleet) watch() {
	tick := time.NewTicker(scrapeEvery)
	defer tick.Stop()
	for {
		f.scrape()
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
	}
}

func (f *fleet) scrape() {
	ctx, cancel := context.WithTimeout(f.ctx, scrapeEvery)
	defer cancel()
	var reads sync.WaitGroup
	for _, p := range f.running("worker") {
		reads.Go(func() { p.scrape(ctx) })
	}
	reads.Wait()
}

// totals are features encoded and tasks ended, by all processes so far.
func (f *fleet) totals() (encoded, done int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	encoded, done = f.past, f.pastDone
	for _, s := range f.slots {
		if s.now != nil {
			s.now.mu.Lock()
			encoded, done = encoded+s.now.encoded, done+s.now.done
			s.now.mu.Unlock()
		}
	}
	return encoded, done
}

// stop asks every process to end and waits; those that stay are killed.
func (f *fleet) stop() error {
	f.mu.Lock()
	slots := append([]*slot(nil), f.slots...)
	f.mu.Unlock()
	var stops sync.WaitGroup
	for _, s := range slots {
		stops.Go(func() { f.drop(s) })
	}
	stops.Wait()
	f.cancel()
	f.mu.Lock()
	for _, s := range slots {
		if s.now != nil {
			_ = s.now.cmd.Process.Kill()
		}
	}
	f.mu.Unlock()
	f.runs.Wait()
	if len(f.offences) > 0 {
		return errors.New(strings.Join(f.offences, "\n"))
	}
	return nil
}

// within reports whether done closes in time.
func within(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// poll asks until yes, or until ctx ends.
func poll(ctx context.Context, every time.Duration, yes func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// tails are the last lines of every process that runs.
func (f *fleet) tails() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, s := range f.slots {
		if s.now != nil {
			s.now.mu.Lock()
			lines = append(lines, s.now.name+":")
			lines = append(lines, s.now.tail...)
			s.now.mu.Unlock()
		}
	}
	return lines
}
