package train

import (
	"context"
	"fmt"

	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/onnx"
)

// Read contract: served vectors have Dim numbers, the last of which carries what is missing to unit length.
const Dim = 256

// Options says what to train on and where the result goes.
type Options struct {
	Runtime *onnx.Runtime
	Data    *dataset.Dataset
	Report  dataset.Report // goes into the model card
	Config  Config
	Grid    bool   // try variations of Config and keep the best on validation
	Out     string // folder, made if it is not there; also holds the checkpoints
	Resume  bool   // go on from the checkpoints in Out
	FitAll  bool   // what serves is fitted on the test part too, once all is chosen: it can no longer be measured there
	Watch   Watch
	// Beside, if set, makes further files of the model, by name, from the vectors that lie in Out by then. The manifest, which
	// is written after them, names them too: until it is there, a training that was interrupted can go on.
	Beside func(context.Context) (map[string][]byte, error)
}

// Watch is told how a training goes; any of its functions may be nil. They are called by one goroutine.
type Watch struct {
	Stage func(name string) // a part of the work begins
	Step  func(Step)
	Epoch func(Epoch)
}

func (w Watch) stage(format string, args ...any) {
	if w.Stage != nil {
		w.Stage(fmt.Sprintf(format, args...))
	}
}

// Summary is what a training came to; it is also metrics.json.
type Summary struct {
	Choice   Choice  `json:"choice"`
	Composed Metrics `json:"composed"` // validation of what serves, folded, from the train part alone
	Epochs   []Epoch `json:"history"`  // of the tower, on the train part
	Refit    []Epoch `json:"refit,omitempty"`
	Grid     []Trial `json:"grid,omitempty"`
	FittedOn string  `json:"fitted_on"` // the parts of the data that what serves was fitted on
	Config   Config  `json:"config"`
	Powers   []Power `json:"powers,omitempty"` // of the weights of interactions that were tried; Config has the one that was kept
	// Content is how the content output does on products left out; nil where that could not be asked.
	Content *content.Quality `json:"content,omitempty"`
	Steps   int              `json:"steps"`
	Seconds float64          `json:"seconds"` // since the last interruption
	// PeakMiB is the most memory that the process held; 0 where the system does not tell.
	PeakMiB int `json:"peak_mib"`
}

// Trial is one setting of the grid.
type Trial struct {
	Setting    string  `json:"setting"`
	Validation Metrics `json:"validation"`
	Epochs     int     `json:"epochs"`
}

// check finds data that could only fail later, or make a model of nothing.
func (o Options) check() error {
	d := o.Data
	for _, part := range [][]dataset.Interaction{d.Train, d.Val, d.TrainVal, d.All} {
		for _, r := range part {
			if r.User < 0 || int(r.User) >= len(d.Users) || r.Item < 0 || int(r.Item) >= len(d.Items) {
				return fmt.Errorf("%w: an interaction of user %d and item %d, with %d users and %d items: numbers begin at 0", ErrData, r.User, r.Item, len(d.Users), len(d.Items))
			}
		}
	}
	switch {
	case len(d.Train) == 0:
		return fmt.Errorf("%w: the train part is empty", ErrData)
	case len(d.Val) == 0:
		return fmt.Errorf("%w: the validation part is empty; nothing can be chosen", ErrData)
	}
	if o.FitAll && len(d.All) == 0 {
		return fmt.Errorf("%w: to fit on all parts, Data.All is needed", ErrConfig)
	}
	for _, m := range d.Modalities {
		if err := finite("features of modality "+m.Name, m.Rows); err != nil {
			return err
		}
	}
	return nil
}
