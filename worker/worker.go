package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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

// Config wires the worker of one tenant. Nothing in it is closed by the worker.
type Config struct {
	*Machine
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
	Consent bool
	Vectors *vectors.Store
	Fusion  fusion.Model
	Shared  bool // other processes write to the lake: look again before a miss is believed
	// Weight is the tenant's part of the machine beside the others; nil: 1.
	Weight func() float64
	Log    *slog.Logger
}

// Worker holds what the handlers of a tenant share.
type Worker struct {
	Config
	products *extractors.Batcher[fusion.ProductParts, fusion.ProductVectors]
	users    *extractors.Batcher[fusion.UserParts, fusion.UserVector]
	parts    *gather.Reader
	flights  flights // of features that are being made
	userRuns userRuns
	listings listings // of the tables of behaviour
	metrics  *metrics
}

// A fusion costs less than a run of ONNX Runtime does by itself, so whoever is there shares one.
const productBatch, userBatch = 32, 16

// New checks cfg and starts the batchers of fusions. Close ends them.
func New(cfg Config) (_ *Worker, err error) {
	if cfg.Machine == nil || cfg.Objects == nil || cfg.Lake == nil || cfg.Vectors == nil || cfg.Fusion == nil || cfg.Log == nil {
		return nil, errors.New("worker: Machine, Objects, Lake, Vectors, Fusion and Log are required")
	}
	if cfg.Weight == nil {
		cfg.Weight = func() float64 { return 1 }
	}
	w := &Worker{Config: cfg, metrics: cfg.Machine.metrics.of(cfg.Tenant)}
	w.parts = &gather.Reader{Objects: cfg.Objects, Lake: cfg.Lake, Behaviour: cfg.Behaviour, Generation: cfg.Generation, Recipes: cfg.Recipes,
		Consent: cfg.Consent, Shared: cfg.Shared}
	if w.products, err = extractors.NewBatcher(extractors.BatchConfig[fusion.ProductParts]{
		MaxItems: productBatch, Runners: cfg.Encoders, Whole: unavailable,
	}, cfg.Fusion.Products); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	if w.users, err = extractors.NewBatcher(extractors.BatchConfig[fusion.UserParts]{
		MaxItems: userBatch, Runners: cfg.Encoders, Whole: unavailable,
	}, cfg.Fusion.Users); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return w, nil
}

// Close waits for the fusions under way. No handler may run any more.
func (w *Worker) Close() {
	_ = w.products.Close() // waits; the batchers have nothing to fail at
	_ = w.users.Close()
}

// enter waits for the tenant's turn to have a content in memory.
func (w *Worker) enter(ctx context.Context, lane tasks.Lane) (*room, error) {
	return w.gate.enter(ctx, w.Tenant, lane, w.Weight())
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
