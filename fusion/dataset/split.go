package dataset

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// What is asked for, in words.
const (
	firstOnly = "first interactions only: a repeat of what the user did before is no target"
	firstTake = "what the user bought for the first time, whether looked at before or not"
)

// cut fills the parts.
func (d *Dataset) cut(raw rawRows, o Options, r *Report) error {
	d.Split = o.Split
	if d.Split == "" {
		switch {
		case raw.divided:
			d.Split = Given
		case raw.timed:
			d.Split = ByTime
		default:
			d.Split = PerUser
		}
	}
	r.Split, r.Targets = d.Split, firstOnly
	if slices.ContainsFunc(raw.rows, func(r rawRow) bool { return r.Seen }) {
		r.Targets = firstTake
	}
	if raw.backwards > 0 && d.Split != ByTime && d.Split != LeaveLast {
		r.warn("%d rows of %s are older than the row before them; they were sorted", raw.backwards, raw.file)
	}
	switch {
	case d.Split == Given && !raw.divided:
		return fmt.Errorf("%w: %s has no column %q for the given split: name it, or split by time, user or leave-last", ErrSplit, raw.file, o.SplitColumn)
	case (d.Split == ByTime || d.Split == LeaveLast) && !raw.timed:
		return fmt.Errorf("%w: %s has no column %q, which the split %q needs: name it, or split by user", ErrSplit, raw.file, o.TimeColumn, d.Split)
	}
	switch d.Split {
	case ByTime:
		r.ValFrom, r.TestFrom = byTime(raw.rows)
	case LeaveLast:
		leaveLast(raw.rows)
	case PerUser:
		byUser(raw.rows, o.Seed)
	}
	d.Train = collapse(raw.rows, train, train)
	d.TrainVal = collapse(raw.rows, train, val)
	d.All = collapse(raw.rows, train, test)
	d.Val = collapse(raw.rows, val, val)
	d.Test = collapse(raw.rows, test, test)
	r.Duplicates = len(raw.rows) - len(d.Train) - len(d.Val) - len(d.Test)
	d.Val, d.Test = taken(d.Val), taken(d.Test)
	before := len(d.Val) + len(d.Test)
	d.Val, d.Test = without(d.Val, d.Train), without(d.Test, d.TrainVal)
	r.Repeats = before - len(d.Val) - len(d.Test)
	for _, p := range []struct {
		name string
		rows []Interaction
	}{{"train", d.Train}, {"val", d.Val}, {"test", d.Test}} {
		if len(p.rows) == 0 {
			return fmt.Errorf("%w: %s: the part %s of the split %q is empty after %d rows (%d repeats are no targets): it takes all three to learn, choose and measure; use another split or more data",
				ErrSplit, raw.file, p.name, d.Split, len(raw.rows), r.Repeats)
		}
	}
	return nil
}

// byTime puts the oldest 80 % of first interactions into train and the newest 10 % into test. Rows of one moment stay
// together.
func byTime(rows []rawRow) (valFrom, testFrom int64) {
	first := map[[2]int32]int64{}
	for _, r := range rows {
		pair := [2]int32{r.User, r.Item}
		if t, ok := first[pair]; !ok || r.Time < t {
			first[pair] = r.Time
		}
	}
	times := make([]int64, 0, len(first))
	for _, t := range first {
		times = append(times, t)
	}
	slices.Sort(times)
	valFrom, testFrom = times[len(times)*8/10], times[len(times)*9/10]
	for i := range rows {
		switch t := rows[i].Time; {
		case t < valFrom:
			rows[i].part = train
		case t < testFrom:
			rows[i].part = val
		default:
			rows[i].part = test
		}
	}
	return valFrom, testFrom
}

// firsts lists each user's items, one row for each pair, sorted by time.
func firsts(rows []rawRow) [][]Interaction {
	all := make([]rawRow, len(rows))
	users := int32(0)
	for i, r := range rows {
		all[i] = rawRow{Interaction: r.Interaction}
		users = max(users, r.User)
	}
	return ByUser(collapse(all, train, train), int(users)+1)
}

const fewest = 3 // interactions of a user who is cut

// leaveLast keeps what a user did after the beginning of the val target out of train.
func leaveLast(rows []rawRow) {
	parts := map[[2]int32]part{}
	begins := map[int32]int64{}
	for user, own := range firsts(rows) {
		if n := len(own); n >= fewest {
			parts[[2]int32{int32(user), own[n-1].Item}] = test
			parts[[2]int32{int32(user), own[n-2].Item}] = val
			begins[int32(user)] = own[n-2].Time
		}
	}
	for i := range rows {
		r := &rows[i]
		r.part = parts[[2]int32{r.User, r.Item}]
		if from, ok := begins[r.User]; ok && r.part == train && r.Time > from {
			r.part = dropped
		}
	}
}

func byUser(rows []rawRow, seed uint64) {
	parts := map[[2]int32]part{}
	for user, own := range firsts(rows) {
		n := len(own)
		if n < fewest {
			continue
		}
		order := slices.Clone(own)
		slices.SortFunc(order, func(a, b Interaction) int { return cmp.Compare(a.Item, b.Item) })
		random := rand.New(rand.NewPCG(seed, uint64(user)))
		random.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		held := max(1, n/10)
		for i, r := range order[:2*held] {
			parts[[2]int32{int32(user), r.Item}] = val + part(i%2)
		}
	}
	for i := range rows {
		rows[i].part = parts[[2]int32{rows[i].User, rows[i].Item}]
	}
}

// collapse merges the rows of the parts from..to that have the same user and item.
func collapse(rows []rawRow, from, to part) []Interaction {
	var out []Interaction
	for _, r := range rows {
		if r.part >= from && r.part <= to {
			out = append(out, r.Interaction)
		}
	}
	slices.SortStableFunc(out, func(a, b Interaction) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Item, b.Item), cmp.Compare(a.Time, b.Time))
	})
	n := 0
	for _, r := range out {
		if n > 0 && out[n-1].User == r.User && out[n-1].Item == r.Item {
			if out[n-1].Seen && !r.Seen {
				out[n-1].Seen, out[n-1].Wait, out[n-1].Look = false, r.Time-out[n-1].Time, out[n-1].Weight
			}
			out[n-1].Last = max(out[n-1].Last, r.Last)
			out[n-1].Weight += r.Weight
			continue
		}
		out[n] = r
		n++
	}
	out = slices.Clip(out[:n])
	sortRows(out)
	return out
}

// taken are the interactions in which something was taken, as of that moment.
func taken(rows []Interaction) []Interaction {
	out := rows[:0]
	for _, r := range rows {
		if at, ok := r.Taken(); ok {
			r.Time, r.Wait, r.Look = at, 0, 0
			out = append(out, r)
		}
	}
	sortRows(out)
	return slices.Clip(out)
}

// without leaves out the pairs that were taken before.
func without(rows, known []Interaction) []Interaction {
	have := make(map[[2]int32]bool, len(known))
	for _, r := range known {
		if !r.Seen {
			have[[2]int32{r.User, r.Item}] = true
		}
	}
	return slices.Clip(slices.DeleteFunc(rows, func(r Interaction) bool { return have[[2]int32{r.User, r.Item}] }))
}
