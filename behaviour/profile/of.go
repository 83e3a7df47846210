package profile

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/tasks"
)

// HalfLife is how long it takes an event to count half.
const HalfLife = 60 * 24 * time.Hour

// MostInterests and MostCategories bound the lists of a profile.
const (
	MostInterests  = 12
	MostCategories = 8
)

// Of makes the profile of one user. It does not look at the clock, changes none of
// its input, and needs time in proportion to the rows. With ErrDeclined the profile
// holds the user's id and the refusal.
func Of(in Input) (Profile, error) {
	id, err := tasks.ParseUserID(in.User.ID)
	if err != nil {
		return Profile{}, fmt.Errorf("%w: %v", ErrInput, err)
	}
	p := Profile{User: string(id), Profiling: in.User.Profiling, Limits: TheLimits(),
		Attributes: []Attribute{}, Interests: []Interest{}, Categories: []Category{}}
	switch in.User.Profiling {
	case "no":
		return p, ErrDeclined
	case "":
		p.Profiling = "default"
		if in.DeclineByDefault {
			return p, ErrDeclined
		}
	}
	if err := check(in); err != nil {
		return Profile{}, err
	}
	if in.Zone == nil {
		in.Zone = time.UTC
	}
	p.Activity.Zone = in.Zone.String()
	p.Activity.Types = map[string]int{}
	var stated []string
	if p.Attributes, stated, err = attributes(in.User); err != nil {
		return Profile{}, err
	}
	var events []behaviour.Event
	events, p.Cleaning = clean.AllUserEvents(in.Events)
	if p.Cleaning.IsBot() {
		p.Bot = true
		return p, nil
	}
	trails := follow(events, in)
	p.Categories = categories(trails)
	p.Interests = interests(trails, searches(events), stated, in.Catalogue)
	p.Price = priceBand(trails, in.Catalogue)
	p.Activity.fill(events, trails, in.Zone)
	p.Value = value(events, trails, in)
	p.Reviews = reviews(in.Reviews)
	return p, nil
}

func check(in Input) error {
	for i := range in.Events {
		if e := &in.Events[i]; e.User != in.User.ID {
			return fmt.Errorf("%w: event %q is of user %q, not of %q", ErrInput, e.ID, e.User, in.User.ID)
		}
	}
	for i := range in.Reviews {
		if r := &in.Reviews[i]; r.User != in.User.ID {
			return fmt.Errorf("%w: review %q is of user %q, not of %q", ErrInput, r.ID, r.User, in.User.ID)
		}
	}
	return nil
}

// trail is all that the user did with one product.
type trail struct {
	product string
	fact    Fact
	known   bool
	score   float64 // sign · log(1 + |sum of weights|)
	events  []weighed
}

type weighed struct {
	event  *behaviour.Event
	weight float64 // of the type, decayed
}

// decayed is the weight of an event, seen from the user's newest.
func decayed(e *behaviour.Event, newest int64) float64 {
	return parts.Weight(e.Type) * fading(e, newest)
}

// fading is what is left of an event's weight: 1 for the newest.
func fading(e *behaviour.Event, newest int64) float64 {
	return math.Exp2((float64(e.Time) - float64(newest)) / float64(HalfLife.Milliseconds()))
}

func damped(sum float64) float64 { return math.Copysign(math.Log1p(math.Abs(sum)), sum) }

// follow gathers events, which are oldest first, by product, in the order of the
// products' ids.
func follow(events []behaviour.Event, in Input) []*trail {
	byProduct := map[string]*trail{}
	var all []*trail
	for i := range events {
		e := &events[i]
		if e.Product == "" {
			continue
		}
		t := byProduct[e.Product]
		if t == nil {
			t = &trail{product: e.Product}
			if in.Facts != nil {
				t.fact, t.known = in.Facts(e.Product)
			}
			byProduct[e.Product] = t
			all = append(all, t)
		}
		w := decayed(e, events[len(events)-1].Time)
		t.events = append(t.events, weighed{e, w})
		t.score += w
	}
	for _, t := range all {
		t.score = damped(t.score)
	}
	slices.SortFunc(all, func(a, b *trail) int { return strings.Compare(a.product, b.product) })
	return all
}

// gathered is one value in the making: the products and searches that speak for it.
type gathered struct {
	name     string
	score    float64
	trails   []*trail
	searches []weighed
	stated   bool
}

// evidence names the strongest products and events.
func (g *gathered) evidence() Evidence {
	slices.SortStableFunc(g.trails, func(a, b *trail) int { return cmp.Compare(b.score, a.score) })
	all := slices.Clone(g.searches)
	var ev Evidence
	for i, t := range g.trails {
		if i < EvidenceRows {
			ev.Products = append(ev.Products, t.product)
		}
		all = append(all, t.events...)
	}
	ev.Rows = len(all)
	slices.SortStableFunc(all, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(math.Abs(b.weight), math.Abs(a.weight)), strings.Compare(a.event.ID, b.event.ID))
	})
	for _, w := range all[:min(len(all), EvidenceRows)] {
		ev.Events = append(ev.Events, w.event.ID)
	}
	return ev
}

// strongest sorts what was gathered and cuts it.
func strongest(all map[string]*gathered, most int) []*gathered {
	var list []*gathered
	for _, g := range all {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *gathered) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.name, b.name))
	})
	return list[:min(len(list), most)]
}

func categories(trails []*trail) []Category {
	all := map[string]*gathered{}
	for _, t := range trails {
		name := strings.TrimSpace(t.fact.Category)
		if name == "" {
			continue
		}
		if all[name] == nil {
			all[name] = &gathered{name: name}
		}
		all[name].score += t.score
		all[name].trails = append(all[name].trails, t)
	}
	sum := 0.0
	list := strongest(all, len(all))
	for _, g := range list {
		sum += max(0, g.score)
	}
	out := []Category{}
	for _, g := range list[:min(len(list), MostCategories)] {
		if g.score > 0 {
			out = append(out, Category{g.name, g.score / sum, g.evidence()})
		}
	}
	return out
}
