package tables

import (
	"math"

	"weft/behaviour/clean"
	"weft/behaviour/divide"
	"weft/behaviour/split"
	"weft/tasks"
)

// ManifestName is the file that is written last: who finds it finds the tables that it describes.
const ManifestName = "manifest.json"

// Manifest says what a split was made by, and what is in it. It holds no date of
// its own: the same rows, rule and seed give the same bytes.
type Manifest struct {
	Format    int                `json:"format"`
	Tenant    string             `json:"tenant"`
	Rule      split.Rule         `json:"rule"`
	Seed      uint64             `json:"seed"`
	Fractions map[string]float64 `json:"fractions,omitempty"`

	divide.Counts

	Rules int             `json:"cleaning_rules"` // version
	Files map[string]File `json:"files"`
}

// File is one of the tables.
type File struct {
	Rows   int    `json:"rows,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func newManifest(tenant tasks.Tenant, cfg split.Config) *Manifest {
	m := &Manifest{Format: 1, Tenant: string(tenant), Rule: cfg.Rule, Seed: cfg.Seed, Rules: clean.Version, Files: map[string]File{}}
	if cfg.Rule != split.LeaveLast {
		m.Fractions = map[string]float64{"train": cfg.Train, "val": cfg.Val, "test": math.Round(1e9*(1-cfg.Train-cfg.Val)) / 1e9}
	}
	return m
}
