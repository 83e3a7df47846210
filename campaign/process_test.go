package campaign

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"weft/processtest"
)

// process is one run of weft.
type process struct {
	name    string // role, slot and run, as worker-2.7
	cmd     *exec.Cmd
	metrics string // URL
	ready   chan struct{}
	exited  chan struct{}

	mu      sync.Mutex
	intent  intent
	frozen  bool      // once: it may take its time to stop
	asked   time.Time // when a signal to end was first sent
	ended   time.Time
	encoded int64 // features that went through an encoder, as last read
	done    int64 // tasks that ended, as last read
	tail    []string
}

// intent is what the campaign did to a process.
type intent int

const (
	left    intent = iota // nothing: it must not end
	stopped               // SIGTERM: it must end with code 0
	hurried               // a second SIGTERM
	killed
)

const tailLines = 60

// launch starts weft. What it logs goes to the file, and is followed until it is
// ready.
func launch(binary, name string, env []string, log io.Writer, args ...string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	role, _, _ := strings.Cut(name, "-")
	p := &process{name: name, metrics: "http://" + address + "/metrics", ready: make(chan struct{}), exited: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{role, "--metrics", address}, args...)...)
	p.cmd.Env = env
	output, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = input, input
	ended, err := processtest.Start(p.cmd)
	_ = input.Close()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		p.follow(output, log, "weft "+role+" ")
		_ = output.Close()
	}()
	go func() {
		<-ended
		<-drained
		p.mu.Lock()
		p.ended = time.Now()
		p.mu.Unlock()
		close(p.exited)
	}()
	return p, err
}

func (p *process) follow(output io.Reader, log io.Writer, ready string) {
	up := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		fmt.Fprintf(log, "%s %s\n", p.name, line)
		p.mu.Lock()
		p.tail = append(p.tail[max(0, len(p.tail)-tailLines+1):], line)
		p.mu.Unlock()
		if !up && strings.HasPrefix(line, ready) {
			up = true
			close(p.ready)
		}
	}
}

// signal sends s and remembers why; a process that is gone is fine.
func (p *process) signal(s syscall.Signal, why intent) {
	p.mu.Lock()
	if why == stopped && p.intent == stopped {
		why = hurried // by another fault that restarts the fleet
	}
	if s == syscall.SIGSTOP {
		p.frozen = true
	}
	if why > p.intent {
		p.intent = why
	}
	if why != left && p.asked.IsZero() {
		p.asked = time.Now()
	}
	p.mu.Unlock()
	_ = p.cmd.Process.Signal(s)
}

// kill ends the process as a crash does, after a last look at its figures.
func (p *process) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	p.scrape(ctx)
	p.signal(syscall.SIGKILL, killed)
}

func (p *process) isReady() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

func (p *process) isGone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// scrape reads the figures; a process that does not answer keeps its last ones.
func (p *process) scrape(ctx context.Context) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.metrics, nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	var encoded, done float64
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case strings.HasPrefix(name, "weft_features_total{") && strings.Contains(name, `origin="encoded"`):
			encoded += n
		case strings.HasPrefix(name, "weft_tasks_total{"):
			done += n
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.encoded, p.done = max(p.encoded, int64(encoded)), max(p.done, int64(done))
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (p *process) freeze() { p.signal(syscall.SIGSTOP, left) }
func (p *process) thaw()   { p.signal(syscall.SIGCONT, left) }
