package profile

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// EvalConfig says what to compare beside the whole. Users are always compared by the classes that they are labelled
// with, such as gender and age.
type EvalConfig struct {
	Groups map[string]func(Example) string // by name: the group of a user, "" for none
}

// Evaluation is what a test found.
type Evaluation struct {
	Counts Counts    `json:"counts"`
	Heads  []Metrics `json:"profile"`
}

// fewestInGroup users make a group whose accuracy is compared.
const fewestInGroup = 20

// Evaluate tests a model on users whom it has not learned from: keep them apart by Split. Users without consent are
// refused here as well.
func Evaluate(ctx context.Context, n Network, examples []Example, c EvalConfig) (*Evaluation, error) {
	card := n.Card()
	users, counted, err := usable(examples, card.VectorDim, len(card.FeatureNames))
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Counts: counted}
	if len(users) == 0 {
		return nil, fmt.Errorf("%w: of %d test users %d gave no consent and %d hold NaN or infinity", ErrNothing, counted.Given, counted.NoConsent, counted.NotFinite)
	}
	heads, err := n.probabilities(ctx, users)
	if err != nil {
		return nil, err
	}
	by := map[string]func(Example) string{}
	for _, h := range card.Heads {
		if h.Kind == Classes {
			by[h.Name] = func(e Example) string {
				if labels := e.Labels[h.Name]; len(labels) == 1 {
					return labels[0]
				}
				return ""
			}
		}
	}
	for name, group := range c.Groups {
		by[name] = group
	}
	for i, h := range card.Heads {
		e.Heads = append(e.Heads, Measure(h, users, heads[i], by))
	}
	return e, nil
}

// Measure computes a head's figures from probabilities by user and value, wherever they come from: so an oracle or
// another model is judged by the same arithmetic. Users without a label of the head are left out. Groups may be nil.
func Measure(h Head, users []Example, probabilities [][]float64, groups map[string]func(Example) string) Metrics {
	m := Metrics{Head: h.Name, Kind: h.Kind}
	all, constant := newTally(h), newTally(h)
	if h.Kind == Classes {
		m.Confusion = make([][]int, len(h.Values))
		for i := range m.Confusion {
			m.Confusion[i] = make([]int, len(h.Values))
		}
	}
	fixed := h.constant()
	var sure []guess
	var told, toldRight, toldOf int
	var losses []float64
	grouped := map[string]map[string]*groupTally{}
	for i, u := range users {
		labels, known := u.Labels[h.Name]
		if !known || h.Kind == Classes && len(labels) != 1 {
			continue
		}
		p := probabilities[i]
		held, missed := h.held(labels)
		said := h.forced(p)
		all.add(h.Kind, said, held, missed)
		constant.add(h.Kind, fixed, held, missed)
		m.Users++
		m.Unseen += missed
		answered := 0
		if h.Kind == Classes {
			best := likeliest(p)
			sure = append(sure, guess{p[best], held[best]})
			toldOf++
			if p[best] >= h.Answer[0] {
				answered++
				if held[best] {
					toldRight++
				}
			}
			if truth := slices.Index(held, true); truth >= 0 {
				m.Confusion[truth][best]++
				losses = append(losses, -math.Log(math.Max(p[truth], 1e-12)))
			}
		} else {
			for j, x := range p {
				sure = append(sure, guess{x, held[j]})
				if held[j] {
					toldOf++
				}
				if x >= h.Answer[j] {
					answered++
					if held[j] {
						toldRight++
					}
				}
				if !held[j] {
					x = 1 - x
				}
				losses = append(losses, -math.Log(math.Max(x, 1e-12)))
			}
			toldOf += missed
		}
		told += answered
		for name, group := range groups {
			if g := group(u); g != "" {
				if grouped[name] == nil {
					grouped[name] = map[string]*groupTally{}
				}
				if grouped[name][g] == nil {
					grouped[name][g] = &groupTally{tally: newTally(h)}
				}
				grouped[name][g].add(h.Kind, said, held, missed)
				if answered > 0 {
					grouped[name][g].told++
				}
			}
		}
	}
	m.Accuracy, m.Error = meanError(all.scores)
	m.Values, m.Precision, m.Recall, m.F1 = all.macro(h.Values)
	m.MicroF1 = all.micro.f1()
	m.LogLoss, _ = meanError(losses)
	m.Bins, m.ECE = reliability(sure)
	m.Constant.Accuracy, _ = meanError(constant.scores)
	_, _, _, m.Constant.F1 = constant.macro(h.Values)
	m.Constant.MicroF1 = constant.micro.f1()
	m.Told.Wanted = h.Precision
	if told > 0 {
		m.Told.Precision = float64(toldRight) / float64(told)
	}
	if toldOf > 0 {
		m.Told.Share = float64(told) / float64(toldOf)
		if h.Kind == Tags {
			m.Told.Share = float64(toldRight) / float64(toldOf)
		}
	}
	m.Groups = gaps(grouped)
	return m
}

