package onnx_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/onnx"
	"weft/onnx/onnxtest"
)

const chainSize = 512

// longSteps of 512×512 products take seconds on a fast core: far longer than it takes to stop them.
const longSteps = 4000

func chainInput() map[string]onnx.Tensor {
	return map[string]onnx.Tensor{"x": onnx.Floats(make([]float32, chainSize*chainSize), chainSize, chainSize)}
}

func TestCancelStopsAndJoins(t *testing.T) {
	s := onnxtest.Session(t, chain(t, chainSize, longSteps), onnx.SessionConfig{})
	begun := time.Now()
	cause := errors.New("the worker is stopping")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
	out, err := s.Run(ctx, chainInput(), nil)
	if out != nil || !errors.Is(err, cause) {
		t.Errorf("cancelled run: %v, error %v; want the cause", out, err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("a cancelled run returned after %v", took)
	}
	// The session and its next run are not stopped with it.
	short := onnxtest.Session(t, chain(t, chainSize, 1), onnx.SessionConfig{})
	if _, err := short.Run(context.Background(), chainInput(), nil); err != nil {
		t.Errorf("another session after it: %v", err)
	}
	ended, end := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer end()
	if _, err := s.Run(ended, chainInput(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the same session, run again with a deadline: %v, want DeadlineExceeded", err)
	}
	if _, err := s.Run(ended, chainInput(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a run that begins after its deadline: %v, want DeadlineExceeded", err)
	}
}

// TestCancelAtAnyMoment ends runs before, while and after they go on; each gives its result or the cause, never something else.
func TestCancelAtAnyMoment(t *testing.T) {
	s := onnxtest.Session(t, mixed(t), onnx.SessionConfig{})
	var wait sync.WaitGroup
	for range 12 {
		wait.Go(func() {
			for i := range 500 {
				ctx, cancel := context.WithCancel(context.Background())
				go func() {
					for range i % 50 {
						runtime.Gosched()
					}
					cancel()
				}()
				out, err := s.Run(ctx, mixedInputs(3), nil)
				if err == nil && len(out["sum"].F32) != 6 || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("outputs %v, error %v", out, err)
				}
			}
		})
	}
	wait.Wait()
}

func TestCloseWaitsForRuns(t *testing.T) {
	r := onnxtest.Open(t)
	s, err := r.NewSession(chain(t, chainSize, 100), onnx.SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	begun := make(chan struct{}, 8)
	for range 8 {
		wait.Go(func() {
			begun <- struct{}{}
			for {
				out, err := s.Run(context.Background(), chainInput(), nil)
				if errors.Is(err, onnx.ErrClosed) {
					return
				}
				if err != nil || len(out["y"].F32) != chainSize*chainSize {
					t.Errorf("a run beside Close: %d elements, error %v", len(out["y"].F32), err)
					return
				}
			}
		})
	}
	for range 8 {
		<-begun
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wait.Wait()
	if err := s.Close(); !errors.Is(err, onnx.ErrClosed) {
		t.Errorf("second Close: %v, want ErrClosed", err)
	}
}

// TestMemoryIsGivenBack watches the memory of the process over many runs of each kind: good, refused, failed and cancelled.
func TestMemoryIsGivenBack(t *testing.T) {
	r := onnxtest.Open(t)
	s := onnxtest.Session(t, mixed(t), onnx.SessionConfig{})
	in, wrong := mixedInputs(2), mixedInputs(2)
	wrong["a"] = mixedInputs(3)["a"]
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	round := func(n int) {
		for range n {
			_, good := s.Run(context.Background(), in, nil)
			_, failed := s.Run(context.Background(), wrong, nil)
			_, ended := s.Run(cancelled, in, nil)
			if good != nil || !errors.Is(failed, onnx.ErrRun) || !errors.Is(ended, context.Canceled) {
				t.Fatalf("errors %v, %v, %v", good, failed, ended)
			}
		}
		for range n / 100 { // a session holds more than a run
			s, err := r.NewSession(chain(t, 8, 20), onnx.SessionConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	round(2000)
	if runtime.GOOS != "linux" || underRaceDetector {
		t.Log("the runs were made but not weighed: resident memory cannot be read here, or says nothing")
		return
	}
	// A native value that is left behind has 200 bytes or more, and a round makes ten. What a busy machine's further threads
	// take is taken once; a leak grows in every window.
	const rounds, most = 5_000, 3 << 18
	var grown []float64
	for range 12 {
		before := resident(t)
		round(rounds)
		now := resident(t) - before
		if grown = append(grown, float64(now)/(1<<20)); now <= most {
			t.Logf("resident memory grew by %.1f MB in windows of %d rounds", grown, rounds)
			return
		}
	}
	t.Errorf("resident memory grew by %.1f MB in windows of %d rounds", grown, rounds)
}

func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
