package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"weft/fusion/train"
	"weft/onnx"
)

type trainCmd struct {
	tables
	place
	Out     string  `help:"Folder for the model, made if it is not there; also holds checkpoints." type:"path" required:"" placeholder:"DIR"`
	Seed    uint64  `help:"Seed: the same data, flags and seed give the same model." default:"1"`
	Resume  bool    `help:"Go on where an interrupted training of the same data and flags stopped."`
	FitAll  bool    `help:"Once all is chosen, fit what serves on the test part too: for a model that is to serve and not to be measured ('weft evaluate' refuses it)."`
	Grid    bool    `help:"Try six settings of the tower and keep the best on validation."`
	Towers  int     `help:"Towers, each from another seed, whose mean serves: fewer are faster and a little worse." default:"3"`
	Epochs  int     `help:"Epochs at most." default:"12"`
	Batch   int     `help:"Users in a step." default:"512"`
	Rate    float32 `help:"Learning rate of Adam." default:"0.001"`
	Threads int     `help:"Threads of a step; default one per core."`
	JSON    bool    `help:"Print the summary as JSON."`

	Models   string `help:"Folder or file of further model manifests." type:"path" placeholder:"PATH" group:"Models"`
	Cache    string `help:"Model cache; default the user's cache folder." type:"path" placeholder:"DIR" group:"Models"`
	Text     string `help:"Encoder of a modality's column of text." default:"all-minilm-l6-v2" placeholder:"NAME" group:"Models" name:"text-model"`
	Provider string `help:"Where steps run: cpu or cuda." enum:"cpu,cuda" default:"cpu" group:"Models"`
	Runtime  string `help:"ONNX Runtime library instead of the cache's." type:"path" placeholder:"FILE" group:"Models" name:"onnxruntime"`
}

// Help is shown by --help.
func (trainCmd) Help() string {
	return `On a catalogue (--data, --objects): shoppers' events, consented and cleaned as by 'weft data split', the features that
are stored, what users have told. Nothing is encoded, and what was stated after the train part stays out. On tables
(--tables): whatever they hold.

Learns to rank: towers over identities and features beside closed-form models, chosen and weighed on the validation
part, folded into one vector of 256 numbers per user and item whose product is the score. The test part is not looked at;
'weft evaluate --tables DIR --model OUT' measures on it. A model that is to serve is fitted on it too with --fit-all, or
what the newest tenth of the rows says would count for nothing.

--out gets product.onnx and user.onnx with manifest.json, items.npy and users.npy with their ids, the tables the two
towers read, metrics.json, model-card.md, report.html with plots, and curves/ for TensorBoard. With --profiles, and of what users of
a catalogue have told, also profile.onnx, which tells attributes from a user's vector and history, and profile.json and
profile.html, how well it does on users it has not learned from.

Ctrl-C saves; the same command with --resume goes on, and ends with the same model as without the stop.

Examples:
  weft train --data shop --out model/ --fit-all
  weft train --tables shop/ --out model/
  weft train --tables shop/ --modality image=shop/image.npy --modality text=shop/text.parquet --out model/ --seed 7 --json
  weft train --tables log/ --interactions events.csv.gz --user-column CustomerID --item-column StockCode --time-column InvoiceDate \
    --modality text=log/items.csv:description --out model/ --grid`
}

// Run is `weft train`.
func (c *trainCmd) Run(ctx context.Context, a *app) error {
	if c.Tables == "" && c.Data == "" && c.Objects == "" {
		return usagef("nothing to learn from: give a catalogue with --data or --objects, or with --tables the folder that holds interactions.csv or interactions.parquet")
	}
	s, err := c.learn(ctx, a, true)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(s)
	}
	return printSummary(a.out, s, c.Out)
}

