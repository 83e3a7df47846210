// Package towerstest trains small models for tests: seconds, but everything in them is real.
package towerstest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"weft/fusion/dataset"
	"weft/fusion/train"
	"weft/onnx/onnxtest"
)

const day = 24 * 3600 * 1000

// Shop is a data set of users in four groups, each of which likes the items of its own. The last tenth of the items
// nobody had. Features of the modalities (name → length) tell the group; every seventh item lacks those of the first.
// Rows have unit length, as pooled features do.
func Shop(users, items int, modalities map[string]int) *dataset.Dataset {
	const groups = 4
	random := rand.New(rand.NewPCG(3, 4))
	d := &dataset.Dataset{Timed: true, Split: dataset.ByTime}
	for u := range users {
		d.Users = append(d.Users, fmt.Sprint("u", u))
	}
	for i := range items {
		d.Items = append(d.Items, fmt.Sprintf("p%03d", i))
	}
	names := make([]string, 0, len(modalities))
	for name := range modalities {
		names = append(names, name)
	}
	slices.Sort(names)
	for k, name := range names {
		m := dataset.Modality{Name: name, Dim: modalities[name], Present: make([]bool, items), Rows: make([]float32, items*modalities[name])}
		for i := range items {
			if m.Present[i] = k > 0 || i%7 != 3; !m.Present[i] {
				continue
			}
			row := m.Row(int32(i))
			for j := range row {
				row[j] = float32(random.NormFloat64() * .3)
			}
			row[i%groups] += 2
			if m.Dim > 1 {
				unit(row)
			}
		}
		d.Modalities = append(d.Modalities, m)
	}
	warm := items - items/10
	for u := range users {
		own := map[int32]bool{}
		for len(own) < 9 {
			own[int32(random.IntN(warm/groups)*groups+u%groups)] = true
		}
		n := 0
		for _, item := range sorted(own) {
			at := 1_600_000_000_000 + int64(n)*9*day + int64(random.IntN(day))
			r := dataset.Interaction{User: int32(u), Item: item, Time: at, Last: at, Weight: 1}
			if n++; n == 8 {
				d.Val = append(d.Val, r)
			} else if n > 8 {
				d.Test = append(d.Test, r)
			} else {
				d.Train = append(d.Train, r)
			}
		}
	}
	d.TrainVal = slices.Concat(d.Train, d.Val)
	slices.SortFunc(d.TrainVal, func(a, b dataset.Interaction) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Item, b.Item))
	})
	return d
}

// Kinds makes some of the interactions looks that no purchase followed, and others purchases that were looked at a day before.
func Kinds(d *dataset.Dataset) *dataset.Dataset {
	d.Full = 10
	for _, rows := range [][]dataset.Interaction{d.Train, d.TrainVal} {
		for i := range rows {
			switch r := &rows[i]; (r.User + r.Item) % 5 {
			case 0:
				r.Seen, r.Weight = true, 1
			case 1:
				r.Wait, r.Look, r.Weight, r.Last = day, 2, 9, r.Time+day
			default:
				r.Weight = 10
			}
		}
	}
	return d
}

func sorted(set map[int32]bool) []int32 {
	var all []int32
	for x := range set {
		all = append(all, x)
	}
	slices.Sort(all)
	return all
}

func unit(x []float32) {
	sum := 0.
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / math.Sqrt(sum))
	}
}

// Train writes a model of the data into a folder of the test's and returns it.
func Train(t testing.TB, d *dataset.Dataset) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "model")
	_, err := train.Train(context.Background(), train.Options{Runtime: onnxtest.Open(t), Data: d, Out: out,
		Config: train.Config{Seed: 5, Dim: 12, Epochs: 3, Batch: 16, Rate: .01, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
