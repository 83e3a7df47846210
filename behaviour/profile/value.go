package profile

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"weft/behaviour"
)

// tells groups event types by what a price says there, strongest first.
var tells = [...]struct {
	name  string
	kinds []string
}{
	{"purchase", []string{behaviour.Purchase}},
	{"intent", []string{behaviour.Cart, behaviour.Wishlist}},
	{"view", []string{behaviour.View, behaviour.Click}},
}

// priceBand looks at the prices of what was bought, or else wanted, or else seen.
func priceBand(trails []*trail, c *Catalogue) *PriceBand {
	for _, tell := range tells {
		of := gathered{}
		var prices []float64
		for _, t := range trails {
			if !usable(t.fact.Price) {
				continue
			}
			own := *t
			own.events = slices.DeleteFunc(slices.Clone(t.events), func(w weighed) bool { return !slices.Contains(tell.kinds, w.event.Type) })
			if len(own.events) > 0 {
				prices = append(prices, *t.fact.Price)
				of.trails = append(of.trails, &own)
			}
		}
		if len(prices) == 0 {
			continue
		}
		slices.Sort(prices)
		b := &PriceBand{Low: quantile(prices, 0.25), Median: quantile(prices, 0.5), High: quantile(prices, 0.75), Of: tell.name, Products: len(prices), Evidence: of.evidence()}
		if rank, ok := c.rank(b.Median); ok {
			b.Rank = &rank
			b.Band = [...]string{"low", "middle", "high"}[min(2, int(rank*3))]
		}
		return b
	}
	return nil
}

// fill counts; events are oldest first.
func (a *Activity) fill(events []behaviour.Event, trails []*trail, zone *time.Location) {
	a.Events, a.Products = len(events), len(trails)
	for _, t := range trails {
		if !t.known {
			a.Unknown++
		}
	}
	a.Evidence.Rows = len(events)
	if len(events) == 0 {
		return
	}
	day := ""
	for i := range events {
		at := time.UnixMilli(events[i].Time).In(zone)
		a.Types[events[i].Type]++
		a.Hours[at.Hour()]++
		a.Weekdays[at.Weekday()]++
		if d := at.Format(time.DateOnly); d != day {
			a.Days++
			day = d
		}
	}
	first, last := time.UnixMilli(events[0].Time).UTC(), time.UnixMilli(events[len(events)-1].Time).UTC()
	a.First, a.Last = &first, &last
	for i := range min(len(events), EvidenceRows) {
		a.Evidence.Events = append(a.Evidence.Events, events[len(events)-1-i].ID)
	}
}

// value adds up purchases and returns and grades them.
func value(events []behaviour.Event, trails []*trail, in Input) Value {
	var v Value
	if len(events) == 0 {
		return v
	}
	newest := events[len(events)-1].Time
	now := newest
	if !in.Now.IsZero() {
		now = max(newest, in.Now.UnixMilli()) // a clock behind the shop's is no news of the future
	}
	days := float64(now-newest) / 86_400_000
	limits := TheLimits()
	v.RecencyDays = &days
	v.RecencyGrade = grade(days <= limits.RecencyDays[0], days <= limits.RecencyDays[1])

	facts := make(map[string]Fact, len(trails))
	for _, t := range trails {
		facts[t.product] = t.fact
	}
	var moved []weighed // with the money as weight
	for i, before := 0, int64(math.MinInt64); i < len(events); i++ {
		e := &events[i]
		sign := 1.0
		switch e.Type {
		case behaviour.Purchase:
			if v.Baskets == 0 || e.Time != before {
				v.Baskets++
				before = e.Time
			}
		case behaviour.Return:
			sign = -1
		default:
			continue
		}
		money := 0.0
		switch price := facts[e.Product].Price; {
		case e.Value != nil:
			money = *e.Value
			if sign < 0 {
				money = math.Abs(money) // shops write what was sent back with and without a minus
			}
		case usable(price):
			money = *price
			v.Estimated++
		default:
			v.Unpriced++
		}
		v.Money += sign * money
		moved = append(moved, weighed{e, sign * money})
	}
	if v.Baskets > 0 {
		v.FrequencyGrade = grade(v.Baskets >= limits.Baskets[1], v.Baskets >= limits.Baskets[0])
	}
	if median, ok := in.Catalogue.median(); ok && median > 0 && len(moved) > v.Unpriced {
		g := 0
		if v.Money > 0 {
			g = grade(v.Money >= limits.Money[1]*median, v.Money >= limits.Money[0]*median)
		}
		v.MoneyGrade = &g
	}
	slices.SortStableFunc(moved, func(a, b weighed) int { return cmp.Compare(math.Abs(b.weight), math.Abs(a.weight)) })
	v.Evidence.Rows = len(moved)
	for _, w := range moved[:min(len(moved), EvidenceRows)] {
		v.Evidence.Events = append(v.Evidence.Events, w.event.ID)
		if w.event.Product != "" && !slices.Contains(v.Evidence.Products, w.event.Product) {
			v.Evidence.Products = append(v.Evidence.Products, w.event.Product)
		}
	}
	return v
}

func grade(best, good bool) int {
	switch {
	case best:
		return 3
	case good:
		return 2
	}
	return 1
}

// reviews counts what is not deleted. A rating outside 1 to 5, or none at all, is
// no rating.
func reviews(all []behaviour.Review) Reviews {
	rows := make([]*behaviour.Review, 0, len(all))
	for i := range all {
		if !all[i].Deleted {
			rows = append(rows, &all[i])
		}
	}
	slices.SortFunc(rows, func(a, b *behaviour.Review) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(a.ID, b.ID))
	})
	r := Reviews{Written: len(rows)}
	r.Evidence.Rows = len(rows)
	sum := 0.0
	for i, row := range rows {
		if row.Rating != nil && *row.Rating >= 1 && *row.Rating <= 5 {
			sum += *row.Rating
			r.Rated++
		}
		if i < EvidenceRows {
			r.Evidence.Reviews = append(r.Evidence.Reviews, row.ID)
			if !slices.Contains(r.Evidence.Products, row.Product) {
				r.Evidence.Products = append(r.Evidence.Products, row.Product)
			}
		}
	}
	if r.Rated > 0 {
		mean := sum / float64(r.Rated)
		r.MeanRating = &mean
	}
	return r
}
