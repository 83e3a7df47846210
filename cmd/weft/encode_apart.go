package main

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"weft/extractors"
	"weft/extractors/pixels"
	"weft/worker"
)

// encodeApartCmd is a worker's own: it decodes and encodes photos that may crash or
// hang, in a process that may end of it.
type encodeApartCmd struct {
	encoders
}

// apartMemory bounds what the process may allocate: the largest picture that is
// allowed takes a quarter of it, the model a tenth.
const apartMemory = 2 << 30

// Run answers photos from standard input until it ends.
func (c *encodeApartCmd) Run(ctx context.Context, a *app) error {
	limit := syscall.Rlimit{Cur: apartMemory, Max: apartMemory}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limiting the memory: %w", err)
	}
	shelf, err := c.shelf()
	if err != nil {
		return err
	}
	config, err := c.imageConfig(shelf, c.Image, pixels.Class(c.Decoder))
	if err != nil {
		return err
	}
	photos, err := extractors.NewLazyImage(config)
	if err != nil {
		return err
	}
	defer func() { _ = photos.Close() }()
	return worker.ServeApart(ctx, a.in, a.out, 2*decodeLimit, func() { os.Exit(exitFailed) }, photos)
}

// apartCommand starts this program as such a process. It encodes on the CPU, which a
// suspect cannot take away from the others.
func (e encoders) apartCommand(class pixels.Class) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to try suspects in a process of their own: %w", err)
	}
	args := []string{self, "encode-apart", "--image-model", e.Image, "--decoder", string(class)}
	if e.Models != "" {
		args = append(args, "--models", e.Models)
	}
	if e.Cache != "" {
		args = append(args, "--cache", e.Cache)
	}
	if e.Runtime != "" {
		args = append(args, "--onnxruntime", e.Runtime)
	}
	return args, nil
}
