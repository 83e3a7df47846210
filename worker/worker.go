package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"weft/behaviour"
	"weft/extractors"
	"weft/fusion"
	"weft/gather"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

// Images prepares and encodes photos. It is safe for concurrent use.
type Images interface {
	// Prepare decodes one photo into the encoder's pixels. A photo that cannot be
	// read is a *pixels.Error.
	Prepare(data []byte) ([]byte, error)
	Encode(ctx context.Context, pixels [][]byte) ([][]float32, error)
}

// Texts tokenizes and encodes text. It is safe for concurrent use.
type Texts interface {
	Tokenize(text string) ([]int32, error)
	Encode(ctx context.Context, ids [][]int32) ([][]float32, error)
}

// Config wires a worker. Nothing in it is closed by the worker.
type Config struct {
	Tenant     tasks.Tenant
	Generation tasks.Generation
	Recipes    map[tasks.Modality]string // of the generation
	Name       string                    // of this process, for dead letters
	Objects    objects.Store             // below the tenant
	Lake       *lake.Lake
	// Behaviour is what shoppers do and say; nil: no vectors of shoppers are made, and
	// reviews take no part in those of products.
	Behaviour *behaviour.Tables
	// Consent is what shoppers who said nothing are taken to have said about profiling.
	Consent  bool
	Vectors  *vectors.Store
	Images   Images
	Texts    Texts
	Fusion   fusion.Model
	Encoders int // encoder calls at once; default one per core
	// PhotoBatch and TextBatch are how many photos and texts one encoder call takes, default 1 and 8; Decoders is how many
	// photos are decoded at once, default Encoders.
	PhotoBatch, TextBatch, Decoders int

	Shared   bool // other processes write to the lake: look again before a miss is believed
	MaxPhoto int64
	// ApartCommand is a program and its arguments that runs ServeApart, for photos that
	// may crash or hang what reads them. Empty: they are decoded and encoded here.
	ApartCommand []string
	// DecodeLimit is how long the decoding of one photo may take; default 20 s.
	DecodeLimit time.Duration
	Metrics     prometheus.Registerer
	Log         *slog.Logger
}

// Worker holds what the handlers share.
type Worker struct {
	Config
	images   *extractors.Batcher[[]byte, []float32]
	texts    *extractors.Batcher[[]int32, []float32]
	products *extractors.Batcher[fusion.ProductParts, fusion.ProductVectors]
	users    *extractors.Batcher[fusion.UserParts, fusion.UserVector]
	parts    *gather.Reader
	gate     *semaphore.Weighted // contents in memory
	decode   *semaphore.Weighted // decoders at work
	apart    *apart              // processes for suspects; nil: none
	flights  flights
	turns    turns    // of shoppers
	listings listings // of the tables of behaviour
	metrics  *metrics
}

// company is how long a photo or text waits for others to share a call with, where calls take several and another one is
// under way: the time of a few decodings.
const company = 5 * time.Millisecond

// tokensPerText bounds the padded tokens of a call of texts.
const tokensPerText = 256

// A fusion costs less than a run of ONNX Runtime does by itself, so whoever is there shares one.
const productBatch, userBatch = 32, 16

