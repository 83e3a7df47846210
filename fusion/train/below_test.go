package train

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
	"weft/onnx/onnxtest"
)

var (
	longFlag   = flag.Bool("long", false, "all kinds of shops, at full size")
	tablesFlag = flag.String("tables", "", "folder with interactions.csv (user, item, split or time): samples of it are shops too")
	kindFlag   = flag.String("kind", "", "only the shop of this name")
	seedFlag   = flag.Uint64("seed", 1, "seed of shops and trainings")
)

// kind is a sort of shop: how many, how much each has, how heavy the head is, how many tastes there are and how loosely
// people keep to theirs.
type kind struct {
	name                string
	users, items, each  int
	skew                float64 // popularity falls with rank to this power
	tastes              int
	stray               float64
	timed, onlyWithLong bool
}

var kinds = []kind{
	{name: "ten users", users: 10, items: 60, each: 12, skew: .8, tastes: 2, stray: .2},
	{name: "small and sparse", users: 500, items: 300, each: 6, skew: .8, tastes: 12, stray: .2},
	{name: "small with times", users: 300, items: 200, each: 15, skew: .8, tastes: 8, stray: .3, timed: true, onlyWithLong: true},
	{name: "sparse", users: 6000, items: 3000, each: 6, skew: .8, tastes: 60, stray: .2, onlyWithLong: true},
	{name: "dense", users: 1500, items: 800, each: 80, skew: .6, tastes: 20, stray: .3, onlyWithLong: true},
	{name: "heavy head", users: 4000, items: 2000, each: 12, skew: 1.4, tastes: 30, stray: .3, onlyWithLong: true},
	{name: "many small tastes", users: 4000, items: 3000, each: 8, skew: .3, tastes: 400, stray: .1, onlyWithLong: true},
	{name: "no taste at all", users: 3000, items: 1000, each: 10, skew: 1, tastes: 1, stray: 1, onlyWithLong: true},
	{name: "few items", users: 2000, items: 60, each: 8, skew: .7, tastes: 5, stray: .3, onlyWithLong: true},
	{name: "with times", users: 3000, items: 1500, each: 20, skew: .9, tastes: 40, stray: .3, timed: true, onlyWithLong: true},
}

// open makes the shop's data: every user's items are drawn from the user's taste or, straying, from all.
func (k kind) open(seed uint64) *dataset.Dataset {
	random := rand.New(rand.NewPCG(seed, 77))
	d := &dataset.Dataset{Timed: k.timed, Split: dataset.PerUser}
	if k.timed {
		d.Split = dataset.ByTime
	}
	weight := make([]float64, k.items)
	byTaste := make([][]int32, k.tastes)
	for i := range k.items {
		d.Items = append(d.Items, fmt.Sprint("i", i))
		weight[i] = math.Pow(float64(i+1), -k.skew)
		taste := random.IntN(k.tastes)
		byTaste[taste] = append(byTaste[taste], int32(i))
	}
	everything := make([]int32, k.items)
	for i := range everything {
		everything[i] = int32(i)
	}
	draw := func(from []int32) int32 {
		total := 0.
		for _, i := range from {
			total += weight[i]
		}
		x := random.Float64() * total
		for _, i := range from {
			if x -= weight[i]; x < 0 {
				return i
			}
		}
		return from[len(from)-1]
	}
	var rows []dataset.Interaction
	for u := range k.users {
		d.Users = append(d.Users, fmt.Sprint("u", u))
		from := byTaste[random.IntN(k.tastes)]
		own := map[int32]bool{}
		want := min(3+int(random.ExpFloat64()*float64(k.each-3)), k.items/2)
		for try := 0; len(own) < want && try < 20*want; try++ {
			if random.Float64() < k.stray || len(from) == 0 {
				own[draw(everything)] = true
			} else {
				own[draw(from)] = true
			}
		}
		for _, i := range slices.Sorted(maps.Keys(own)) {
			at := int64(0)
			if k.timed {
				at = 1_600_000_000_000 + random.Int64N(120*day)
			}
			rows = append(rows, dataset.Interaction{User: int32(u), Item: i, Time: at, Last: at, Weight: 1})
		}
	}
	cut(d, rows, random)
	return d
}

// cut deals rows to train, validation and test: by time where there are times, else at random.
func cut(d *dataset.Dataset, rows []dataset.Interaction, random *rand.Rand) {
	part := make([]float64, len(rows))
	times := make([]int64, len(rows))
	for i, r := range rows {
		part[i], times[i] = random.Float64(), r.Time
	}
	if d.Timed {
		slices.Sort(times)
		for i, r := range rows {
			n, _ := slices.BinarySearch(times, r.Time)
			part[i] = float64(n) / float64(len(rows))
		}
	}
	for i, r := range rows {
		switch {
		case part[i] < .8:
			d.Train = append(d.Train, r)
		case part[i] < .9:
			d.Val = append(d.Val, r)
		default:
			d.Test = append(d.Test, r)
		}
		if part[i] < .9 {
			d.TrainVal = append(d.TrainVal, r)
		}
	}
}

