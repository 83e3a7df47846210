package lake

import (
	"context"
	"sort"
)

// fewKeys are worth looking up one by one: what is asked often is in the cache.
const fewKeys = 8

// LookUp returns, by key, the rows of those of the keys that the table knows, with at
// least the named columns (none of []float32; nil: all others). Tombstones are among
// them. It is Latest for many keys: each segment is asked once, and of a row group that
// may hold some of them the named columns are read once, past the cache.
func (t *Table[R]) LookUp(ctx context.Context, keys []string, columns ...string) (map[string]R, error) {
	if err := t.knowColumns(columns); err != nil {
		return nil, err
	}
	if len(keys) <= fewKeys {
		found := make(map[string]R, len(keys))
		for _, key := range keys {
			row, known, err := t.Latest(ctx, key)
			if err != nil {
				return nil, err
			}
			if known {
				found[key] = row
			}
		}
		return found, nil
	}
	hashes := make([]uint64, len(keys))
	for i, key := range keys {
		hashes[i] = hashKey(key)
	}
	var found map[string]R
	err := t.whileCompacted(ctx, func(func()) (*segment, error) {
		found = make(map[string]R)
		for _, p := range t.parts {
			for _, seg := range p.list() {
				if err := t.lookUpIn(ctx, seg, keys, hashes, columns, found); err != nil {
					return seg, err
				}
			}
		}
		return nil, nil
	})
	return found, err
}

// lookUpIn adds to found what one segment holds of keys.
func (t *Table[R]) lookUpIn(ctx context.Context, seg *segment, keys []string, hashes []uint64, columns []string, found map[string]R) error {
	x, err := t.reader.index(ctx, seg)
	if err != nil {
		return err
	}
	wanted := make(map[int][]string) // keys by row group
	for i, key := range keys {
		if g := x.group(key, hashes[i]); g >= 0 {
			wanted[g] = append(wanted[g], key)
		}
	}
	for g, keys := range wanted {
		rows, err := t.reader.readGroup(x.window(ctx, t.reader.store, seg), x, g, t.reader.narrow(columns))
		if err != nil {
			return err
		}
		for _, key := range keys {
			i := sort.Search(len(rows), func(i int) bool { return t.def.Head(&rows[i]).Key >= key })
			if i == len(rows) || t.def.Head(&rows[i]).Key != key {
				continue
			}
			row := rows[i]
			if best, known := found[key]; !known || t.def.Head(&row).supersedes(t.def.Head(&best)) {
				own(t.reader.columns, &row, true)
				found[key] = row
			}
		}
	}
	return nil
}
