package onnx

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// Run computes outputs of the model, all of the session's when outputs is nil. It gives exactly the inputs that the model
// declares; anything else is an ErrInput. The inputs must not change until Run returns; the results belong to the caller.
//
// When ctx ends, the native call is told to stop and is waited for, some tens of milliseconds; the error then wraps the cause
// of ctx. A call that is done by then returns its results.
func (s *Session) Run(ctx context.Context, inputs map[string]Tensor, outputs []string) (map[string]Tensor, error) {
	if ctx.Err() != nil {
		return nil, stopped(ctx)
	}
	if err := s.checkInputs(inputs); err != nil {
		return nil, err
	}
	if outputs == nil {
		outputs = names(s.outputs)
	} else if _, err := choose(s.outputs, outputs); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}

	var pin runtime.Pinner
	defer pin.Unpin()
	in := make([]ort.Value, 0, len(s.inputs))
	defer func() { destroy(in) }()
	for _, info := range s.inputs {
		v, err := inputs[info.Name].native(&pin)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrInput, info.Name, err)
		}
		in = append(in, v)
	}
	out := make([]ort.Value, len(s.outputs)) // nil values are made by the library
	defer destroy(out)
	if err := s.call(ctx, in, out); err != nil {
		return nil, err
	}

	results := make(map[string]Tensor, len(outputs))
	for i, info := range s.outputs {
		if !slices.Contains(outputs, info.Name) {
			continue
		}
		t, err := fromNative(out[i])
		if err != nil {
			return nil, fmt.Errorf("%w: output %q: %w", ErrRun, info.Name, err)
		}
		results[info.Name] = t
	}
	return results, nil
}

// call enters the library. It returns only when the library has, and nobody holds the run's options any more.
func (s *Session) call(ctx context.Context, in, out []ort.Value) error {
	options, err := ort.NewRunOptions() // a fresh one, because the request to stop stays set
	if err != nil {
		return fmt.Errorf("%w: options: %w", ErrRun, err)
	}
	defer options.Destroy()
	told := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(told)
		_ = options.Terminate() // it fails only without options
	})
	err = s.native.RunWithOptions(in, out, options)
	if !unwatch() {
		<-told
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return stopped(ctx)
	}
	return failed(err)
}

func (s *Session) checkInputs(inputs map[string]Tensor) error {
	for _, info := range s.inputs {
		t, ok := inputs[info.Name]
		if !ok {
			return fmt.Errorf("%w: %q is missing; the model reads %q", ErrInput, info.Name, names(s.inputs))
		}
		if err := t.check(info); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrInput, info.Name, err)
		}
	}
	if len(inputs) != len(s.inputs) {
		return fmt.Errorf("%w: got %q; the model reads %q", ErrInput, slices.Sorted(maps.Keys(inputs)), names(s.inputs))
	}
	return nil
}

func stopped(ctx context.Context) error {
	return fmt.Errorf("onnx: run stopped: %w", context.Cause(ctx))
}

func destroy(values []ort.Value) {
	for _, v := range values {
		if v != nil {
			_ = v.Destroy() // never fails
		}
	}
}
