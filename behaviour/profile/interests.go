package profile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
)

// statedWeight is what an interest weighs that was named and never shown.
const statedWeight = 0.5

// searches are the events with a query.
func searches(events []behaviour.Event) []weighed {
	var out []weighed
	for i := range events {
		if e := &events[i]; e.Query != "" {
			out = append(out, weighed{e, parts.SearchWeight * fading(e, events[len(events)-1].Time)})
		}
	}
	return out
}

func interests(trails []*trail, searches []weighed, stated []string, c *Catalogue) []Interest {
	all := map[string]*gathered{}
	at := func(word string) *gathered {
		if all[word] == nil {
			all[word] = &gathered{name: word}
		}
		return all[word]
	}
	for _, t := range trails {
		for _, w := range words(t.fact.Title) {
			g := at(w)
			g.score += t.score
			g.trails = append(g.trails, t)
		}
	}
	asked := map[string]float64{}
	for _, s := range searches {
		for _, w := range words(s.event.Query) {
			asked[w] += s.weight
			g := at(w)
			g.searches = append(g.searches, s)
		}
	}
	for _, w := range slices.Sorted(maps.Keys(asked)) {
		all[w].score += damped(asked[w])
	}
	top := 0.0
	for word, g := range all {
		g.score *= c.rarity(word)
		if g.score <= 0 || len(g.trails) < 2 && len(g.searches) == 0 {
			delete(all, word)
			continue
		}
		top = max(top, g.score)
	}
	if top == 0 {
		top = 1
	}
	for _, s := range stated {
		g := at(s)
		g.stated = true
		g.score = max(g.score, statedWeight*top)
	}
	out := []Interest{}
	for _, g := range strongest(all, MostInterests) {
		out = append(out, Interest{g.name, g.score / top, g.stated, g.evidence()})
	}
	return out
}

// attributes reads what the user has told, by name, and the interests among it.
func attributes(u behaviour.User) (all []Attribute, interests []string, err error) {
	all = []Attribute{}
	if strings.TrimSpace(u.Attributes) == "" {
		return all, nil, nil
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(u.Attributes), &fields); err != nil {
		return nil, nil, fmt.Errorf("%w: attributes of user %q are no JSON object: %v", ErrInput, u.ID, err)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		values := plain(fields[name])
		if len(values) == 0 {
			continue
		}
		if name == "interests" {
			for _, v := range values {
				interests = append(interests, strings.ToLower(v))
			}
		}
		imputed := slices.Contains(u.Imputed, name) || slices.Contains(u.Imputed, "attributes."+name)
		all = append(all, Attribute{name, strings.Join(values, ", "), imputed, time.UnixMilli(u.Time).UTC(), u.Source})
	}
	return all, interests, nil
}

// plain renders a value; null and objects give nothing.
func plain(v any) []string {
	switch v := v.(type) {
	case string:
		if s := strings.TrimSpace(v); s != "" {
			return []string{s}
		}
	case bool:
		if v {
			return []string{"yes"}
		}
		return []string{"no"}
	case float64:
		return []string{fmt.Sprintf("%.15g", v)}
	case []any:
		var all []string
		for _, item := range v {
			if _, list := item.([]any); !list {
				all = append(all, plain(item)...)
			}
		}
		return all
	}
	return nil
}
