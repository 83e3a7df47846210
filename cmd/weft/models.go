package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"weft/extractors"
	"weft/extractors/models"
	"weft/extractors/pixels"
)

type modelsCmd struct {
	Pull    modelsPullCmd    `cmd:"" help:"Fetch the runtime and the encoders into the cache."`
	List    modelsListCmd    `cmd:"" help:"List the manifests and whether their files are here."`
	Verify  modelsVerifyCmd  `cmd:"" help:"Run the golden inputs through the encoders."`
	Promote modelsPromoteCmd `cmd:"" help:"Put a trained fusion live, or go back to the one before."`
}

// Help is shown by --help.
func (modelsCmd) Help() string {
	return `Examples:
  weft models pull
  weft models pull efficientnet-lite0
  weft models list --json
  weft models verify --decoder go
  weft models promote model/ --data shop`
}

type modelsPullCmd struct {
	encoders
	Names []string `arg:"" optional:"" help:"Models; default all." placeholder:"NAME"`
}

// Help is shown by --help.
func (modelsPullCmd) Help() string {
	return `Files are fetched once, held against their pinned SHA-256 and kept.

Examples:
  weft models pull
  weft models pull efficientnet-lite0 --cache models`
}

// Run fetches what is missing.
func (c *modelsPullCmd) Run(ctx context.Context, a *app) error {
	s, err := c.shelf()
	if err != nil {
		return err
	}
	wanted := s.all
	if len(c.Names) > 0 {
		wanted = nil
		for _, name := range c.Names {
			m, err := s.all.Find(name)
			if err != nil {
				return usageError{err}
			}
			wanted = append(wanted, m)
		}
	}
	if err := models.PullAll(ctx, s.cache, wanted, bytesBar(a.err)); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "%d models are in %s\n", len(wanted), s.cache.Dir())
	return nil
}

type modelsListCmd struct {
	encoders
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (modelsListCmd) Help() string {
	return `Example:
  weft models list --json`
}

// Run lists the manifests.
func (c *modelsListCmd) Run(a *app) error {
	s, err := c.shelf()
	if err != nil {
		return err
	}
	lines := s.all.List(s.cache)
	if c.JSON {
		return json.NewEncoder(a.out).Encode(lines)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMODALITY\tDIM\tPRESENT\tSHA-256\tSOURCE")
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%d\t%v\t%.12s\t%s\n", l.Name, l.Modality, l.Dim, l.Present, l.SHA256, l.Source)
	}
	return w.Flush()
}

type modelsVerifyCmd struct {
	encoders
	JSON  bool     `help:"Print JSON."`
	Names []string `arg:"" optional:"" help:"Models; default the image and the text encoder." placeholder:"NAME"`
}

// Help is shown by --help.
func (modelsVerifyCmd) Help() string {
	return `Exit code 1 tells that a model does not reproduce its golden vectors here.

Examples:
  weft models verify
  weft models verify efficientnet-lite0 --decoder go --json`
}

// Run holds the encoders against their golden vectors.
func (c *modelsVerifyCmd) Run(ctx context.Context, a *app) error {
	s, err := c.shelf()
	if err != nil {
		return err
	}
	class := pixels.Class(c.Decoder)
	if class == "auto" {
		class = bestClass(a.log)
	}
	names := c.Names
	if len(names) == 0 {
		names = []string{c.Image, c.Text}
	}
	var failed error
	for _, name := range names {
		r, err := c.verify(ctx, s, name, class)
		if err != nil {
			return fmt.Errorf("verify %s: %w", name, err)
		}
		failed = errors.Join(failed, r.Err())
		if c.JSON {
			err = json.NewEncoder(a.out).Encode(r)
		} else {
			_, err = fmt.Fprintf(a.out, "%-24s %-6s %d goldens, worst cosine %.7f (at least %g): %s%s\n", r.Name, r.Decoder, len(r.Cases), r.Worst, r.Threshold, passed(r.OK), pace(r))
		}
		if err != nil {
			return err
		}
	}
	return failed
}

// pace says how fast an accelerator is, and what of the model it leaves to the CPU.
func pace(r *models.Report) string {
	if r.Rows == 0 {
		return ""
	}
	s := fmt.Sprintf(", %.0f items/s, %d at a time", r.PerSecond, r.Rows)
	if r.Partly != "" {
		s += ", partly on the CPU: " + oneLine(r.Partly, 200)
	}
	return s
}

func passed(ok bool) string {
	if ok {
		return "ok"
	}
	return "FAILED"
}

func (c *modelsVerifyCmd) verify(ctx context.Context, s modelShelf, name string, class pixels.Class) (*models.Report, error) {
	m, err := s.all.Find(name)
	if err != nil {
		return nil, usageError{err}
	}
	switch m.Modality {
	case models.Image:
		cfg, err := c.imageConfig(s, name, class)
		if err != nil {
			return nil, err
		}
		e, err := extractors.OpenImage(cfg)
		if err != nil {
			return nil, err
		}
		defer func() { _ = e.Close() }()
		return extractors.VerifyImage(ctx, e, m, s.cache, string(class))
	case models.Text:
		cfg, err := c.textConfig(s, name)
		if err != nil {
			return nil, err
		}
		e, err := extractors.OpenText(cfg)
		if err != nil {
			return nil, err
		}
		defer func() { _ = e.Close() }()
		return extractors.VerifyText(ctx, e, m, s.cache)
	default:
		return nil, usagef("%s is not an encoder: name one of `weft models list`", name)
	}
}
