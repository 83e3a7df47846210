package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weft/gather"
	"weft/promote"
	"weft/storage/lake"
	"weft/tasks"
)

type modelsPromoteCmd struct {
	place
	encoders
	Model string `arg:"" optional:"" help:"Folder that 'weft train' wrote, or the beginning of the id of a model that is in the bucket."`
	Back  bool   `help:"Go back to the generation that was live before."`
	Force bool   `help:"Promote a model that is worse, or was never measured; the record says so."`
	JSON  bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (modelsPromoteCmd) Help() string {
	return `Puts a trained fusion behind all vectors, if it is not worse than what serves on the shoppers it was chosen on.
Every vector is made anew from stored features, nothing is encoded; then the bucket's pointer moves, and processes that
run go over to it within seconds; until Redis holds the new vectors the old ones are read.
Interrupted, the same command goes on. --back does the same with the generation before.

Examples:
  weft train --data shop --out model/ && weft models promote model/ --data shop
  weft models promote --back --data shop
  weft models promote 3fa94c --objects 's3://shop?endpoint=localhost:9000' --force`
}

// promoted is what a promotion came to.
type promoted struct {
	Generation tasks.Generation `json:"generation"`
	Before     tasks.Generation `json:"before"`
	Fusion     string           `json:"fusion"` // fingerprint of the model, or untrained
	Gate       *promote.Gate    `json:"gate,omitempty"`
	Why        string           `json:"why"` // promoted, forced or back
	Made       int64            `json:"made"`
	Current    int64            `json:"current"` // vectors that were there already
	Left       int64            `json:"left"`    // for the workers
	Seconds    float64          `json:"seconds"`
}

// Run is `weft models promote`.
func (c *modelsPromoteCmd) Run(ctx context.Context, a *app) error {
	if (c.Model == "") != c.Back {
		return usagef("what is to be promoted? give a model's folder or id, or --back, and not both")
	}
	p, err := c.open(ctx, a)
	if err != nil {
		return err
	}
	defer p.close(ctx)
	out, err := p.run(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	_, err = fmt.Fprintf(a.out, "generation %s is live (before: %s), fusion %s: %d vectors made, %d were there, %d left to the workers, %.1f s\n",
		out.Generation, out.Before, out.Fusion[:min(12, len(out.Fusion))], out.Made, out.Current, out.Left, out.Seconds)
	return err
}

// promotion is one run of the command.
type promotion struct {
	*stock
	cmd    *modelsPromoteCmd
	app    *app
	began  time.Time
	live   tasks.Generation
	spec   generationSpec // of live
	target generationSpec
	out    promoted
}

func (c *modelsPromoteCmd) open(ctx context.Context, a *app) (_ *promotion, err error) {
	p := &promotion{cmd: c, app: a, began: time.Now()}
	if p.stock, err = c.openWritable(ctx, a); err != nil {
		return nil, err
	}
	if p.live, p.spec, err = liveGeneration(ctx, p.lake.Generations); errors.Is(err, errNoGeneration) {
		err = fmt.Errorf("tenant %s has no vectors yet: run `weft up` over it first", p.tenant)
	}
	if err != nil {
		p.close(ctx)
		return nil, err
	}
	return p, nil
}

func (p *promotion) run(ctx context.Context) (promoted, error) {
	p.out.Before = p.live
	if err := p.choose(ctx); err != nil {
		return p.out, err
	}
	id, _, err := lake.GenerationID(p.target)
	if err != nil {
		return p.out, err
	}
	p.out.Generation = tasks.Generation(id)
	p.out.Fusion = p.target.fusionID()
	if p.out.Generation == p.live {
		return p.out, fmt.Errorf("fusion %s is live already", p.out.Fusion)
	}
	if _, err := p.lake.Generations.Put(ctx, p.target); err != nil {
		return p.out, err
	}
	if err := p.remake(ctx); err != nil {
		return p.out, err
	}
	figure, err := json.Marshal(p.out.Gate)
	if err != nil {
		return p.out, err
	}
	err = p.lake.Generations.Move(ctx, lake.Move{From: string(p.live), To: id, Why: p.out.Why, Figure: figure, Model: p.out.Fusion})
	if errors.Is(err, lake.ErrLiveMoved) {
		err = fmt.Errorf("%w: somebody promoted another fusion meanwhile; look at `weft status` and promote again if this one is still wanted", err)
	}
	if err != nil {
		return p.out, err
	}
	p.out.Seconds = time.Since(p.began).Seconds()
	return p.out, nil
}

// mostPasses bounds the passes over vectors that change while they are made anew.
const mostPasses = 3

// remake makes all vectors of the target. What has changed meanwhile another pass finds, and at last the sweep.
func (p *promotion) remake(ctx context.Context) error {
	made, err := p.cmd.fusionOf(p.target, p.lake.Models)
	if err != nil {
		return err
	}
	defer func() { _ = made.close() }()
	if err := made.load(ctx); err != nil {
		return err
	}
	bar := countBar(p.app.err, "vectors made anew", -1)
	defer func() { _ = bar.Clear() }()
	r := promote.Remaking{From: p.live, Model: made, Each: func(now promote.Progress) { _ = bar.Set64(now.Products + now.Users) },
		Reader: &gather.Reader{Objects: p.bucket, Lake: p.lake, Behaviour: p.tables, Generation: p.out.Generation, Recipes: p.target.recipes(),
			Consent: profilingByDefault, Shared: true}}
	for pass := range mostPasses {
		now, err := promote.Remake(ctx, r)
		p.out.Made += now.Made
		if pass == 0 {
			p.out.Current = now.Current
		}
		p.out.Left = now.Left
		if err != nil {
			return fmt.Errorf("%w; the same command goes on with what is left", err)
		}
		if now.Made <= (now.Products+now.Users)/100 {
			break
		}
	}
	return nil
}
