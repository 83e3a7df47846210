package main

import (
	"fmt"

	"weft/fusion/linear"
	"weft/onnx"
)

// runtime loads ONNX Runtime; why is said where it cannot be.
func (e encoders) runtime(why string) (*onnx.Runtime, error) {
	s, err := e.shelf()
	if err != nil {
		return nil, err
	}
	library, err := e.library(s)
	if err != nil {
		return nil, err
	}
	runtime, err := library.Runtime(0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", why, err)
	}
	return runtime, nil
}

// multiplier is ONNX Runtime's where it is installed.
func (e encoders) multiplier(a *app) (linear.Multiplier, func()) {
	runtime, err := e.runtime("products of matrices are fastest there")
	if err != nil {
		a.log.Warn("ONNX Runtime cannot be had; EASE takes some ten times as long without it: run `weft models pull`", "why", err)
		return linear.Portable{}, func() {}
	}
	n := linear.NewNative(runtime)
	return n, func() { _ = n.Close() }
}
