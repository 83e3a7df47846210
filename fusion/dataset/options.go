package dataset

import (
	"fmt"
	"regexp"
	"time"
)

// Split says how interactions are cut into parts.
type Split string

// The splits.
const (
	Given     Split = "given"      // a column says train, val or test
	ByTime    Split = "time"       // one moment for all users: the first 80 % to learn, 10 % to choose, 10 % to measure
	PerUser   Split = "user"       // of each user 80 %, 10 % and 10 %, at random
	LeaveLast Split = "leave-last" // of each user the last to measure, the one before to choose
)

// NamedFile is a modality and where it comes from.
type NamedFile struct {
	Name string
	Path string // .npy with a row per item, or a table (CSV, Parquet) with an id column
	// Columns are the number or list columns of a table, or one column of text; none means all but the id.
	Columns []string
}

// Options says what to read.
type Options struct {
	Dir          string // holds the interactions
	Interactions string // file name within Dir; "" is interactions.csv, .csv.gz, .tsv or .parquet, whichever is there
	Modalities   []NamedFile
	Profiles     string // table with a user column; "" is none
	// Split is how to cut; "" is Given where there is a split column, else ByTime where there are times, else PerUser.
	Split Split
	Seed  uint64 // of PerUser

	// Names of columns, with their defaults.
	UserColumn, ItemColumn, SplitColumn, TimeColumn string // user, item, split, time
	WeightColumn                                    string // "" is none: every row counts 1
	// TimeLayout reads times that are neither Unix numbers nor in a usual form, in the notation of package time.
	TimeLayout string
	// Encode turns the texts of a modality's text column into vectors, all equally long, one for each. nil refuses text.
	Encode func(texts []string) ([][]float32, error)
	Zone   *time.Location // of times that do not name one; nil is UTC
}

var modalityName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

func (o Options) withDefaults() (Options, error) {
	set := func(s *string, to string) {
		if *s == "" {
			*s = to
		}
	}
	set(&o.UserColumn, "user")
	set(&o.ItemColumn, "item")
	set(&o.SplitColumn, "split")
	set(&o.TimeColumn, "time")
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Dir == "" {
		return o, fmt.Errorf("%w: no folder of tables: give the one that holds interactions.csv or interactions.parquet", ErrOptions)
	}
	switch o.Split {
	case "", Given, ByTime, PerUser, LeaveLast:
	default:
		return o, fmt.Errorf("%w: split %q: want given, time, user or leave-last", ErrOptions, o.Split)
	}
	seen := map[string]bool{}
	for _, m := range o.Modalities {
		if !modalityName.MatchString(m.Name) {
			return o, fmt.Errorf("%w: modality name %q: want a lower-case word of letters, digits, - and _, such as image", ErrOptions, m.Name)
		}
		if m.Path == "" {
			return o, fmt.Errorf("%w: modality %s has no file: want NAME=FILE", ErrOptions, m.Name)
		}
		if seen[m.Name] {
			return o, fmt.Errorf("%w: modality %s is given twice: name each once", ErrOptions, m.Name)
		}
		seen[m.Name] = true
	}
	return o, nil
}
