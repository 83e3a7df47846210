package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/redis/go-redis/v9"

	"weft/extractors"
	"weft/extractors/models"
	"weft/onnx"
	"weft/storage/objects"
	"weft/tasks"
)

// place says where the bucket and the Redis of a command are. Every flag is
// also read from the environment as WEFT_<FLAG>.
type place struct {
	Tenant  string `help:"Tenant." default:"default"`
	Data    string `help:"Data directory of 'weft up'." type:"path" placeholder:"DIR" group:"Where"`
	Objects string `help:"Bucket: file:///dir or s3://bucket/prefix?endpoint=host:port." placeholder:"URL" group:"Where"`
	Queue   string `help:"Redis of the queues: redis://host:port/0." placeholder:"URL" group:"Where"`
	Vectors string `help:"Redis of the vectors (may be the same server): redis://host:port/1." placeholder:"URL" group:"Where"`

	S3AccessKey string `help:"Access key of the bucket; default AWS_ACCESS_KEY_ID." placeholder:"KEY" group:"Where" name:"s3-access-key" env:"WEFT_S3_ACCESS_KEY"`
	S3SecretKey string `help:"Secret key of the bucket; default AWS_SECRET_ACCESS_KEY." placeholder:"KEY" group:"Where" name:"s3-secret-key" env:"WEFT_S3_SECRET_KEY"`
}

// encoders says which models run and how.
type encoders struct {
	Models   string `help:"Folder or file of further model manifests." type:"path" placeholder:"PATH" group:"Models"`
	Cache    string `help:"Model cache; default the user's cache folder." type:"path" placeholder:"DIR" group:"Models"`
	Image    string `help:"Image encoder." default:"efficientnet-lite0" placeholder:"NAME" group:"Models" name:"image-model"`
	Text     string `help:"Text encoder." default:"all-minilm-l6-v2" placeholder:"NAME" group:"Models" name:"text-model"`
	Decoder  string `help:"Image decoders: exact (TurboJPEG, libwebp), go, or auto: the bucket's, else the best here." enum:"auto,exact,go" default:"auto" group:"Models"`
	Provider string `help:"Where encoders run: cpu, cuda or tensorrt. Never silently another." enum:"cpu,cuda,tensorrt" default:"cpu" group:"Models"`
	Runtime  string `help:"ONNX Runtime library instead of the cache's." type:"path" placeholder:"FILE" group:"Models" name:"onnxruntime"`
	Runners  int    `help:"Encoder calls at once; default one per core, with a GPU two for each copy of the models." group:"Models"`

	Devices   []int `help:"Numbers of the GPUs that share the work." default:"0" placeholder:"N" group:"Models"`
	Sessions  int   `help:"Copies of each model on every GPU." default:"1" group:"Models"`
	Batch     int   `help:"Photos in one encoder call; default 1 on a CPU, 32 on a GPU. Texts are twice as many on a GPU, 8 on a CPU." placeholder:"N" group:"Models"`
	GPUMemory int64 `help:"Most memory of a GPU that each copy of a model may take, MiB; default all." placeholder:"MIB" group:"Models" name:"gpu-memory"`
}

func (p place) tenant() (tasks.Tenant, error) {
	t, err := tasks.ParseTenant(p.Tenant)
	if err != nil {
		return "", usageError{fmt.Errorf("--tenant: %w", err)}
	}
	return t, nil
}

// bucketDir is the directory of the bucket, "" when it is not a directory.
func (p place) bucketDir() string {
	if p.Data != "" {
		return filepath.Join(p.Data, "bucket")
	}
	if u, err := url.Parse(p.Objects); err == nil && u.Scheme == "file" {
		return u.Path
	}
	return ""
}

// makeBucket creates the directory of a new data directory's bucket: commands that
// write begin one, commands that read say that it is not there.
func (p place) makeBucket() error {
	if p.Data == "" {
		return nil
	}
	if err := os.MkdirAll(p.bucketDir(), 0o755); err != nil {
		return fmt.Errorf("--data %s: %w", p.Data, err)
	}
	return nil
}

