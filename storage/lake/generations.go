package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"weft/storage/objects"
)

const (
	generationsFolder = "generations"
	generationsPrefix = Root + generationsFolder + "/"
	liveKey           = generationsPrefix + "live.json"
	maxGeneration     = 1 << 20 // bytes of canonical JSON
)

// Errors of Generations.
var (
	// ErrNoGeneration: there is no such generation.
	ErrNoGeneration = errors.New("no such generation")
	// ErrLiveMoved: the live pointer was not where the caller thought.
	ErrLiveMoved = errors.New("live generation has changed")
)

var generationPattern = regexp.MustCompile(`^g[0-9a-f]{12}$`)

// Generations stores what each generation pins, and which one is live:
// lake/v1/generations/<g>.json and live.json. The zero value is not usable; take it
// from a Lake or NewGenerations.
type Generations struct{ store objects.Store }

// NewGenerations is for those who need no tables.
func NewGenerations(store objects.Store) Generations { return Generations{store} }

// GenerationID returns the name of a generation: g and 12 hex digits of the SHA-256
// of its canonical JSON, which is returned too. Canonical is: keys sorted by bytes,
// no white space, numbers as they were written, text escaped only where JSON demands
// it (and U+2028, U+2029).
// spec is anything that marshals to a JSON object.
func GenerationID(spec any) (id string, canonical []byte, err error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return "", nil, fmt.Errorf("lake: generation: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil || fields == nil {
		return "", nil, fmt.Errorf("lake: generation is %.40q, not a JSON object", raw)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", nil, fmt.Errorf("lake: generation is more than one JSON value")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b) // sorts keys of maps
	e.SetEscapeHTML(false)
	if err := e.Encode(fields); err != nil {
		return "", nil, fmt.Errorf("lake: generation: %w", err)
	}
	canonical = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(canonical) > maxGeneration {
		return "", nil, fmt.Errorf("lake: generation has %d bytes, the limit is %d", len(canonical), maxGeneration)
	}
	sum := sha256.Sum256(canonical)
	return "g" + hex.EncodeToString(sum[:6]), canonical, nil
}

// Put stores a generation and returns its id. Storing it again does nothing.
func (g Generations) Put(ctx context.Context, spec any) (string, error) {
	id, canonical, err := GenerationID(spec)
	if err != nil {
		return "", err
	}
	_, err = g.store.Put(ctx, generationsPrefix+id+".json", canonical, objects.Condition{IfAbsent: true})
	if errors.Is(err, objects.ErrPrecondition) {
		_, err = g.Get(ctx, id) // ours, if its content fits its name
	}
	if err != nil {
		return "", fmt.Errorf("lake: store generation %s: %w", id, err)
	}
	return id, nil
}

// Get returns the canonical JSON of a generation, checked against its id. Errors:
// ErrNoGeneration.
func (g Generations) Get(ctx context.Context, id string) ([]byte, error) {
	if !generationPattern.MatchString(id) {
		return nil, fmt.Errorf("lake: generation %q: %w: an id is g and 12 hex digits", id, ErrNoGeneration)
	}
	body, _, err := g.store.Get(ctx, generationsPrefix+id+".json", objects.GetOptions{MaxBytes: maxGeneration})
	if errors.Is(err, objects.ErrNotExist) {
		return nil, fmt.Errorf("lake: generation %s: %w", id, ErrNoGeneration)
	}
	if err != nil {
		return nil, fmt.Errorf("lake: generation %s: %w", id, err)
	}
	if sum := sha256.Sum256(body); id != "g"+hex.EncodeToString(sum[:6]) {
		return nil, fmt.Errorf("lake: generation %s: its file has another content than its name says; remove it and store the generation again", id)
	}
	return body, nil
}

// livePointer is live.json.
type livePointer struct {
	Generation string `json:"generation"`
	Since      int64  `json:"since"` // Unix ms
}

// Live returns the live generation, empty if none was set.
func (g Generations) Live(ctx context.Context) (string, error) {
	p, _, err := g.live(ctx)
	return p.Generation, err
}

// LiveSince is Live, and since when.
func (g Generations) LiveSince(ctx context.Context) (string, time.Time, error) {
	p, _, err := g.live(ctx)
	return p.Generation, time.UnixMilli(p.Since).UTC(), err
}

// StoredGeneration is one that is stored, and since when.
type StoredGeneration struct {
	ID     string
	Stored time.Time
}

// List returns the generations that are stored, in the order of their ids.
func (g Generations) List(ctx context.Context) ([]StoredGeneration, error) {
	var found []StoredGeneration
	for info, err := range g.store.List(ctx, generationsPrefix, "") {
		if err != nil {
			return nil, fmt.Errorf("lake: listing generations: %w", err)
		}
		id, ok := strings.CutSuffix(strings.TrimPrefix(info.Key, generationsPrefix), ".json")
		if ok && generationPattern.MatchString(id) {
			found = append(found, StoredGeneration{id, info.Modified})
		}
	}
	return found, nil
}

func (g Generations) live(ctx context.Context) (livePointer, objects.Info, error) {
	var p livePointer
	body, info, err := g.store.Get(ctx, liveKey, objects.GetOptions{MaxBytes: maxGeneration})
	if errors.Is(err, objects.ErrNotExist) {
		return p, info, nil
	}
	if err != nil {
		return p, info, fmt.Errorf("lake: live generation: %w", err)
	}
	if err := json.Unmarshal(body, &p); err != nil || !generationPattern.MatchString(p.Generation) {
		return p, info, fmt.Errorf("lake: %s is damaged: %.80q; remove it and set the live generation again", liveKey, body)
	}
	return p, info, nil
}

// SetLive moves the live pointer from one generation (empty: none yet) to another,
// which must be stored. Setting what is live already does nothing. Errors:
// ErrLiveMoved if the pointer is at neither, ErrNoGeneration.
func (g Generations) SetLive(ctx context.Context, from, to string) error {
	if _, err := g.Get(ctx, to); err != nil {
		return err
	}
	now, info, err := g.live(ctx)
	switch {
	case err != nil:
		return err
	case now.Generation == to:
		return nil
	case now.Generation != from:
		return fmt.Errorf("lake: set live generation %s: %w: it is %q, not %q", to, ErrLiveMoved, now.Generation, from)
	}
	body, err := json.Marshal(livePointer{Generation: to, Since: time.Now().UnixMilli()})
	if err != nil {
		return fmt.Errorf("lake: set live generation %s: %w", to, err)
	}
	_, err = g.store.Put(ctx, liveKey, body, objects.Condition{IfAbsent: info.ETag == "", IfMatch: info.ETag})
	if errors.Is(err, objects.ErrPrecondition) {
		// Moved meanwhile, or our own reply was lost.
		if now, _, err := g.live(ctx); err != nil || now.Generation == to {
			return err
		}
		return fmt.Errorf("lake: set live generation %s: %w", to, ErrLiveMoved)
	}
	if err != nil {
		return fmt.Errorf("lake: set live generation %s: %w", to, err)
	}
	return nil
}
