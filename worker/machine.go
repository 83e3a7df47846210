package worker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"weft/extractors"
	"weft/tasks"
)

// MachineConfig wires a Machine. Nothing in it is closed by the machine.
type MachineConfig struct {
	Images   Images
	Texts    Texts
	Encoders int // encoder calls at once; default one per core
	// PhotoBatch and TextBatch are how many photos and texts one encoder call takes, default 1 and 8; Decoders is how many
	// photos are decoded at once, default Encoders.
	PhotoBatch, TextBatch, Decoders int

	MaxPhoto int64
	// ApartCommand is a program and its arguments that runs ServeApart, for photos that
	// may crash or hang what reads them. Empty: they are decoded and encoded here.
	ApartCommand []string
	// DecodeLimit is how long the decoding of one photo may take; default 20 s.
	DecodeLimit time.Duration
	Metrics     prometheus.Registerer
	Log         *slog.Logger
}

// Machine is what the workers of a process share, one for each tenant: the encoders of one
// recipe; the gates before memory and cores, where tenants take turns; and the processes for
// suspects.
type Machine struct {
	MachineConfig
	images  encoder[[]byte]
	texts   encoder[[]int32]
	gate    *gate               // contents in memory
	fusions *gate               // shoppers being read and fused
	decode  *semaphore.Weighted // decoders at work
	apart   *apart              // processes for suspects; nil: none
	metrics *metrics
}

// company is how long a photo or text waits for others to share a call with, where calls take several and another one is
// under way: the time of a few decodings.
const company = 5 * time.Millisecond

// tokensPerText bounds the padded tokens of a call of texts.
const tokensPerText = 256

// fusing is how many shoppers may be read and fused for each encoder.
const fusing = 8

// NewMachine checks cfg and starts the batchers. Close ends them.
func NewMachine(cfg MachineConfig) (*Machine, error) {
	if cfg.Images == nil || cfg.Texts == nil || cfg.Log == nil {
		return nil, errors.New("worker: Images, Texts and Log are required")
	}
	if cfg.Encoders <= 0 {
		cfg.Encoders = runtime.GOMAXPROCS(0)
	}
	cfg.PhotoBatch, cfg.TextBatch, cfg.Decoders = cmp.Or(cfg.PhotoBatch, 1), cmp.Or(cfg.TextBatch, 8), cmp.Or(cfg.Decoders, cfg.Encoders)
	if cfg.DecodeLimit <= 0 {
		cfg.DecodeLimit = 20 * time.Second
	}
	shared, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("worker metrics: %w", err)
	}
	inMemory := max(ahead, 2*cfg.PhotoBatch) * cfg.Encoders
	m := &Machine{MachineConfig: cfg, metrics: shared, gate: newGate(inMemory, cfg.Encoders), fusions: newGate(fusing*cfg.Encoders, cfg.Encoders),
		decode: semaphore.NewWeighted(int64(cfg.Decoders))}
	inMemory += cfg.Encoders
	if len(cfg.ApartCommand) > 0 {
		m.apart = &apart{command: cfg.ApartCommand, limit: cfg.DecodeLimit}
	}
	if m.images, err = newEncoder(extractors.BatchConfig[queued[[]byte]]{
		MaxItems: cfg.PhotoBatch, MaxAge: cfg.wait(), Runners: cfg.Encoders, Queue: inMemory, Whole: extractors.Unavailable, Observe: shared.batches(tasks.Image),
	}, cfg.Images.Encode); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	if m.texts, err = newEncoder(extractors.BatchConfig[queued[[]int32]]{
		MaxItems: cfg.TextBatch, MaxAge: cfg.wait(), MaxWeight: tokensPerText * cfg.TextBatch, Runners: cfg.Encoders, Queue: inMemory, Whole: extractors.Unavailable, Observe: shared.batches(tasks.Text),
		Weight: func(q queued[[]int32]) int { return len(q.in) },
		Less:   func(a, b queued[[]int32]) bool { return len(a.in) < len(b.in) },
	}, cfg.Texts.Encode); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return m, nil
}

// Close waits for the batches under way. No worker may use the machine any more.
func (m *Machine) Close() {
	_ = m.images.Close() // waits; the batchers have nothing to fail at
	_ = m.texts.Close()
	if m.apart != nil {
		m.apart.close()
	}
}

// Spent is the encoder-seconds of each tenant so far.
func (m *Machine) Spent() map[tasks.Tenant]float64 { return m.metrics.spent.all() }

// slotsPerEncoder is how many tasks of each type the queue may hand out at once,
// per encoder. Most of them wait for a group commit, a few hundred milliseconds on
// a slow disk, and hold no more than a vector then; the gate bounds the others.
const slotsPerEncoder = 512

// Room is how many tasks of a type and lane keep this machine busy: half of its slots, so
// that a tenant who comes later finds a free hand while all of the room is lent.
func (m *Machine) Room() int { return slotsPerEncoder * m.Encoders / 2 }

// Slots tells the queue how many tasks of each type to hand out at once.
func (m *Machine) Slots() map[tasks.Type]int {
	n := slotsPerEncoder * m.Encoders
	return map[tasks.Type]int{tasks.ImageEmbed: n, tasks.TextEmbed: n, tasks.ProductFuse: n, tasks.UserFuse: n}
}

// wait is how long an item of a batch may wait: not at all on a CPU, which single photos fill.
func (c MachineConfig) wait() time.Duration {
	if c.PhotoBatch == 1 {
		return 0
	}
	return company
}

// ahead is how many photos or listings may be in memory for each encoder, from
// the fetch to the end of the encoding: enough that an encoder never waits.
const ahead = 8
