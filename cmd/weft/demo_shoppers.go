package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weft/client"
	simulated "weft/examples/shoppers"
)

const (
	demoList  = 10
	demoShown = 3  // shoppers on the page
	demoActs  = 10 // of what they did
)

// people is what the demonstration's simulated shoppers did, and what they get.
type people struct {
	sim     *simulated.Simulation
	Events  int // taken in
	Vectors int
	// Hits of the lists that weft gives: nil where no such fusion has served.
	Untrained, Trained    *simulated.Hits
	Random, Popular, Best simulated.Hits // Best knows the tastes
	Learned               *learned       // nil: by an earlier run
	Shown                 []shopper
}

// rates is how often lists of a kind held what was bought later.
type rates struct {
	Name string
	simulated.Hits
}

// Rows are the kinds of lists that were judged, the worst first as a rule.
func (p *people) Rows() []rates {
	rows := []rates{{"random", p.Random}, {"popular", p.Popular}}
	if p.Untrained != nil {
		rows = append(rows, rates{"weft, untrained", *p.Untrained})
	}
	if p.Trained != nil {
		rows = append(rows, rates{"weft, trained on the shop", *p.Trained})
	}
	return append(rows, rates{"best possible", p.Best})
}

// Serving says what gives the lists in the end, and why.
func (p *people) Serving() string {
	switch l := p.Learned; {
	case l == nil:
		return "the model that an earlier run has trained serves"
	case l.Promoted:
		return fmt.Sprintf("the trained model serves (training %.0f s, promotion %.0f s)", l.Training.Seconds, l.Promotion)
	default:
		return fmt.Sprintf("the untrained fusion serves: the gate refused the trained model (training %.0f s), which is %s", l.Training.Seconds, l.Gate)
	}
}

// shopper is one of them on the page.
type shopper struct {
	simulated.Truth
	Taste []string // favourite categories, then colours
	Did   []act
	Gets  []offer
}

// act is what was done last with a product.
type act struct {
	Product, Type string
	Times         int // events of that shopper with that product
}

type offer struct {
	client.Item
	Later bool // it was bought in the part of the simulation that the shop has not seen
}

// simulate draws shoppers over the catalogue and has them send their rows over HTTP,
// as a shop's own would.
func simulate(ctx context.Context, api *client.Client, catalogue string, shoppers int, seed uint64) (*people, error) {
	products, err := simulated.ReadCatalogue(catalogue)
	if err != nil {
		return nil, err
	}
	sim, err := simulated.Generate(simulated.Config{Seed: seed, Products: products, Shoppers: shoppers})
	if err != nil {
		return nil, err
	}
	p := &people{sim: sim}
	// Who they are first: what is known of no one's consent is taken by the default.
	if _, err := send(ctx, api, "users", sim.Users); err != nil {
		return nil, err
	}
	if _, err := send(ctx, api, "reviews", sim.Reviews); err != nil {
		return nil, err
	}
	p.Events, err = send(ctx, api, "events", sim.Events)
	return p, err
}

// demoBatch is how many rows go in one request.
const demoBatch = 5000

// send posts rows and returns how many the shop now holds.
func send[R any](ctx context.Context, api *client.Client, kind string, rows []R) (held int, err error) {
	for batch := range slices.Chunk(rows, demoBatch) {
		var body bytes.Buffer
		if err := simulated.WriteJSONL(&body, batch); err != nil {
			return held, err
		}
		done, err := api.Lines(ctx, kind, body.Bytes(), client.Lines{})
		if err != nil {
			return held, fmt.Errorf("sending simulated %s: %w", kind, err)
		}
		if done.Dead > 0 {
			return held, fmt.Errorf("sending simulated %s: %d of %d rows were refused: %+v", kind, done.Dead, done.Rows, done.Results[0])
		}
		held += done.Accepted + done.Duplicate + done.Waiting
	}
	return held, nil
}

// judge asks for everyone's list and counts those that hold what was bought later. The shoppers on the page are of the lists
// that were judged last.
func (p *people) judge(ctx context.Context, u *up) (*simulated.Hits, error) {
	api, err := u.client()
	if err != nil {
		return nil, err
	}
	p.Vectors, p.Shown = 0, nil
	lists := map[string]client.Recommendations{}
	for _, u := range p.sim.Users {
		list, err := api.Recommend(ctx, u.ID, client.RecommendOptions{K: demoList})
		if err != nil {
			return nil, fmt.Errorf("recommendations for %s: %w", u.ID, err)
		}
		if lists[u.ID] = list; list.Road == client.RoadPersonal {
			p.Vectors++
		}
	}
	hits := p.sim.HitRate(demoList, func(user string) []string {
		var ids []string
		for _, item := range lists[user].Items {
			ids = append(ids, item.ID)
		}
		return ids
	})
	p.Popular = p.sim.HitRate(demoList, p.sim.Popular())
	p.Random = p.sim.HitRate(demoList, p.sim.Random())
	p.Best = p.sim.HitRate(demoList, p.sim.Best())
	p.show(lists)
	return &hits, nil
}

// show picks the first shoppers, by id, with a vector, enough behind it, and different
// tastes; how well their lists do has no part in it.
func (p *people) show(lists map[string]client.Recommendations) {
	wanted := p.sim.Wanted()
	var tastes []string
	for _, t := range p.sim.Truth {
		taste := favourites(t.Categories, 2)
		did := p.acts(t.User)
		if len(p.Shown) == demoShown || len(did) < demoActs || lists[t.User].Road != client.RoadPersonal || slices.ContainsFunc(taste, func(c string) bool { return slices.Contains(tastes, c) }) {
			continue
		}
		tastes = append(tastes, taste...)
		s := shopper{Truth: t, Taste: append(taste, favourites(t.Colours, 2)...), Did: did}
		for _, item := range lists[t.User].Items {
			s.Gets = append(s.Gets, offer{item, slices.Contains(wanted[t.User], item.ID)})
		}
		p.Shown = append(p.Shown, s)
	}
}

// acts are the products that say most of what a shopper did: the strongest act with
// each, the last first.
func (p *people) acts(user string) []act {
	strength := []string{"view", "click", "share", "wishlist", "cart", "purchase"}
	var acts []act
	for i := len(p.sim.Events) - 1; i >= 0; i-- {
		e := p.sim.Events[i]
		if e.User != user || e.Product == "" {
			continue
		}
		at := slices.IndexFunc(acts, func(a act) bool { return a.Product == e.Product })
		if at < 0 {
			at = len(acts)
			acts = append(acts, act{Product: e.Product, Type: e.Type})
		}
		acts[at].Times++
		if slices.Index(strength, e.Type) > slices.Index(strength, acts[at].Type) {
			acts[at].Type = e.Type
		}
	}
	slices.SortStableFunc(acts, func(a, b act) int {
		return cmp.Compare(slices.Index(strength, b.Type), slices.Index(strength, a.Type))
	})
	return acts[:min(len(acts), demoActs)]
}

// favourites are the names with the largest shares.
func favourites(shares map[string]float64, n int) []string {
	var names []string
	for name := range shares {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(shares[b], shares[a]), strings.Compare(a, b)) })
	return names[:min(n, len(names))]
}

// cannotSimulate tells that a catalogue is not one that shoppers can be drawn over.
func cannotSimulate(err error) bool {
	return errors.Is(err, simulated.ErrCatalogue) || errors.Is(err, simulated.ErrConfig)
}
