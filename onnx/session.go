package onnx

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"weft/onnx/graph"
)

// SessionConfig says how a model runs.
type SessionConfig struct {
	// IntraThreads is how many threads one Run uses, its caller included; 0 means 1. For throughput keep 1 and call Run from
	// one goroutine per core.
	IntraThreads int
	// Outputs names the outputs that runs can ask for; nil means all that the model has.
	Outputs []string
}

const maxIntraThreads = 1024

func (c SessionConfig) withDefaults() SessionConfig {
	if c.IntraThreads == 0 {
		c.IntraThreads = 1
	}
	return c
}

// Validate names the first field that is wrong.
func (c SessionConfig) Validate() error {
	if c.IntraThreads < 0 || c.IntraThreads > maxIntraThreads {
		return fmt.Errorf("%w: IntraThreads is %d, want 0 to %d", ErrConfig, c.IntraThreads, maxIntraThreads)
	}
	if c.Outputs != nil && len(c.Outputs) == 0 {
		return fmt.Errorf("%w: Outputs is empty but not nil", ErrConfig)
	}
	return nil
}

// Session is a model ready to run. It is safe for concurrent use: goroutines that share one share its weights and buffers.
// Whoever made it closes it.
type Session struct {
	native   *ort.DynamicAdvancedSession
	inputs   []graph.Info
	outputs  []graph.Info
	metadata map[string]string
	partly   error

	using  sync.RWMutex // read-locked while a run is going on, locked to close
	closed bool
}

// NewSession loads a model from its bytes, which may be reused when it returns.
func (r *Runtime) NewSession(model []byte, c SessionConfig) (*Session, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	sign, err := graph.Inspect(model)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	s := &Session{inputs: sign.Inputs, outputs: sign.Outputs, metadata: sign.Metadata}
	if c.Outputs != nil {
		if s.outputs, err = choose(sign.Outputs, c.Outputs); err != nil {
			return nil, fmt.Errorf("%w: Outputs: %w", ErrConfig, err)
		}
	}
	if err := s.checkSupported(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	if err := r.load(s, model, c); err != nil {
		return nil, err
	}
	return s, nil
}

// load makes the native session. On an accelerator a model that runs there whole is asked for first; only one that cannot is
// loaded with the rest of it on the CPU, and says so by Partly.
func (r *Runtime) load(s *Session, model []byte, c SessionConfig) (err error) {
	s.native, err = r.native(s, model, c, r.config.Provider != CPU)
	if err == nil || r.config.Provider == CPU {
		return err
	}
	whole := err
	if s.native, err = r.native(s, model, c, false); err != nil {
		return providerError(r.config, err)
	}
	s.partly = whole
	return nil
}

func (r *Runtime) native(s *Session, model []byte, c SessionConfig, whole bool) (*ort.DynamicAdvancedSession, error) {
	options, err := r.options(c)
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if whole {
		if err := options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"); err != nil {
			return nil, fmt.Errorf("session options: %w", err)
		}
	}
	native, err := ort.NewDynamicAdvancedSessionWithONNXData(model, names(s.inputs), names(s.outputs), options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return native, nil
}

// Partly says why a model does not run on the accelerator alone: the operators that it lacks run on the CPU, with copies to and
// fro. Nil on the CPU, and where the whole model runs on the accelerator.
func (s *Session) Partly() error { return s.partly }

// Inputs are the inputs that every run must give. The caller may change the slice.
func (s *Session) Inputs() []graph.Info { return slices.Clone(s.inputs) }

// Outputs are the outputs that a run can ask for. The caller may change the slice.
func (s *Session) Outputs() []graph.Info { return slices.Clone(s.outputs) }

// Metadata is a text that the model carries, "" if it has none under that key.
func (s *Session) Metadata(key string) string { return s.metadata[key] }

// Close waits for the runs that are going on and frees the model. Runs that begin later, and a second Close, return ErrClosed.
func (s *Session) Close() error {
	s.using.Lock()
	defer s.using.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.closed = true
	return s.native.Destroy()
}

// checkSupported refuses at load what would fail, or lose native memory, at every run.
func (s *Session) checkSupported() error {
	if len(s.inputs) == 0 {
		return errors.New("it has no inputs")
	}
	for _, in := range s.inputs {
		if !readable(in.Type) {
			return fmt.Errorf("input %q holds %s, want float32, int64, int32 or uint8", in.Name, in.Type)
		}
		if in.Dims != nil && len(in.Dims) == 0 {
			return fmt.Errorf("input %q has no dimensions; give it shape [1]", in.Name)
		}
	}
	for _, out := range s.outputs {
		if !readable(out.Type) {
			return fmt.Errorf("output %q holds %s, want float32, int64, int32 or uint8; leave it out by naming others in Outputs", out.Name, out.Type)
		}
		if out.Dims != nil && len(out.Dims) == 0 {
			return fmt.Errorf("output %q has no dimensions; give it shape [1], or leave it out by naming others in Outputs", out.Name)
		}
	}
	return nil
}

func choose(from []graph.Info, wanted []string) ([]graph.Info, error) {
	var chosen []graph.Info
	for _, name := range wanted {
		i := slices.IndexFunc(from, func(o graph.Info) bool { return o.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no output %q, only %q", name, names(from))
		}
		chosen = append(chosen, from[i])
	}
	return chosen, nil
}

func names(infos []graph.Info) []string {
	all := make([]string, len(infos))
	for i, info := range infos {
		all[i] = info.Name
	}
	return all
}
