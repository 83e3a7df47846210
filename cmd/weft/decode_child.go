package main

import (
	"fmt"
	"os"
	"syscall"

	"weft/extractors"
	"weft/extractors/pixels"
	"weft/worker"
)

// decodeChildCmd is a worker's own: it decodes photos that may crash or hang a
// decoder, in a process that may end of it.
type decodeChildCmd struct {
	encoders
}

// decodeMemory bounds what the child may allocate: the largest picture that is
// allowed takes a quarter of it.
const decodeMemory = 2 << 30

// Run answers photos from standard input until it ends.
func (c *decodeChildCmd) Run(a *app) error {
	limit := syscall.Rlimit{Cur: decodeMemory, Max: decodeMemory}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limiting the decoder's memory: %w", err)
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
	return worker.ServeDecoder(a.in, a.out, 2*decodeLimit, func() { os.Exit(exitFailed) }, photos.Prepare)
}

// decodeCommand starts this program as such a child.
func (e encoders) decodeCommand(class pixels.Class) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to decode suspects in a process of its own: %w", err)
	}
	args := []string{self, "decode-child", "--image-model", e.Image, "--decoder", string(class)}
	if e.Models != "" {
		args = append(args, "--models", e.Models)
	}
	if e.Cache != "" {
		args = append(args, "--cache", e.Cache)
	}
	return args, nil
}
