package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"weft/fusion/dataset"
	"weft/fusion/rank"
)

// trainedModel is the vectors that a model of `weft train --out DIR` left: items.npy and users.npy with their ids beside them.
type trainedModel struct {
	name, dir string
	scorer    rank.Dot
	unknown   []bool // per user: the model has no vector
	missing   int    // items of the data that the model does not know
	strangers int    // users with a target that it does not know
	profile   json.RawMessage
}

// openModel reads DIR or NAME=DIR and puts its rows into the order of the data.
func openModel(arg string, d *dataset.Dataset) (*trainedModel, error) {
	name, dir, ok := strings.Cut(arg, "=")
	if !ok {
		name, dir = filepath.Base(filepath.Clean(arg)), arg
	}
	m := &trainedModel{name: name, dir: dir}
	items, dim, missing, err := readVectorsFile(dir, "items", d.Items)
	if err != nil {
		return nil, fmt.Errorf("--model %s: %w", arg, err)
	}
	users, userDim, _, err := readVectorsFile(dir, "users", d.Users)
	if err != nil {
		return nil, fmt.Errorf("--model %s: %w", arg, err)
	}
	if dim != userDim {
		return nil, fmt.Errorf("--model %s: items.npy has %d dimensions, users.npy %d: they are not of one model", arg, dim, userDim)
	}
	m.scorer = rank.Dot{Users: users, Items: items, Dim: dim}
	m.missing = missing
	if missing == len(d.Items) {
		return nil, fmt.Errorf("--model %s: none of its items is among the %d of the data, such as %q: it was made from other tables", arg, len(d.Items), d.Items[0])
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
			m.strangers++
		}
	}
	m.profile, err = os.ReadFile(filepath.Join(dir, "profile.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--model %s: %w", arg, err)
	}
	return m, nil
}

// readVectorsFile reads DIR/<kind>.npy in the order of names; a name that the file does not have gets a zero row.
func readVectorsFile(dir, kind string, names []string) (rows []float32, dim, missing int, err error) {
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