// learn reads the rows and trains a model in Out; heads: with what users have told, too.
func (c *trainCmd) learn(ctx context.Context, a *app, heads bool) (s train.Summary, err error) {
	for flag, zero := range map[string]bool{"towers": c.Towers == 0, "epochs": c.Epochs == 0, "batch": c.Batch == 0, "rate": c.Rate == 0} {
		if zero { // which train.Config takes for its default
			return s, usagef("--%s 0: want more", flag)
		}
	}
	config := train.Config{Seed: c.Seed, Towers: c.Towers, Epochs: c.Epochs, Batch: c.Batch, Rate: c.Rate, Threads: c.Threads}
	if err := config.Validate(); err != nil {
		return s, usageError{err}
	}
	leave, err := c.enter(a)
	if err != nil {
		return s, err
	}
	defer leave()
	data, report, err := c.read(ctx, a, c.place, encoders{Models: c.Models, Cache: c.Cache, Runtime: c.Runtime, Provider: c.Provider, Text: c.Text})
	if err != nil {
		return s, err
	}
	a.log.Info(report.Summary())
	for _, w := range report.Warnings {
		a.log.Warn(w)
	}
	runtime, err := c.open()
	if err != nil {
		return s, err
	}
	var beside func(context.Context) (map[string][]byte, error)
	if heads && len(data.Profiles) > 0 {
		beside = func(ctx context.Context) (map[string][]byte, error) {
			a.log.Info("what users have told")
			rows := data.TrainVal
			if c.FitAll {
				rows = data.All
			}
			return profileFiles(ctx, a, data, rows, c.Out, c.Seed)
		}
	}
	bar := newTrainBar(a.err)
	s, err = train.Train(ctx, train.Options{Runtime: runtime, Data: data, Report: report, Config: config, Grid: c.Grid, FitAll: c.FitAll, Out: c.Out, Resume: c.Resume, Beside: beside,
		Watch: train.Watch{
			Stage: func(name string) { bar.clear(); a.log.Info(name) },
			Step:  bar.step,
			Epoch: func(e train.Epoch) {
				bar.clear()
				fields := []any{"n", e.Epoch, "loss", round(e.Loss), "took", time.Duration(e.Seconds * float64(time.Second)).Round(time.Millisecond)}
				if e.Validation.Users > 0 { // when all is fitted again, nobody is left to ask
					fields = append(fields, "recall@20", round(e.Validation.Recall), "ndcg@20", round(e.Validation.NDCG))
				}
				a.log.Info("epoch", fields...)
			},
		}})
	bar.clear()
	if errors.Is(err, context.Canceled) {
		return s, fmt.Errorf("stopped; what was done is saved in %s: the same command with --resume goes on from there", c.Out)
	}
	if err != nil {
		return s, err
	}
	return s, nil
}

// open loads ONNX Runtime.
func (c *trainCmd) open() (*onnx.Runtime, error) {
	e := encoders{Models: c.Models, Cache: c.Cache, Provider: c.Provider, Runtime: c.Runtime}
	return e.runtime("training steps run by ONNX Runtime")
}

func printSummary(w io.Writer, s train.Summary, out string) error {
	_, err := fmt.Fprintf(w, "validation: Recall@20 %.4f, NDCG@20 %.4f (%d users)\n", s.Composed.Recall, s.Composed.NDCG, s.Composed.Users)
	for _, m := range s.Choice.Members {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %-16s weight %.3g, alone Recall@20 %.4f\n", m.Name, m.Weight, s.Choice.Alone[m.Name].Recall)
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "%d epochs, %d steps, %.0f s, %d MiB; the model is in %s, report.html there draws how it went\n", s.Choice.Epochs, s.Steps, s.Seconds, s.PeakMiB, out)
	}
	return err
}

func round(x float64) string { return fmt.Sprintf("%.4f", x) }

// trainBar draws one epoch: its loss, and how long all epochs would still take.
type trainBar struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	epoch int
	took  time.Duration // of a step, running average
}

func newTrainBar(w io.Writer) *trainBar { return &trainBar{w: w} }

func (b *trainBar) step(s train.Step) {
	if b.bar == nil || b.epoch != s.Epoch {
		b.clear()
		b.bar, b.epoch = countBar(b.w, "", s.Steps), s.Epoch
	}
	if b.took == 0 {
		b.took = s.Took
	}
	b.took += (s.Took - b.took) / 10
	left := b.took * time.Duration(s.Steps-s.Step+(s.Epochs-s.Epoch)*s.Steps)
	b.bar.Describe(fmt.Sprintf("epoch %d of at most %d, loss %.3f, at most %s left", s.Epoch, s.Epochs, s.Loss, left.Round(time.Second)))
	_ = b.bar.Set(s.Step)
}

func (b *trainBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
		b.bar = nil
	}
}
