package main

import (
	"math"

	"weft/behaviour/clean"
	"weft/behaviour/divide"
	"weft/behaviour/split"
)

// splitManifest says what a split was made by, and what is in it. It holds no date of
// its own: the same rows, rule and seed give the same bytes.
type splitManifest struct {
	Format    int                `json:"format"`
	Tenant    string             `json:"tenant"`
	Rule      split.Rule         `json:"rule"`
	Seed      uint64             `json:"seed"`
	Fractions map[string]float64 `json:"fractions,omitempty"`

	divide.Counts

	Rules int                  `json:"cleaning_rules"` // version
	Files map[string]splitFile `json:"files"`
}

type splitFile struct {
	Rows   int    `json:"rows,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func newSplitManifest(tenant string, cfg split.Config) *splitManifest {
	m := &splitManifest{Format: 1, Tenant: tenant, Rule: cfg.Rule, Seed: cfg.Seed, Rules: clean.Version, Files: map[string]splitFile{}}
	if cfg.Rule != split.LeaveLast {
		m.Fractions = map[string]float64{"train": cfg.Train, "val": cfg.Val, "test": math.Round(1e9*(1-cfg.Train-cfg.Val)) / 1e9}
	}
	return m
}
