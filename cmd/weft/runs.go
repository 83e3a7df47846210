package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"weft/fusion/train"
)

type runsCmd struct {
	Folders []string `arg:"" help:"Folders that weft train wrote, or folders of such folders." type:"existingdir" placeholder:"DIR"`
	JSON    bool     `help:"Print JSON, one run per line."`
}

// Help is shown by --help.
func (runsCmd) Help() string {
	return `Compares trainings by what they reached on validation. 'weft evaluate' measures them on the test part.

Examples:
  weft runs model-1/ model-2/
  weft runs runs/ --json`
}

// trainRun is one training, as weft runs prints it.
type trainRun struct {
	Run string `json:"run"`
	train.Summary
}

// Run is `weft runs`.
func (c *runsCmd) Run(a *app) error {
	var runs []trainRun
	for _, folder := range c.Folders {
		found, err := filepath.Glob(filepath.Join(folder, "*", "metrics.json"))
		if err != nil {
			return usagef("%s: %v", folder, err)
		}
		if own := filepath.Join(folder, "metrics.json"); fileExists(own) {
			found = append([]string{own}, found...)
		}
		if len(found) == 0 {
			return fmt.Errorf("%s: no metrics.json here or one folder below: give folders that weft train has finished", folder)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			run := trainRun{Run: filepath.Dir(path)}
			if err := json.Unmarshal(text, &run.Summary); err != nil {
				return fmt.Errorf("%s: %w; was it written by weft train?", path, err)
			}
			runs = append(runs, run)
		}
	}
	if c.JSON {
		out := json.NewEncoder(a.out)
		for _, r := range runs {
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSEED\tRECALL@20\tNDCG@20\tEASE\tEPOCHS\tSECONDS\tBLOCKS")
	for _, r := range runs {
		var blocks []string
		for _, m := range r.Choice.Members {
			blocks = append(blocks, fmt.Sprintf("%.3g %s", m.Weight, m.Name))
		}
		ease := "–"
		if m, ok := r.Choice.Baselines["EASE"]; ok {
			ease = fmt.Sprintf("%.4f", m.Recall)
		}
		fmt.Fprintf(w, "%s\t%d\t%.4f\t%.4f\t%s\t%d\t%.0f\t%s\n", r.Run, r.Config.Seed, r.Composed.Recall, r.Composed.NDCG, ease, r.Choice.Epochs, r.Seconds, strings.Join(blocks, " + "))
	}
	return w.Flush()
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