type groupTally struct {
	tally
	told int
}

func newTally(h Head) tally { return tally{values: make([]counts, len(h.Values))} }

// held marks the values of the head among a user's labels, and counts those that the head does not have.
func (h Head) held(labels []string) (held []bool, missed int) {
	held = make([]bool, len(h.Values))
	for _, v := range distinct(labels) {
		if j := slices.Index(h.Values, v); j >= 0 {
			held[j] = true
		} else {
			missed++
		}
	}
	return held, missed
}

// forced is what a head says if it must.
func (h Head) forced(p []float64) []bool {
	said := make([]bool, len(p))
	if h.Kind == Classes {
		said[likeliest(p)] = true
		return said
	}
	for j, x := range p {
		said[j] = x >= h.Decision
	}
	return said
}

// constant is the best answer that is the same for all. Saying the k commonest tags has the expected micro F1
// 2·Σprior(said) / (Σprior(all) + k) among the users learned from.
func (h Head) constant() []bool {
	if h.Kind == Classes {
		return h.forced(h.Prior)
	}
	order := make([]int, len(h.Prior))
	var total float64
	for j, p := range h.Prior {
		order[j] = j
		total += p
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(h.Prior[b], h.Prior[a]) })
	best, take, sum := 0.0, 0, 0.0
	for k, j := range order {
		sum += h.Prior[j]
		if f1 := 2 * sum / (total + float64(k+1)); f1 > best {
			best, take = f1, k+1
		}
	}
	said := make([]bool, len(h.Prior))
	for _, j := range order[:take] {
		said[j] = true
	}
	return said
}

// gaps compares groups, in the order of names.
func gaps(grouped map[string]map[string]*groupTally) []GroupGap {
	var list []GroupGap
	for name, groups := range grouped {
		gap := GroupGap{By: name}
		var low, high *Group
		for g, t := range groups {
			group := Group{Name: g, Users: len(t.scores), MicroF1: t.micro.f1(), Told: float64(t.told) / float64(len(t.scores))}
			group.Accuracy, group.Error = meanError(t.scores)
			gap.Groups = append(gap.Groups, group)
		}
		slices.SortFunc(gap.Groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
		for i := range gap.Groups {
			g := &gap.Groups[i]
			if g.Users < fewestInGroup {
				continue
			}
			if low == nil || g.Accuracy < low.Accuracy {
				low = g
			}
			if high == nil || g.Accuracy > high.Accuracy {
				high = g
			}
		}
		if low != nil {
			gap.Gap, gap.Error = high.Accuracy-low.Accuracy, math.Hypot(high.Error, low.Error)
		}
		list = append(list, gap)
	}
	slices.SortFunc(list, func(a, b GroupGap) int { return strings.Compare(a.By, b.By) })
	return list
}
