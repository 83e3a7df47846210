package evaluation

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"weft/fusion/dataset"
	"weft/fusion/rank"
	"weft/fusion/towers"
)

// Trained is the vectors that a model of `weft train --out DIR` left: items.npy and users.npy with their ids beside them.
type Trained struct {
	Name, Dir string
	Missing   int             // items of the data that the model does not know
	Strangers int             // users with a target that it does not know
	Unchecked bool            // there is no manifest: its vectors are taken as they are
	Profile   json.RawMessage // as weft train measured its profile heads; nil without any

	scorer  rank.Dot
	unknown []bool // per user: the model has no vector
}

// ReadTrained reads the folder of a model and puts its rows into the order of the data. That none of its items is among
// them is an error: it was made from other data.
func ReadTrained(name, dir string, d *dataset.Dataset) (*Trained, error) {
	m := &Trained{Name: name, Dir: dir}
	if _, err := os.Stat(filepath.Join(dir, towers.ManifestFile)); errors.Is(err, fs.ErrNotExist) {
		m.Unchecked = true
	} else if manifest, _, err := towers.ReadManifest(dir); err != nil {
		return nil, err
	} else if err := manifest.CheckVectors(dir); err != nil {
		return nil, err
	} else if manifest.FittedOn == towers.FittedOnAll {
		return nil, errors.New("it was fitted on the test part too (--fit-all), so what it reaches there says nothing: measure one that was trained without")
	}
	items, dim, missing, err := readVectors(dir, "items", d.Items)
	if err != nil {
		return nil, err
	}
	users, userDim, _, err := readVectors(dir, "users", d.Users)
	if err != nil {
		return nil, err
	}
	if dim != userDim {
		return nil, fmt.Errorf("items.npy has %d dimensions, users.npy %d: they are not of one model", dim, userDim)
	}
	m.scorer = rank.Dot{Users: users, Items: items, Dim: dim}
	m.Missing = missing
	if missing == len(d.Items) {
		return nil, fmt.Errorf("none of its items is among the %d of the data, such as %q: it was made from other tables", len(d.Items), d.Items[0])
	}
	m.unknown = make([]bool, len(d.Users))
	for u := range d.Users {
		m.unknown[u] = true
		for _, x := range users[u*dim : (u+1)*dim] {
			if x != 0 {
				m.unknown[u] = false
				break
			}
		}
	}
	for u, targets := range dataset.ByUser(d.Test, len(d.Users)) {
		if len(targets) > 0 && m.unknown[u] {
			m.Strangers++
		}
	}
	m.Profile, err = os.ReadFile(filepath.Join(dir, "profile.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return m, nil
}

// readVectors reads DIR/<kind>.npy in the order of names; a name that the file does not have gets a zero row.
func readVectors(dir, kind string, names []string) (rows []float32, dim, missing int, err error) {
	path := filepath.Join(dir, kind+".npy")
	data, count, dim, err := dataset.ReadNPY(path)
	if err != nil {
		return nil, 0, 0, err
	}
	f, err := os.Open(filepath.Join(dir, kind+".ids.txt"))
	if err != nil {
		return nil, 0, 0, fmt.Errorf("the ids of %s: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	at := map[string]int{}
	lines := bufio.NewScanner(f)
	n := 0
	for ; lines.Scan(); n++ {
		at[lines.Text()] = n
	}
	if err := lines.Err(); err != nil {
		return nil, 0, 0, err
	}
	if n != count {
		return nil, 0, 0, fmt.Errorf("%s has %d rows, its ids file %d lines: they are not of one model", path, count, n)
	}
	rows = make([]float32, len(names)*dim)
	for i, name := range names {
		if from, ok := at[name]; ok {
			copy(rows[i*dim:(i+1)*dim], data[from*dim:(from+1)*dim])
		} else {
			missing++
		}
	}
	return rows, dim, missing, nil
}
