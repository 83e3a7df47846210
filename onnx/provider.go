package onnx

import (
	"errors"
	"fmt"
	"strconv"

	ort "github.com/yalue/onnxruntime_go"
)

// options builds the settings of a session, the provider among them. The caller destroys them.
func (r *Runtime) options(c SessionConfig) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("session options: %w", err)
	}
	err = errors.Join(
		o.SetIntraOpNumThreads(c.IntraThreads),
		o.SetInterOpNumThreads(1),
		o.SetExecutionMode(ort.ExecutionModeSequential),
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		// A waiting thread that spins takes its core from the decoder beside it.
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		o.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
		// Failures come back as errors; the library need not print them as well, a cancelled run least of all.
		o.SetLogSeverityLevel(ort.LoggingLevelFatal),
	)
	if err != nil {
		o.Destroy()
		return nil, fmt.Errorf("session options: %w", err)
	}
	if err := r.appendProvider(o); err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

func (r *Runtime) appendProvider(o *ort.SessionOptions) error {
	var err error
	switch r.config.Provider {
	case CPU:
		return nil
	case TensorRT:
		if err = appendTensorRT(o, r.config); err == nil {
			err = appendCUDA(o, r.config)
		}
	case CUDA:
		err = appendCUDA(o, r.config)
	}
	if err != nil {
		return providerError(r.config, err)
	}
	return nil
}

func providerError(c Config, err error) error {
	need := "an NVIDIA driver, CUDA 13 and cuDNN 9"
	if c.Provider == TensorRT {
		need += ", and TensorRT 10"
	}
	return fmt.Errorf("%w: provider %q, device %d, library %s: %w; it needs the library of the onnxruntime-gpu package with the "+
		"libonnxruntime_providers_ files beside it, %s; or set the provider to %q", ErrProvider, c.Provider, c.DeviceID, c.Library, err, need, CPU)
}

// cudaOptions are the provider's own settings, as ONNX Runtime's documentation of the CUDA execution provider names them.
func cudaOptions(c Config) map[string]string {
	o := map[string]string{
		"device_id": strconv.Itoa(c.DeviceID),
		// The arena grows by what is asked for, not by powers of two: several processes share a device.
		"arena_extend_strategy": "kSameAsRequested",
		// The provider is no part of a recipe, so its vectors must be those of the CPU: no products of 10 bits of mantissa.
		"use_tf32": "0",
		// Trying every convolution out costs seconds for each new shape; shapes are few, but so is the gain.
		"cudnn_conv_algo_search": "HEURISTIC",
	}
	if c.MemoryLimit > 0 {
		o["gpu_mem_limit"] = strconv.FormatInt(c.MemoryLimit, 10)
	}
	return o
}

// tensorRTOptions are those of the TensorRT execution provider.
func tensorRTOptions(c Config) map[string]string {
	o := map[string]string{"device_id": strconv.Itoa(c.DeviceID)}
	if c.MemoryLimit > 0 {
		o["trt_max_workspace_size"] = strconv.FormatInt(c.MemoryLimit, 10)
	}
	if c.EngineCache != "" {
		o["trt_engine_cache_enable"], o["trt_engine_cache_path"] = "1", c.EngineCache
		o["trt_timing_cache_enable"], o["trt_timing_cache_path"] = "1", c.EngineCache
	}
	return o
}

func appendCUDA(o *ort.SessionOptions, c Config) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	if err := cuda.Update(cudaOptions(c)); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(cuda)
}

func appendTensorRT(o *ort.SessionOptions, c Config) error {
	trt, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer trt.Destroy()
	if err := trt.Update(tensorRTOptions(c)); err != nil {
		return err
	}
	return o.AppendExecutionProviderTensorRT(trt)
}
