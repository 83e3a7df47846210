// Package onnx runs ONNX models through ONNX Runtime, a native library that is loaded when the program runs.
//
// A Runtime stands for the loaded library and one execution provider; a Session is one model ready to run, shared by any
// number of goroutines. Every call into the library is joined: when Run returns, no native code works on its tensors.
package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// Errors of this package, for errors.Is.
var (
	ErrLibrary  = errors.New("ONNX Runtime library cannot be used") // missing, damaged, too old, or a second one
	ErrProvider = errors.New("execution provider cannot be had")    // the library or the machine lacks it
	ErrModel    = errors.New("model cannot be loaded")
	ErrInput    = errors.New("input does not fit the model") // a name, shape, element type or count
	ErrRun      = errors.New("model run failed")
	ErrMemory   = errors.New("out of memory for the run")               // a smaller batch may fit; wraps beside ErrRun
	ErrDevice   = errors.New("the accelerator is lost to this process") // only a new process gets it back; wraps beside ErrRun
	ErrClosed   = errors.New("session is closed")
	ErrConfig   = errors.New("bad ONNX configuration")
)

// Execution providers.
const (
	CPU      = "cpu"
	CUDA     = "cuda"
	TensorRT = "tensorrt" // with CUDA for operators that TensorRT does not know
)

// Config says which library to load and where models run.
type Config struct {
	Library  string // path of libonnxruntime; required
	Provider string // CPU, CUDA or TensorRT; "" is CPU
	DeviceID int    // GPU number from 0; must be 0 for CPU
	// MemoryLimit bounds the GPU memory of each session's arena, in bytes; 0 is what the device has. Must be 0 for CPU.
	MemoryLimit int64
	// EngineCache is a folder where TensorRT keeps the engines that it builds, minutes of work for each model and machine. Used
	// with TensorRT only; "" builds them anew in every process.
	EngineCache string
}

// leastMemory is what no model gets along with less of.
const leastMemory = 64 << 20

// Validate names the first field that is wrong.
func (c Config) Validate() error {
	if c.Library == "" {
		return fmt.Errorf("%w: Library is empty: give the path of libonnxruntime; `weft models pull` fetches it", ErrConfig)
	}
	if c.MemoryLimit < 0 || c.MemoryLimit > 0 && c.MemoryLimit < leastMemory {
		return fmt.Errorf("%w: MemoryLimit is %d, want 0 or at least %d bytes", ErrConfig, c.MemoryLimit, int64(leastMemory))
	}
	switch c.Provider {
	case "", CPU:
		if c.MemoryLimit != 0 {
			return fmt.Errorf("%w: MemoryLimit is %d, must be 0 for provider %q", ErrConfig, c.MemoryLimit, CPU)
		}
		if c.DeviceID != 0 {
			return fmt.Errorf("%w: DeviceID is %d, must be 0 for provider %q", ErrConfig, c.DeviceID, CPU)
		}
	case CUDA, TensorRT:
		if c.DeviceID < 0 {
			return fmt.Errorf("%w: DeviceID is %d, want 0 or more", ErrConfig, c.DeviceID)
		}
	default:
		return fmt.Errorf("%w: Provider is %q, want %q, %q or %q", ErrConfig, c.Provider, CPU, CUDA, TensorRT)
	}
	return nil
}

// Runtime is the loaded library together with the provider that its sessions use. It is safe for concurrent use. It has no
// Close: the library stays loaded until the process ends, because unloading one that has run threads is not safe.
type Runtime struct {
	config Config
}

// process guards what can exist only once in a process, the loaded library.
var process struct {
	sync.Mutex
	library string // resolved path; "" before the first success
}

// Open loads the library, once in a process, and makes sure that the provider can be had. Opening the same library again is
// fine, also with another provider; a different library is an ErrLibrary.
func Open(c Config) (*Runtime, error) {
	if c.Provider == "" {
		c.Provider = CPU
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := load(c.Library); err != nil {
		return nil, err
	}
	r := &Runtime{config: c}
	options, err := r.options(SessionConfig{}.withDefaults())
	if err != nil {
		return nil, err
	}
	return r, options.Destroy()
}

// Provider is the execution provider that sessions of this Runtime use.
func (r *Runtime) Provider() string { return r.config.Provider }

// Version is the version of the loaded library, such as "1.32.0".
func (r *Runtime) Version() string { return ort.GetVersion() }

func load(library string) error {
	path, err := filepath.Abs(library)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w; `weft models pull` fetches it", ErrLibrary, err)
	}
	process.Lock()
	defer process.Unlock()
	if process.library == path {
		return nil
	}
	if process.library != "" {
		return fmt.Errorf("%w: %s: this process has already loaded %s, and can load only one", ErrLibrary, path, process.library)
	}
	if err := checkWhole(path); err != nil {
		return fmt.Errorf("%w: %s: %w; `weft models pull` fetches it again", ErrLibrary, path, err)
	}
	// Builds of late number the machine, keep in the user's cache what was run, and send it to their makers. The variable is
	// looked at when the library starts, and the process and its children keep it.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return err
	}
	ort.SetSharedLibraryPath(path)
	// What fails comes back as an error; cuDNN's own attempts, hundreds of lines for a model in half precision, do not matter.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("%w: %s: %w; `weft models pull` fetches one that works", ErrLibrary, path, err)
	}
	process.library = path
	if err := ort.DisableTelemetry(); err != nil {
		return fmt.Errorf("%w: %s: its telemetry cannot be switched off: %w", ErrLibrary, path, err)
	}
	return nil
}
