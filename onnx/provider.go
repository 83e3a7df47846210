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
		if err = appendTensorRT(o, r.config.DeviceID); err == nil {
			err = appendCUDA(o, r.config.DeviceID)
		}
	case CUDA:
		err = appendCUDA(o, r.config.DeviceID)
	}
	if err != nil {
		return providerError(r.config, err)
	}
	return nil
}

func providerError(c Config, err error) error {
	need := "an NVIDIA driver and CUDA 12 with cuDNN 9"
	if c.Provider == TensorRT {
		need += " and TensorRT 10"
	}
	return fmt.Errorf("%w: provider %q, device %d, library %s: %w; it needs the library of the onnxruntime-gpu package, %s; "+
		"or set the provider to %q", ErrProvider, c.Provider, c.DeviceID, c.Library, err, need, CPU)
}

func appendCUDA(o *ort.SessionOptions, device int) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	if err := cuda.Update(map[string]string{"device_id": strconv.Itoa(device)}); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(cuda)
}

func appendTensorRT(o *ort.SessionOptions, device int) error {
	trt, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer trt.Destroy()
	if err := trt.Update(map[string]string{"device_id": strconv.Itoa(device)}); err != nil {
		return err
	}
	return o.AppendExecutionProviderTensorRT(trt)
}
