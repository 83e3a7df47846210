package lake

import (
	"cmp"
	"context"
	"slices"
	"sort"
)

// Within returns the rows whose keys begin with prefix, in ascending order of keys,
// and whether there are more than limit, in which case any limit of them are
// returned. It is for prefixes of few rows, such as those of one user: like Get it
// reads through the cache, where it keeps whole row groups, and so costs little where
// many small segments have been written lately. Select streams without a limit.
//
// It sees what Get sees. Vectors are not read. The rows share memory with the cache:
// they are not to be changed, and who keeps one copies it.
func (t *Table[R]) Within(ctx context.Context, prefix string, limit int) (rows []R, more bool, err error) {
	to := afterPrefix(prefix)
	for _, p := range t.parts {
		err := t.whileCompacted(ctx, func(func()) (seg *segment, err error) {
			var part []R
			var over bool
			part, over, seg, err = t.within(ctx, p, prefix, to, limit)
			if err == nil {
				rows, more = append(rows, part...), more || over
			}
			return seg, err
		})
		if err != nil {
			return nil, false, err
		}
	}
	if len(rows) > limit {
		rows, more = rows[:limit], true
	}
	return rows, more, nil
}

// within reads one partition, the newest segments first: what a tombstone has removed
// is then not counted against the limit.
func (t *Table[R]) within(ctx context.Context, p *partition, from, to string, limit int) ([]R, bool, *segment, error) {
	var found []*R
	settled := 0 // of found, what has been merged
	segments := p.list()
	for i := len(segments) - 1; i >= 0; i-- {
		seg := segments[i]
		x, err := t.reader.index(ctx, seg)
		if err != nil {
			return nil, false, seg, err
		}
		for g := x.from(from); g < len(x.groups) && (to == "" || x.groups[g].first < to); g++ {
			block, err := t.reader.block(ctx, seg, x, g)
			if err != nil {
				return nil, false, seg, err
			}
			for n := sort.Search(len(block), func(n int) bool { return t.def.Head(&block[n]).Key >= from }); n < len(block); n++ {
				if to != "" && t.def.Head(&block[n]).Key >= to {
					break
				}
				found = append(found, &block[n])
			}
			if len(found)-settled <= limit {
				continue
			}
			found = t.merged(found)
			settled = len(found)
			if t.living(found) > limit {
				return t.live(found)[:limit], true, nil, nil
			}
		}
	}
	return t.live(t.merged(found)), false, nil, nil
}

// from is the position of the first row group that may hold keys from key on.
func (x *segmentIndex) from(key string) int {
	return sort.Search(len(x.groups), func(i int) bool { return x.groups[i].last >= key })
}

// merged sorts rows by key and keeps of each key the one that counts.
func (t *Table[R]) merged(rows []*R) []*R {
	head := t.def.Head
	slices.SortStableFunc(rows, func(a, b *R) int {
		ha, hb := head(a), head(b)
		if c := cmp.Compare(ha.Key, hb.Key); c != 0 {
			return c
		}
		switch {
		case ha.supersedes(hb):
			return -1
		case hb.supersedes(ha):
			return 1
		}
		return 0
	})
	return slices.CompactFunc(rows, func(a, b *R) bool { return head(a).Key == head(b).Key })
}

func (t *Table[R]) living(rows []*R) (n int) {
	for _, r := range rows {
		if !t.def.Head(r).Deleted {
			n++
		}
	}
	return n
}

func (t *Table[R]) live(rows []*R) []R {
	out := make([]R, 0, len(rows))
	for _, r := range rows {
		if !t.def.Head(r).Deleted {
			out = append(out, *r)
		}
	}
	return out
}
