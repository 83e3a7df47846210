package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weft/processtest"
)

// asProgram makes the test binary behave as weft itself, so that tests can run
// real processes without building anything.
const asProgram = "WEFT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	decodes := len(os.Args) > 1 && os.Args[1] == "encode-apart" // a worker in this process starts its program anew
	if os.Getenv(asProgram) != "" || decodes {
		main()
		return
	}
	for _, name := range os.Environ() { // a developer's settings are no part of the tests
		if name, _, _ := strings.Cut(name, "="); strings.HasPrefix(name, "WEFT_") {
			_ = os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// outcome is what a command left behind.
type outcome struct {
	code     int
	out, err string
}

// weft runs a command in this process.
func weft(t *testing.T, args ...string) outcome {
	t.Helper()
	return weftReading(t, "", args...)
}

func weftReading(t *testing.T, in string, args ...string) outcome {
	t.Helper()
	var out, errOut journal // progress and logs are written at the same time
	code := run(args, strings.NewReader(in), &out, &errOut)
	return outcome{code, out.String(), errOut.String()}
}

// done runs a command that must exit 0 and returns its data.
func done(t *testing.T, args ...string) string {
	t.Helper()
	o := weft(t, args...)
	if o.code != exitDone {
		t.Fatalf("weft %s: exit %d\n%s%s", strings.Join(args, " "), o.code, o.out, o.err)
	}
	return o.out
}

// answer runs a command that must exit 0 and reads its JSON.
func answer[T any](t *testing.T, args ...string) (v T) {
	t.Helper()
	parse(t, done(t, args...), &v)
	return v
}

func parse(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("not the JSON that was expected: %v\n%.500s", err, text)
	}
}

// process is weft in a process of its own. It ends with its test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    journal
	err    journal
	exited <-chan struct{}
}

// spawn starts weft as a child. Its standard error is shown when the test fails.
func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	p := &process{t: t, cmd: exec.Command(self, args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.exited, err = processtest.Start(p.cmd)
	must(t, err)
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.exited
		if t.Failed() {
			t.Logf("weft %s wrote:\n%s", strings.Join(args, " "), p.err.Last(8000))
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // fails only if it is gone

// wait returns the exit code; -1 for one that a signal ended.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("weft %s did not exit within %v", strings.Join(p.cmd.Args[1:], " "), patience)
		return 0
	}
}

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// alive fails the test when the process has ended.
func (p *process) alive() {
	p.t.Helper()
	select {
	case <-p.exited:
		p.t.Fatalf("weft %s has ended with %v", strings.Join(p.cmd.Args[1:], " "), p.cmd.ProcessState)
	default:
	}
}

type journal = processtest.Journal

const patience = processtest.Patience

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	processtest.Until(t, what, holds)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

func write(t *testing.T, path string, body []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, body, 0o644))
}

// python runs a script in the tests' virtual environment, which has numpy and
// DuckDB.
func python(t *testing.T, script string, args ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	cmd := exec.Command(filepath.Join(cache, "weft", "test-venv", "bin", "python"), append([]string{"-c", script}, args...)...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run `make test`, which prepares Python: %v\n%s", err, errOut.String())
	}
	return strings.TrimSpace(string(out))
}