// openBucket opens the object store that --data or --objects names.
func (p place) openBucket(ctx context.Context) (objects.Store, error) {
	switch {
	case p.Data != "" && p.Objects != "":
		return nil, usagef("--data and --objects exclude each other: give one of them")
	case p.Data != "":
		return objects.OpenDir(p.bucketDir())
	case p.Objects != "":
		if _, err := objects.ParseS3URL(p.Objects); err != nil && !strings.HasPrefix(p.Objects, "file:") {
			return nil, usageError{fmt.Errorf("--objects: %w", err)}
		}
		return objects.Open(ctx, p.Objects, objects.Credentials{
			AccessKey: first(p.S3AccessKey, os.Getenv("AWS_ACCESS_KEY_ID")),
			SecretKey: first(p.S3SecretKey, os.Getenv("AWS_SECRET_ACCESS_KEY")),
		})
	default:
		return nil, usagef("where is the bucket? give --data DIR, or --objects file:///dir or s3://bucket?endpoint=host:port")
	}
}

// openTenant opens the tenant's part of the bucket.
func (p place) openTenant(ctx context.Context) (objects.Store, tasks.Tenant, error) {
	tenant, err := p.tenant()
	if err != nil {
		return nil, "", err
	}
	bucket, err := p.openBucket(ctx)
	if err != nil {
		return nil, "", err
	}
	return objects.WithPrefix(bucket, string(tenant)+"/"), tenant, nil
}

// openRedis connects to the server that a flag names, and says which one when
// it does not answer.
func openRedis(ctx context.Context, flag, address string) (redis.UniversalClient, error) {
	if address == "" {
		return nil, usagef("%s is missing: give redis://host:port/0", flag)
	}
	if !strings.Contains(address, "://") {
		return nil, usagef("%s %q: want redis://host:port/0", flag, address)
	}
	opt, err := redis.ParseURL(address)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s %q: %w", flag, address, err)}
	}
	opt.PoolSize = redisPool
	c := redis.NewClient(opt)
	if err := c.Ping(ctx).Err(); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("%s: Redis at %s does not answer: %w; is it running, and is the address right?", flag, opt.Addr, err)
	}
	return c, nil
}

// redisPool bounds the connections of one process: handlers wait on the store
// and the encoder far longer than on Redis.
const redisPool = 64

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// validate names the first flag out of range.
func (e encoders) validate() error {
	gpu := e.accelerated()
	for _, f := range []struct {
		flag      string
		x, least  int64
		most      int64
		onlyOnGPU bool
	}{
		{"--runners", int64(e.Runners), 0, 1024, false},
		{"--batch", int64(e.Batch), 0, 1024, false},
		{"--sessions", int64(e.Sessions), 0, 64, false},
		{"--gpu-memory", e.GPUMemory, 0, 1 << 20, true},
	} {
		switch {
		case f.x < f.least || f.x > f.most:
			return fmt.Errorf("%s %d: want %d to %d", f.flag, f.x, f.least, f.most)
		case f.onlyOnGPU && f.x != 0 && !gpu:
			return fmt.Errorf("%s %d: is for GPUs; give --provider cuda or tensorrt, or leave it out", f.flag, f.x)
		}
	}
	for _, d := range e.Devices {
		if d < 0 || d != 0 && !gpu {
			return fmt.Errorf("--devices %d: want numbers from 0, and another than 0 with --provider cuda or tensorrt only", d)
		}
	}
	return nil
}

// runners is how many encoder calls run at once.
func (e encoders) runners() int {
	switch {
	case e.Runners > 0:
		return e.Runners
	case e.accelerated(): // one is computed while the next is filled
		return 2 * max(1, len(e.Devices)) * max(1, e.Sessions)
	}
	return runtime.GOMAXPROCS(0)
}

// decoders is how many photos are decoded at once: on a CPU as many as are encoded, whose rivals they are.
func (e encoders) decoders() int {
	if e.accelerated() {
		return runtime.GOMAXPROCS(0)
	}
	return e.runners()
}

func (e encoders) accelerated() bool { return e.Provider != "" && e.Provider != onnx.CPU }

// batch is how many rows one encoder call takes.
func (e encoders) batch(m models.Modality) int {
	rows := extractors.Rows(m, e.Provider)
	if e.Batch == 0 {
		return rows
	}
	return max(1, rows*e.Batch/extractors.Rows(models.Image, e.Provider))
}
