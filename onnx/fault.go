package onnx

import (
	"fmt"
	"strings"
)

// ONNX Runtime tells failures apart by their texts only. These are those of its CUDA and TensorRT providers and of its arena,
// in lower case; what none of them matches is an ErrRun and nothing more.
var (
	memoryTexts = []string{
		"out of memory",              // cudaErrorMemoryAllocation
		"failed to allocate memory",  // the arena, at its limit or the device's
		"available memory of",        // the arena's limit, in its longer form
		"cublas_status_alloc_failed", // a workspace of cuBLAS
		"cudnn_status_alloc_failed",  // one of cuDNN
		"cudnn_status_internal_error_device_allocation_failed",
	}
	deviceTexts = []string{
		"illegal memory access", "illegal address", "misaligned address", "illegal instruction",
		"unspecified launch failure", "launch timed out", "device-side assert",
		"is/are busy or unavailable", // cudaErrorDevicesUnavailable
		"uncorrectable", "nvlink", "context is destroyed", "device not ready", "no cuda-capable device", "unknown error",
		"cuda failure 700", "cuda failure 719", "cuda failure 999",
	}
)

// failed sorts what the library says of a run that failed. After an ErrDevice every further call on the device fails too: CUDA
// keeps its error until the process ends.
func failed(err error) error {
	text := strings.ToLower(err.Error())
	for _, m := range memoryTexts {
		if strings.Contains(text, m) {
			return fmt.Errorf("%w: %w: %w", ErrRun, ErrMemory, err)
		}
	}
	for _, d := range deviceTexts {
		if strings.Contains(text, d) {
			return fmt.Errorf("%w: %w: %w", ErrRun, ErrDevice, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrRun, err)
}
