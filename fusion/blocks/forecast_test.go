package blocks

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
)

// fashion is a shop of 60 items in which demand moves on: item i sells around day 3·i, for some days before and after.
func fashion(days int) baselines.History {
	r := rand.New(rand.NewPCG(2, 2))
	h := baselines.History{Users: 1, Items: 60, Now: int64(days) * baselines.Day}
	for day := range days {
		for range 60 {
			item := int(math.Round((float64(day) + 6*r.NormFloat64()) / 3))
			if item >= 0 && item < h.Items {
				at := int64(day)*baselines.Day + r.Int64N(baselines.Day)
				h.Rows = append(h.Rows, dataset.Interaction{Item: int32(item), Time: at, Last: at, Weight: 1})
			}
		}
	}
	return h
}

// The forecast must follow what comes next better than counts of the past do.
func TestForecastLooksAhead(t *testing.T) {
	ctx := context.Background()
	whole, h := fashion(134), fashion(120)
	if h.Rows[100] != whole.Rows[100] {
		t.Fatal("the two do not share their past")
	}
	next := make([]float64, h.Items)
	for _, r := range whole.Rows[len(h.Rows):] {
		next[r.Item]++
	}
	b, err := Forecast(ctx, h, 14*baselines.Day, .8)
	if err != nil {
		t.Fatal(err)
	}
	counts := h.Counts()
	// Poisson log-likelihood over the items that somebody had, each forecast scaled to the same total.
	likelihood := func(rate []float64) float64 {
		total, sum, wanted := 0., 0., 0.
		for i := range rate {
			if counts[i] > 0 {
				total += rate[i]
				wanted += next[i]
			}
		}
		for i := range rate {
			if counts[i] > 0 {
				sum += next[i] * math.Log(rate[i]*wanted/total+1e-9)
			}
		}
		return sum
	}
	rates := func(level []float32, f func(float64) float64) []float64 {
		out := make([]float64, len(level))
		for i, x := range level {
			out[i] = f(float64(x))
		}
		return out
	}
	forecast := likelihood(rates(b.Items, math.Exp))
	for _, days := range []int64{3, 7, 14, 30} {
		if past := likelihood(rates(baselines.RecentCounts(h, days*baselines.Day), func(x float64) float64 { return x + .05 })); forecast <= past {
			t.Errorf("forecast %.0f, counts with a half-life of %d days %.0f", forecast, days, past)
		}
	}
	if b.Users[0] != 1 || b.Dim != 1 {
		t.Errorf("%d dimensions, users hold %v: want the same for everyone", b.Dim, b.Users)
	}
}

func TestForecastOfLittle(t *testing.T) {
	ctx := context.Background()
	h := fashion(3)
	if b, err := Forecast(ctx, h, 14*baselines.Day, .8); err == nil {
		for i, x := range b.Items {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				t.Fatalf("item %d: %v after three days", i, x)
			}
		}
	} else if !errors.Is(err, ErrBlock) {
		t.Error(err)
	}
	h.Now = 0
	if _, err := Forecast(ctx, h, baselines.Day, .8); !errors.Is(err, ErrBlock) {
		t.Error(err)
	}
}
