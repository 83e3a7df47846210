package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"weft/doctor"
	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/storage/lake"
	"weft/storage/objects"
)

type doctorCmd struct {
	place
	encoders
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (doctorCmd) Help() string {
	return `What is named is checked: the bucket by a real put, get, conditional put and delete below lake/v1/doctor/ of the
tenant, each Redis by its settings, memory and clock. Without flags it checks this machine alone. Exit code 1 tells that
something would not work.

Examples:
  weft doctor
  weft doctor --objects 's3://shop?endpoint=localhost:9000' --queue redis://localhost:6379/0 --vectors redis://localhost:6379/1 --json`
}

// patienceOf bounds one part of the examination: a server that is away is a finding.
const patienceOf = 20 * time.Second

// Run is `weft doctor`.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	if _, err := c.tenant(); err != nil {
		return err
	}
	var e doctor.Examination
	e.Add("weft", doctor.OK, "", "%s, %s, %s/%s, %d cores", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	for _, part := range []func(context.Context, *doctor.Examination, *app){c.models, c.redisServers, c.bucket, c.disks} {
		bounded, cancel := context.WithTimeout(ctx, patienceOf)
		part(bounded, &e, a)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	print := e.Print
	if c.JSON {
		print = e.JSON
	}
	if err := print(a.out); err != nil {
		return err
	}
	if failed := e.Failed(); failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(e.Findings))
	}
	return nil
}

// models looks at the runtime, the encoders and the decoders of this machine.
func (c *doctorCmd) models(ctx context.Context, e *doctor.Examination, a *app) {
	const pull = "run `weft models pull`"
	s, err := c.shelf()
	if !e.Judge("model cache", err, "give --cache a folder that can be written, and --models manifests that can be read", "%s", cacheDir(s)) {
		return
	}
	whole := true
	for _, name := range []string{runtimeName, c.Image, c.Text} {
		m, err := s.all.Find(name)
		if err == nil {
			err = verifyFiles(s, m, c.Runtime)
		}
		whole = e.Judge("model "+name, err, pull, "present, and as pinned") && whole
	}
	if whole {
		if set, err := c.open(pixels.Go, a.log); e.Judge("encoders", err, pull, "can be opened") {
			c.load(ctx, e, set)
		}
	}
	if _, err := pixels.Open(pixels.Exact, pixels.DefaultLimits(), pixels.Libraries{}); err != nil {
		e.Add("decoders", doctor.Warn, "install libturbojpeg 2.1 or newer and libwebp 1.0 or newer: without them photos are decoded by class go, and a bucket of class exact cannot be worked on", "%s", oneLine(err.Error(), 300))
	} else {
		e.Add("decoders", doctor.OK, "", "class exact: TurboJPEG and libwebp")
	}
}

func cacheDir(s modelShelf) string {
	if s.cache == nil {
		return ""
	}
	return s.cache.Dir()
}

// load runs the text encoder's session where encoders are to run: a provider that
// cannot be had shows here, not at the first photo.
func (c *doctorCmd) load(ctx context.Context, e *doctor.Examination, set *encoderSet) {
	defer func() { _ = set.Close() }()
	err := set.text.Load(ctx)
	if err == nil {
		err = set.image.Load(ctx)
	}
	e.Judge("provider "+c.Provider, err, "install the runtime for it (onnxruntime-gpu and the CUDA it names), or give --provider cpu", "both encoders are loaded on it")
}

// verifyFiles holds the files of a model against their pins.
func verifyFiles(s modelShelf, m *models.Manifest, library string) error {
	if m.Modality == models.Runtime {
		if library != "" {
			_, err := os.Stat(library)
			return err
		}
		_, err := s.cache.Library(m)
		return err
	}
	for _, f := range []*models.File{m.Files.Model, m.Files.Tokenizer} {
		if f == nil {
			continue
		}
		if _, err := s.cache.Read(*f); err != nil {
			return err
		}
	}
	return nil
}

// disks looks for room where this machine writes.
func (c *doctorCmd) disks(_ context.Context, e *doctor.Examination, _ *app) {
	if s, err := c.shelf(); err == nil {
		e.Disk("disk of the model cache", s.cache.Dir())
	}
	if dir := c.bucketDir(); dir != "" {
		e.Disk("disk of the bucket", dir)
	}
}

// redisServers looks at the servers of the queues and of the vectors.
func (c *doctorCmd) redisServers(ctx context.Context, e *doctor.Examination, _ *app) {
	for _, s := range []struct{ flag, url string }{{"--queue", c.Queue}, {"--vectors", c.Vectors}} {
		if s.url == "" {
			continue
		}
		rdb, err := openRedis(ctx, s.flag, s.url)
		if err != nil {
			e.Judge(s.flag, err, "start it, or correct the address", "")
			continue
		}
		e.Redis(ctx, s.flag, rdb)
		_ = rdb.Close()
	}
}

// bucket looks at the bucket by doing what weft does there.
func (c *doctorCmd) bucket(ctx context.Context, e *doctor.Examination, a *app) {
	if c.Data == "" && c.Objects == "" {
		return
	}
	store, _, err := c.openTenant(ctx)
	if !e.Judge("bucket", err, "give --objects an address that exists and keys that are allowed to read and write it", "can be reached") {
		return
	}
	if e.Bucket(ctx, store) {
		c.generation(ctx, e, store, a.log)
	}
}

// generation holds what the bucket's vectors are made of against what is here.
func (c *doctorCmd) generation(ctx context.Context, e *doctor.Examination, store objects.Store, log *slog.Logger) {
	l, err := lake.Open(ctx, lake.Config{Store: store, ReadOnly: true, Log: log})
	if err != nil {
		e.Judge("lake", err, "see the error", "")
		return
	}
	defer func() { _ = l.Close(context.WithoutCancel(ctx)) }()
	live, _, err := liveGeneration(ctx, l.Generations)
	if errors.Is(err, errNoGeneration) {
		e.Add("generation", doctor.OK, "", "none yet: the first process begins one")
		return
	}
	var p *pinned
	if err == nil {
		p, err = c.pin(ctx, l, slog.New(slog.DiscardHandler))
	}
	if err == nil {
		err = p.fusion.load(ctx)
	}
	e.Judge("generation", err, "use the models and decoders that the bucket was begun with", "%s can be met here", live)
	if p != nil {
		_ = p.close()
	}
	c.worked(ctx, e)
}

// worked tells who works on the queues, where they are named.
func (c *doctorCmd) worked(ctx context.Context, e *doctor.Examination) {
	if c.Queue == "" {
		return
	}
	rdb, err := openRedis(ctx, "--queue", c.Queue)
	if err != nil {
		return // told already
	}
	defer func() { _ = rdb.Close() }()
	e.Queues(ctx, rdb)
}
