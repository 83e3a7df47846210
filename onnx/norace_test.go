//go:build !race

package onnx_test

const underRaceDetector = false