// New checks cfg and starts the batchers. Close ends them.
func New(cfg Config) (*Worker, error) {
	if cfg.Objects == nil || cfg.Lake == nil || cfg.Vectors == nil || cfg.Images == nil || cfg.Texts == nil || cfg.Fusion == nil || cfg.Log == nil {
		return nil, errors.New("worker: Objects, Lake, Vectors, Images, Texts, Fusion and Log are required")
	}
	if cfg.Encoders <= 0 {
		cfg.Encoders = runtime.GOMAXPROCS(0)
	}
	cfg.PhotoBatch, cfg.TextBatch, cfg.Decoders = cmp.Or(cfg.PhotoBatch, 1), cmp.Or(cfg.TextBatch, 8), cmp.Or(cfg.Decoders, cfg.Encoders)
	if cfg.DecodeLimit <= 0 {
		cfg.DecodeLimit = 20 * time.Second
	}
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("worker metrics: %w", err)
	}
	w := &Worker{Config: cfg, metrics: m, gate: semaphore.NewWeighted(int64(max(ahead, 2*cfg.PhotoBatch) * cfg.Encoders)),
		decode: semaphore.NewWeighted(int64(cfg.Decoders))}
	w.parts = &gather.Reader{Objects: cfg.Objects, Lake: cfg.Lake, Behaviour: cfg.Behaviour, Generation: cfg.Generation, Recipes: cfg.Recipes,
		Consent: cfg.Consent, Shared: cfg.Shared}
	if len(cfg.ApartCommand) > 0 {
		w.apart = &apart{command: cfg.ApartCommand, limit: cfg.DecodeLimit}
	}
	if w.images, err = extractors.NewBatcher(extractors.BatchConfig[[]byte]{
		MaxItems: cfg.PhotoBatch, MaxAge: cfg.wait(), Runners: cfg.Encoders, Whole: extractors.Unavailable, Observe: m.batches(tasks.Image),
	}, cfg.Images.Encode); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	if w.texts, err = extractors.NewBatcher(extractors.BatchConfig[[]int32]{
		MaxItems: cfg.TextBatch, MaxAge: cfg.wait(), MaxWeight: tokensPerText * cfg.TextBatch, Runners: cfg.Encoders, Whole: extractors.Unavailable, Observe: m.batches(tasks.Text),
		Weight: func(ids []int32) int { return len(ids) },
		Less:   func(a, b []int32) bool { return len(a) < len(b) },
	}, cfg.Texts.Encode); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	if w.products, err = extractors.NewBatcher(extractors.BatchConfig[fusion.ProductParts]{
		MaxItems: productBatch, Runners: cfg.Encoders, Whole: extractors.Unavailable,
	}, cfg.Fusion.Products); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	if w.users, err = extractors.NewBatcher(extractors.BatchConfig[fusion.UserParts]{
		MaxItems: userBatch, Runners: cfg.Encoders, Whole: extractors.Unavailable,
	}, cfg.Fusion.Users); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return w, nil
}

// Close waits for the batches under way. No handler may run any more.
func (w *Worker) Close() {
	_ = w.images.Close() // waits; the batchers have nothing to fail at
	_ = w.texts.Close()
	_ = w.products.Close()
	_ = w.users.Close()
	if w.apart != nil {
		w.apart.close()
	}
}

// Handlers maps the task types that this worker runs.
func (w *Worker) Handlers() map[tasks.Type]queue.Handler {
	all := map[tasks.Type]queue.Handler{
		tasks.ImageEmbed:  w.guard(w.image),
		tasks.TextEmbed:   w.guard(w.text),
		tasks.ProductFuse: w.guard(w.product),
	}
	if w.Behaviour != nil {
		all[tasks.UserFuse] = w.guard(w.user)
	}
	return all
}

// slotsPerEncoder is how many tasks of each type the queue may hand out at once,
// per encoder. Most of them wait for a group commit, a few hundred milliseconds on
// a slow disk, and hold no more than a vector then; the gate bounds the others.
const slotsPerEncoder = 512

// Room is how many tasks of a type and lane keep this worker busy: half of its slots, so
// that a tenant who comes later finds a free hand while all of the room is lent.
func (w *Worker) Room() int { return slotsPerEncoder * w.Encoders / 2 }

// Slots tells the queue how many tasks of each type to hand out at once.
func (w *Worker) Slots() map[tasks.Type]int {
	n := slotsPerEncoder * w.Encoders
	return map[tasks.Type]int{tasks.ImageEmbed: n, tasks.TextEmbed: n, tasks.ProductFuse: n, tasks.UserFuse: n}
}

// wait is how long an item of a batch may wait: not at all on a CPU, which single photos fill.
func (c Config) wait() time.Duration {
	if c.PhotoBatch == 1 {
		return 0
	}
	return company
}

// ahead is how many photos or listings may be in memory for each encoder, from
// the fetch to the end of the encoding: enough that an encoder never waits.
const ahead = 8
