package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/extractors"
	"weft/fusion/dataset"
)

// tables says which tables to learn from and how to read them.
type tables struct {
	Tables       string   `help:"Folder with interactions.csv or interactions.parquet: user, item, and split or time." type:"existingdir" placeholder:"DIR" group:"Tables"`
	Interactions string   `help:"Name of the interactions within --tables." placeholder:"FILE" group:"Tables"`
	Modality     []string `help:"Features of the items: .npy with a row per item, or CSV or Parquet with an id; a table's columns may be named, also one of text, which is encoded. Repeatable." placeholder:"NAME=FILE[:COLUMN,…]" sep:"none" group:"Tables"`
	Profiles     string   `help:"Table of users and their attributes." type:"existingfile" placeholder:"FILE" group:"Tables"`
	Split        string   `help:"given (a column), time (80/10/10 at one moment), user (at random), leave-last; default given where there is a split column, else time, else user." placeholder:"HOW" group:"Tables"`
	Facts        string   `help:"Of a catalogue, listings stated after the train part: known leaves them out, all lets them in." enum:"known,all" default:"known" group:"Tables"`
	SplitSeed    uint64   `help:"Seed of --split user." default:"1" group:"Tables"`
	UserColumn   string   `help:"Column of the user." default:"user" group:"Tables"`
	ItemColumn   string   `help:"Column of the item." default:"item" group:"Tables"`
	SplitColumn  string   `help:"Column of the given split." default:"split" group:"Tables"`
	TimeColumn   string   `help:"Column of the time." default:"time" group:"Tables"`
	WeightColumn string   `help:"Column of a weight above 0; default every row counts 1." placeholder:"NAME" group:"Tables"`
	TimeLayout   string   `help:"How times are written, in Go's notation, such as \"02/01/2006 15:04\"; default RFC 3339, \"2006-01-02 15:04:05\" and Unix numbers." placeholder:"LAYOUT" group:"Tables"`
	TimeZone     string   `help:"Zone of times that name none." default:"UTC" placeholder:"ZONE" group:"Tables"`
}

// load reads the tables; columns of text go through the text encoder. Wrong flags are usage errors.
func (t tables) load(ctx context.Context, a *app, e encoders) (*dataset.Dataset, dataset.Report, error) {
	o, err := t.options()
	if err != nil {
		return nil, dataset.Report{}, err
	}
	o.Encode = func(texts []string) ([][]float32, error) { return e.encodeTexts(ctx, a, texts) }
	d, r, err := dataset.Load(o)
	if errors.Is(err, dataset.ErrOptions) {
		err = usageError{err}
	}
	return d, r, err
}

func (t tables) options() (dataset.Options, error) {
	zone, err := time.LoadLocation(t.TimeZone)
	if err != nil {
		return dataset.Options{}, usagef("--time-zone %q: %v; want a name such as Europe/Paris", t.TimeZone, err)
	}
	o := dataset.Options{Dir: t.Tables, Interactions: t.Interactions, Profiles: t.Profiles, Split: dataset.Split(t.Split), Seed: t.SplitSeed,
		UserColumn: t.UserColumn, ItemColumn: t.ItemColumn, SplitColumn: t.SplitColumn, TimeColumn: t.TimeColumn, WeightColumn: t.WeightColumn,
		TimeLayout: t.TimeLayout, Zone: zone}
	for _, m := range t.Modality {
		name, path, ok := strings.Cut(m, "=")
		if !ok || path == "" {
			return o, usagef("--modality %q: want NAME=FILE, such as image=image.npy", m)
		}
		file := dataset.NamedFile{Name: name, Path: path}
		if _, err := os.Stat(path); err != nil { // a colon may begin the columns
			if at := strings.LastIndexByte(path, ':'); at > 0 {
				file.Path, file.Columns = path[:at], strings.Split(path[at+1:], ",")
			}
		}
		if _, err := os.Stat(file.Path); err != nil {
			return o, usagef("--modality %s: %v", name, err)
		}
		o.Modalities = append(o.Modalities, file)
	}
	return o, nil
}

// encodeTexts encodes each text on its own, so that its vector does not depend on its neighbours.
func (e encoders) encodeTexts(ctx context.Context, a *app, texts []string) ([][]float32, error) {
	shelf, err := e.shelf()
	if err != nil {
		return nil, err
	}
	config, err := e.textConfig(shelf, e.Text)
	if err != nil {
		return nil, err
	}
	encoder, err := extractors.NewLazyText(config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = encoder.Close() }()
	bar := countBar(a.err, "texts", len(texts))
	defer func() { _ = bar.Finish() }()
	vectors := make([][]float32, len(texts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.runners())
	for i, text := range texts {
		group.Go(func() error {
			ids, err := encoder.Tokenize(text)
			if err != nil {
				return err
			}
			v, err := encoder.Encode(ctx, [][]int32{ids})
			if err != nil {
				return fmt.Errorf("text %q: %w", text, err)
			}
			vectors[i] = v[0]
			_ = bar.Add(1)
			return nil
		})
	}
	return vectors, group.Wait()
}