// samples of a real table, as interactions only: half of the users, those with little, and without the head.
func samples(t *testing.T, dir string, seed uint64) map[string]*dataset.Dataset {
	t.Helper()
	whole, _, err := dataset.Load(dataset.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 78))
	half := make([]bool, len(whole.Users))
	for u := range half {
		half[u] = random.IntN(2) == 0
	}
	had := make([]int, len(whole.Users))
	for _, r := range whole.TrainVal {
		had[r.User]++
	}
	counts := dataset.Counts(whole.TrainVal, len(whole.Items))
	head := slices.Sorted(slices.Values(counts))[len(counts)*98/100]
	out := map[string]*dataset.Dataset{}
	for name, keep := range map[string]func(dataset.Interaction) bool{
		"half of the users": func(r dataset.Interaction) bool { return half[r.User] },
		"users with little": func(r dataset.Interaction) bool { return had[r.User] <= 8 },
		"without the head":  func(r dataset.Interaction) bool { return counts[r.Item] < head },
	} {
		d := *whole
		for _, rows := range []*[]dataset.Interaction{&d.Train, &d.Val, &d.TrainVal, &d.Test} {
			*rows = slices.DeleteFunc(slices.Clone(*rows), func(r dataset.Interaction) bool { return !keep(r) })
		}
		out[name] = &d
	}
	return out
}

// From interactions alone a trained model must not be below EASE with the best of its ridges, whatever the shop: all is
// chosen on validation, both are measured on test. A single shop may be unlucky, so it fails when one is surely below, or,
// over many, when they are below on average.
func TestNeverBelowEASE(t *testing.T) {
	shops := map[string]*dataset.Dataset{}
	for _, k := range kinds {
		if *longFlag || !k.onlyWithLong {
			shops[k.name] = k.open(*seedFlag)
		}
	}
	if *tablesFlag != "" {
		maps.Copy(shops, samples(t, *tablesFlag, *seedFlag))
	}
	if *kindFlag != "" {
		maps.DeleteFunc(shops, func(name string, _ *dataset.Dataset) bool { return name != *kindFlag })
		if len(shops) == 0 {
			t.Fatalf("no shop is called %q", *kindFlag)
		}
	}
	m := linear.NewNative(onnxtest.Open(t))
	t.Cleanup(func() { _ = m.Close() })
	gains := 0.
	for _, name := range slices.Sorted(maps.Keys(shops)) {
		d := shops[name]
		c := Config{Seed: *seedFlag}
		if !*longFlag {
			c.Towers, c.Dim, c.Epochs = 1, 31, 6
		}
		ours, ease := againstEASE(t, m, d, c)
		gain, err := rank.Difference(ours, ease, "recall@20", 1000, 1)
		if err != nil {
			t.Fatal(err)
		}
		relative := gain.Mean / max(ease.Mean("recall@20"), 1e-9)
		gains += relative
		t.Logf("%-20s %5d users: Recall@20 %.4f, EASE %.4f (%+.1f %%, difference %+.4f to %+.4f); NDCG@20 %.4f, EASE %.4f", name, len(ours.Users),
			ours.Mean("recall@20"), ease.Mean("recall@20"), 100*relative, gain.Low, gain.High, ours.Mean("ndcg@20"), ease.Mean("ndcg@20"))
		if gain.High < 0 {
			t.Errorf("%s: surely below EASE", name)
		}
	}
	if *longFlag && gains < 0 {
		t.Errorf("below EASE by %.2f %% on average", -100*gains/float64(len(shops)))
	}
}

// againstEASE measures a training and EASE on the test part, for users with a history.
func againstEASE(t *testing.T, m linear.Multiplier, d *dataset.Dataset, c Config) (ours, ease rank.SliceResult) {
	t.Helper()
	ctx, out := context.Background(), t.TempDir()
	d.Modalities = nil
	if _, err := Train(ctx, Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: out}); err != nil {
		t.Fatal(err)
	}
	users, _, dim := readNPY(t, out, "users.npy")
	items, _, _ := readNPY(t, out, "items.npy")
	history := func(rows []dataset.Interaction) baselines.History {
		return baselines.History{Rows: rows, Users: len(d.Users), Items: len(d.Items), Now: dataset.Newest(rows)}
	}
	known := d.TrainVal
	if d.Split == dataset.Given {
		known = d.Train
	}
	models := baselines.Models(history(d.Train), m, 1)
	model := models[slices.IndexFunc(models, func(m baselines.Model) bool { return m.Name == "EASE" })]
	chosen, err := baselines.Choose(ctx, model, history(d.Train), rank.Holdout(d.Train, d.Val, len(d.Users), len(d.Items)), "recall@20")
	if err != nil {
		t.Fatal(err)
	}
	scorer, err := model.Fit(ctx, chosen.Setting, history(known))
	if err != nil {
		t.Fatal(err)
	}
	protocol := rank.Holdout(known, d.Test, len(d.Users), len(d.Items))
	measure := func(s rank.Scorer) rank.SliceResult {
		r, err := rank.Evaluate(ctx, s, protocol)
		if err != nil {
			t.Fatal(err)
		}
		all, _ := r.Slice(rank.All)
		return all
	}
	return measure(rank.Dot{Users: users, Items: items, Dim: dim}), measure(scorer)
}
