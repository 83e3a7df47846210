package onnx

import (
	"errors"
	"testing"
)

// The texts are as CUDA, cuBLAS, cuDNN and the arena of ONNX Runtime word them.
func TestFailuresAreSorted(t *testing.T) {
	for text, want := range map[string]error{
		"Error running network: Non-zero status code returned while running Conv node. Name:'_conv_stem' Status Message: /onnxruntime/core/framework/bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Available memory of 1048576 is smaller than requested bytes of 38535168": ErrMemory,
		"CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=cuda_allocator.cc ; line=46 ; expr=cudaMalloc((void**)&p, size);": ErrMemory,
		"CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_)":                                  ErrMemory,
		"CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; expr=cudaStreamSynchronize(stream)":                    ErrDevice,
		"CUDA failure 719: unspecified launch failure ; GPU=0":                                                                       ErrDevice,
		"CUDA failure 46: CUDA-capable device(s) is/are busy or unavailable":                                                         ErrDevice,
	} {
		err := failed(errors.New(text))
		if !errors.Is(err, ErrRun) || !errors.Is(err, want) || errors.Is(err, ErrMemory) && errors.Is(err, ErrDevice) {
			t.Errorf("%q became %v, want %v", text, err, want)
		}
	}
	plain := failed(errors.New("Got invalid dimensions for input: images"))
	if !errors.Is(plain, ErrRun) || errors.Is(plain, ErrMemory) || errors.Is(plain, ErrDevice) {
		t.Errorf("a plain failure became %v", plain)
	}
}

// TestProviderOptions: a limit reaches both providers, and nothing that was not asked for does.
func TestProviderOptions(t *testing.T) {
	c := Config{Library: "l", Provider: TensorRT, DeviceID: 3, MemoryLimit: 1 << 30, EngineCache: "/engines"}
	if o := cudaOptions(c); o["device_id"] != "3" || o["gpu_mem_limit"] != "1073741824" || o["use_tf32"] != "0" {
		t.Errorf("CUDA: %v", o)
	}
	if o := tensorRTOptions(c); o["device_id"] != "3" || o["trt_max_workspace_size"] != "1073741824" || o["trt_engine_cache_path"] != "/engines" {
		t.Errorf("TensorRT: %v", o)
	}
	bare := Config{Library: "l", Provider: TensorRT}
	if _, ok := cudaOptions(bare)["gpu_mem_limit"]; ok {
		t.Error("a limit that nobody set")
	}
	if o := tensorRTOptions(bare); len(o) != 1 {
		t.Errorf("TensorRT without settings: %v", o)
	}
}

func TestMemoryLimitIsForAccelerators(t *testing.T) {
	for _, c := range []Config{{MemoryLimit: 1 << 30}, {Provider: CUDA, MemoryLimit: -1}, {Provider: CUDA, MemoryLimit: 1000}} {
		c.Library = "l"
		if err := c.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := (Config{Library: "l", Provider: CUDA, MemoryLimit: 1 << 30}).Validate(); err != nil {
		t.Error(err)
	}
}
