package train

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
)

// leastJudges is how few users an earlier cut may be judged on: fewer say nothing that the later one does not say better.
const leastJudges = 30

// earlier is the train part cut once more: as many of its last first interactions as the validation part has are what is
// to be found. nil without times, or where the part is too short for it.
func earlier(d *dataset.Dataset) *dataset.Dataset {
	if !d.Timed || len(d.Train) < 4*len(d.Val) {
		return nil
	}
	var times []int64
	for _, r := range d.Train {
		if at, ok := r.Taken(); ok {
			times = append(times, at)
		}
	}
	if len(times) <= len(d.Val) {
		return nil
	}
	slices.Sort(times)
	from := times[len(times)-len(d.Val)]
	if from == times[0] {
		return nil
	}
	out := *d
	out.Train, out.Val, out.TrainVal, out.Test = nil, nil, d.Train, nil
	for _, r := range d.Train {
		if at, ok := r.Taken(); ok && at >= from {
			taken := r
			taken.Time, taken.Wait, taken.Look = at, 0, 0
			out.Val = append(out.Val, taken)
			r.Seen, r.Weight, r.Wait, r.Look = true, r.Look, 0, 0
		}
		if r.Time >= from {
			continue
		}
		if r.Last >= from { // when it was last had before the cut is not kept
			r.Last = r.Time
		}
		out.Train = append(out.Train, r)
	}
	slices.SortStableFunc(out.Val, func(a, b dataset.Interaction) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Item, b.Item))
	})
	return &out
}

// period is a training as of an earlier day, with what it made.
type period struct {
	*training
	tower   fitted
	history baselines.History
	list    []candidate

	// What would serve then, by the same choices, as it was when places were chosen for the new.
	model     *served
	composite composite
}

// chooseBlocks chooses on the validation part and, with times, on an earlier cut of the train part beside it: what helps in
// one period of a shop need not help in the next, and two periods say more than one. The metrics of the choice are of the
// validation part.
func (t *training) chooseBlocks(ctx context.Context, tower fitted, list []candidate) (Choice, error) {
	var err error
	if t.past, err = t.before(ctx, tower); err != nil {
		return Choice{}, err
	}
	t.Watch.stage("choosing blocks and weights")
	if t.past == nil {
		return t.judge.choose(ctx, list)
	}
	before, then := t.past.list, t.past.judge
	both := &judge{items: t.judge.items, users: slices.Concat(t.judge.users, then.users),
		seen: slices.Concat(t.judge.seen, then.seen), truth: slices.Concat(t.judge.truth, then.truth)}
	var pooled []candidate
	for _, c := range list {
		i := slices.IndexFunc(before, func(b candidate) bool { return b.Name == c.Name })
		if i < 0 {
			continue // cannot be made of the shorter history
		}
		c.scores = slices.Concat(c.scores, before[i].scores)
		c.spread = spread(c.scores)
		pooled = append(pooled, c)
		before[i].scores = nil // the pooled table has them
	}
	choice, err := both.choose(ctx, pooled)
	if err != nil {
		return choice, err
	}
	choice.Pooled = choice.Validation
	sum := make([]float32, len(list[0].scores))
	for _, c := range list {
		choice.Alone[c.Name] = t.judge.measure(c.scores)
		for i, w := 0, choice.weight(c.Name); i < len(sum) && w != 0; i++ {
			sum[i] += w * c.scores[i]
		}
	}
	choice.Validation = t.judge.measure(sum)
	return choice, nil
}

// before makes every candidate as of the earlier cut; nil where there is none.
func (t *training) before(ctx context.Context, tower fitted) (*period, error) {
	d := earlier(t.Data)
	if d == nil {
		return nil, nil
	}
	past := &training{Options: t.Options, products: t.products, features: t.features, curves: t.curves}
	past.Data = d
	var err error
	if past.judge, err = newJudge(t.products, d, t.Config.Seed); errors.Is(err, ErrData) || err == nil && len(past.judge.users) < leastJudges {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.Watch.stage("training a tower as of an earlier day")
	c := t.Config
	c.Epochs = tower.best
	then, err := past.fit(ctx, c, d.Train, "earlier", false)
	if errors.Is(err, ErrData) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	history := past.history(d.Train)
	list, err := past.candidates(ctx, then, history)
	return &period{training: past, tower: then, history: history, list: list}, err
}
