package behaviour

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// Config wires a Collector of one tenant. Nothing in it is closed by it.
type Config struct {
	Objects objects.Store // below the tenant
	Lake    *lake.Lake
	Tables  *Tables // of Lake
	// Changed hears of users with new rows, and of products with new reviews or a new
	// listing, once these are durable. It must not block. Losing what it is told costs time only:
	// the sweep finds the same. May be nil.
	Changed func(users []tasks.UserID, products []tasks.ProductID)
	// Consent is what a shopper who said nothing is taken to have said about profiling.
	Consent bool
	// Name of this process, for dead letters.
	Name string
	// Registry takes the counters, which go on where another collector has begun them. May be nil.
	Registry prometheus.Registerer
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Collector takes rows in: it checks each, tells what became of it, and has stored
// what it accepts before it answers. It is safe for concurrent use.
type Collector struct {
	cfg       Config
	catalogue catalogue
	inFlight  map[Kind]*inFlight
	metrics   *metrics
}

// NewCollector checks cfg.
func NewCollector(cfg Config) (*Collector, error) {
	if cfg.Objects == nil || cfg.Lake == nil || cfg.Tables == nil || cfg.Name == "" {
		return nil, errors.New("behaviour: Objects, Lake, Tables and Name of the collector are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, err
	}
	c := &Collector{cfg: cfg, catalogue: catalogue{store: cfg.Objects}, metrics: m, inFlight: map[Kind]*inFlight{}}
	for _, k := range []Kind{Events, Reviews, Users, Products} {
		c.inFlight[k] = &inFlight{}
	}
	return c, nil
}

// Batch is rows of one kind from one place.
type Batch struct {
	Kind   Kind
	Source string    // a file's name, or "http"
	File   string    // FileDigest of the file that the rows are lines of; "": no file
	At     time.Time // when the file was last written; zero: now
	Rows   []RawRow
}

// ErrKind reports a kind of rows that there is not.
var ErrKind = errors.New("no such kind of rows")

// Accept takes a batch in. When it returns nil every row has ended in one place, and
// what was accepted, waits or is dead is durable. After an error nothing is known of
// the rows that were new; the batch may be sent again as it is: what was stored then
// counts as duplicate. Errors: ErrKind, or what the lake or the store said.
func (c *Collector) Accept(ctx context.Context, b Batch) (Report, error) {
	var r Report
	var err error
	switch b.Kind {
	case Events:
		r, err = accept(ctx, c, b, eventIntake(c.cfg.Tables))
	case Reviews:
		r, err = accept(ctx, c, b, reviewIntake(c.cfg.Tables))
	case Users:
		r, err = accept(ctx, c, b, userIntake(c.cfg.Tables))
	case Products:
		r, err = c.acceptProducts(ctx, b)
	default:
		return r, fmt.Errorf("%w: %.40q; want events, reviews, users or products", ErrKind, b.Kind)
	}
	if err != nil {
		return Report{}, fmt.Errorf("collecting %s from %s: %w", b.Kind, b.Source, err)
	}
	c.metrics.count(b.Kind, r)
	return r, nil
}

// origin of the rows of a batch.
func (c *Collector) origin(b Batch) Origin {
	return Origin{Source: b.Source, File: b.File, At: b.At, Now: c.cfg.Now()}
}

// letter is the dead letter of a row: under its place in its file, or, where there is
// no file, under its text, so that sending it again makes no second one.
func (c *Collector) letter(b Batch, raw RawRow, result Result, now time.Time) lake.Dead {
	place := b.File
	text := digest(string(raw.JSON))
	if place == "" {
		place, raw.Line = text, 1
	}
	return lake.Dead{
		Row: lake.Row{Key: fmt.Sprintf("%s/%s#%d", b.Kind, place, raw.Line), Version: now.UnixMilli()}, ContentSHA256: text,
		Reason: result.Reason, Stage: "collect", Message: fmt.Sprintf("%s, row %d: %s", b.Source, raw.Line, result.Message), Attempts: 1,
		Worker: c.cfg.Name, Time: now.UnixMilli(), Input: clip(string(raw.JSON), MaxExcerpt),
	}
}
