package extractors

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/onnx"
)

// Errors of encoders, for errors.Is.
var (
	// ErrUnavailable is wrapped when a model cannot be loaded or does not
	// reproduce its golden vectors.
	ErrUnavailable = errors.New("encoder unavailable")
	// ErrInput is wrapped for prepared inputs of the wrong form.
	ErrInput = errors.New("bad encoder input")
	// ErrVector is wrapped when a model's output has the wrong shape, or holds
	// NaN, infinities, or for l2 only zeros.
	ErrVector = errors.New("no usable vector")
)

// Unavailable reports errors that no input is to blame for: the model is
// missing, damaged or closed, or the context ended. It serves as
// BatchConfig.Whole.
func Unavailable(err error) bool {
	for _, target := range []error{ErrUnavailable, ErrClosed, onnx.ErrClosed, onnx.ErrLibrary, onnx.ErrProvider, onnx.ErrDevice, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// ImageEncoder turns photos into vectors. It is safe for concurrent use;
// whoever made it closes it, which waits for the runs that are going on.
type ImageEncoder interface {
	// Prepare decodes a photo into Size·Size RGB pixels, row by row, 3 bytes
	// each. A photo that cannot be used gives a *pixels.Error.
	Prepare(data []byte) ([]byte, error)
	// Encode gives one vector of Dim values per prepared photo, in their order.
	// An error is about the whole call.
	Encode(ctx context.Context, photos [][]byte) ([][]float32, error)
	// Recipe is the fingerprint of how the vectors are made.
	Recipe() string
	Dim() int
	Close() error
}

// TextEncoder turns texts into vectors, see ImageEncoder.
type TextEncoder interface {
	// Tokenize gives a text's token ids, special tokens included, truncated to
	// the manifest's maximal length. It fails only when there is no tokenizer.
	Tokenize(text string) ([]int32, error)
	// Encode gives one vector of Dim values per token list, in their order.
	Encode(ctx context.Context, tokens [][]int32) ([][]float32, error)
	Recipe() string
	Dim() int
	Close() error
}

// Decoder makes pixels out of photos; *pixels.Decoder is one.
type Decoder interface {
	Image(data []byte, s pixels.Spec, dst []byte) ([]byte, error)
	Class() pixels.Class
}

// Config says which model to run and with what.
type Config struct {
	Manifest *models.Manifest
	Cache    *models.Cache
	Library  *Library
	Session  onnx.SessionConfig // threads of one run
	// MaxBatch is the most rows of one run, 1 to 4,096; longer calls are split.
	// Default Rows. Where the device has no memory for it, it is halved.
	MaxBatch int
	// Devices are the numbers of the GPUs that share the work, nil for the first;
	// Sessions is how many copies of the model each holds, default 1.
	Devices  []int
	Sessions int
	// Decoder prepares photos; required for image encoders.
	Decoder Decoder
	// Loaded hears how a lazy encoder did on its goldens when it was loaded. May be nil.
	Loaded func(*models.Report)
}

// Validate names the first field that is missing or does not fit.
func (c Config) Validate(modality models.Modality) error {
	switch {
	case c.Manifest == nil:
		return errors.New("encoder: Manifest: is missing")
	case c.Manifest.Modality != modality:
		return fmt.Errorf("encoder: Manifest: %s reads %q, want a model for %q", c.Manifest.Name, c.Manifest.Modality, modality)
	case c.Cache == nil:
		return errors.New("encoder: Cache: is missing")
	case c.Library == nil:
		return errors.New("encoder: Library: is missing")
	case c.MaxBatch < 0 || c.MaxBatch > 4096:
		return fmt.Errorf("encoder: MaxBatch: %d is not from 0 to 4096", c.MaxBatch)
	case c.Sessions < 0 || c.Sessions > 64:
		return fmt.Errorf("encoder: Sessions: %d is not from 0 to 64", c.Sessions)
	case modality == models.Image && c.Decoder == nil:
		return errors.New("encoder: Decoder: is missing")
	}
	return nil
}

// Rows is how many rows of a run are best for a modality with a provider: one
// photo and eight texts on a CPU, where larger ones leave its caches; what fills
// a GPU there.
func Rows(m models.Modality, provider string) int {
	rows := map[models.Modality]int{models.Image: 1, models.Text: 8}[m]
	if provider == onnx.CPU || provider == "" {
		return rows
	}
	return map[models.Modality]int{models.Image: 32, models.Text: 64}[m]
}

// rows is how many rows one run takes.
func (c Config) rows(provider string) int {
	n := c.MaxBatch
	if n == 0 {
		n = Rows(c.Manifest.Modality, provider)
	}
	if c.Manifest.MaxBatch > 0 {
		n = min(n, c.Manifest.MaxBatch)
	}
	return n
}

func (c Config) devices() []int {
	if len(c.Devices) == 0 {
		return []int{0}
	}
	return c.Devices
}

// Library opens ONNX Runtime when it is first asked for, so that a process that
// encodes nothing never loads it. It is safe for concurrent use.
type Library struct {
	cache    *models.Cache
	manifest *models.Manifest
	config   onnx.Config

	mu     sync.Mutex
	opened map[int]*onnx.Runtime // by device
}

// NewLibrary returns the library of a runtime manifest; where config.Library
// names a file, as for a GPU build, that one is taken and not the cache's.
func NewLibrary(cache *models.Cache, manifest *models.Manifest, config onnx.Config) *Library {
	return &Library{cache: cache, manifest: manifest, config: config, opened: map[int]*onnx.Runtime{}}
}

// Runtime loads the library for a device, or returns the loaded one. After an
// error the next call tries again.
func (l *Library) Runtime(device int) (*onnx.Runtime, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.opened[device]; r != nil {
		return r, nil
	}
	config := l.config
	config.DeviceID = device
	if config.Library == "" {
		path, err := l.cache.Library(l.manifest)
		if err != nil {
			return nil, err
		}
		config.Library = path
	}
	runtime, err := onnx.Open(config)
	if err != nil {
		return nil, err
	}
	l.opened[device] = runtime
	return runtime, nil
}
