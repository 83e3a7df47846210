//go:build race

package onnx_test

// underRaceDetector: it keeps notes on memory of its own, which grow with the number of runs.
const underRaceDetector = true
