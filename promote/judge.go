package promote

import (
	"context"
	"fmt"
	"time"

	"weft/fusion"
	"weft/fusion/rank"
	"weft/fusion/towers"
	"weft/storage/lake"
	"weft/tasks"
)

// Figures are what a fusion made of the validation slice of a training: means over its shoppers, all products ranked, what
// they had before left out.
type Figures struct {
	Recall float64 `json:"recall@20"`
	NDCG   float64 `json:"ndcg@20"`
}

func (f Figures) sum() float64 { return f.Recall + f.NDCG }

// Gate is the verdict on a model.
type Gate struct {
	Users  int     `json:"users"`
	Before Figures `json:"before"` // of what serves, on the same shoppers with the same histories
	After  Figures `json:"after"`  // of the model, fitted on those histories alone
	// Unknown products of the slice have no vector in the generation that serves: it cannot show them.
	Unknown int  `json:"unknown_products"`
	Passed  bool `json:"passed"` // the model is not worse: recall and NDCG together
}

// String is one line for people.
func (g Gate) String() string {
	verdict := "not worse"
	if !g.Passed {
		verdict = "worse"
	}
	return fmt.Sprintf("%s than what serves, on %d shoppers of the validation slice: recall@20 %.4f → %.4f, NDCG@20 %.4f → %.4f",
		verdict, g.Users, g.Before.Recall, g.After.Recall, g.Before.NDCG, g.After.NDCG)
}

// Judge measures what serves on the slice that the model in dir was chosen on: vectors of products as they are, of shoppers
// as the fusion that serves would make them of their histories up to then. Where a trained model serves that has learned
// from that slice, it looks better than it is, and the gate errs on its side.
func Judge(ctx context.Context, dir string, l *lake.Lake, live tasks.Generation, serves fusion.Model) (Gate, error) {
	v, items, err := towers.ReadValidation(dir)
	if err != nil {
		return Gate{}, err
	}
	g := Gate{Users: len(v.Asked), After: Figures{v.Recall, v.NDCG}}
	products := make([]lake.Product, len(items))
	dim := serves.Dim()
	table := make([]float32, len(items)*dim)
	for i, id := range items {
		row, ok, err := l.Products.Get(ctx, lake.ProductKey(string(live), id))
		if err != nil {
			return g, fmt.Errorf("gate: %w", err)
		}
		if !ok || len(row.Vector) != dim {
			g.Unknown++
			continue
		}
		products[i] = row
		copy(table[i*dim:], row.Vector)
	}
	users, protocol, err := ask(ctx, v, products, serves)
	if err != nil {
		return g, fmt.Errorf("gate: %w", err)
	}
	result, err := rank.Evaluate(ctx, rank.Dot{Users: users, Items: table, Dim: dim}, protocol)
	if err != nil {
		return g, fmt.Errorf("gate: %w", err)
	}
	mean := func(metric string) (m float64) {
		for _, x := range result.Slices[0].Values[metric] {
			m += float64(x) / float64(len(v.Asked))
		}
		return m
	}
	g.Before = Figures{mean("recall@20"), mean("ndcg@20")}
	g.Passed = g.After.sum() >= g.Before.sum()
	return g, nil
}

// ask makes the vectors of the slice's shoppers, and says what they had and took.
func ask(ctx context.Context, v towers.Validation, products []lake.Product, serves fusion.Model) ([]float32, rank.Protocol, error) {
	p := rank.Protocol{Items: len(products), K: []int{20}}
	users := make([]float32, 0, len(v.Asked)*serves.Dim())
	for _, a := range v.Asked {
		var parts fusion.UserParts
		var seen []int32
		for _, s := range a.Seen {
			parts.Newest = max(parts.Newest, s.Last)
		}
		for _, s := range a.Seen {
			if !s.Looked {
				seen = append(seen, s.Item)
			}
			row := products[s.Item]
			if row.Vector == nil {
				continue
			}
			parts.Parts = append(parts.Parts, fusion.UserPart{Group: fusion.Acts, Weight: min(max(float64(s.Weight), 1e-3), 1e3),
				Age: time.Duration(parts.Newest-s.Last) * time.Millisecond, Vector: row.Vector, Product: row.ID})
			parts.Choices = append(parts.Choices, fusion.Choice{Product: row.ID, Source: row.Source, Last: s.Last, Weight: float64(s.Weight)})
		}
		made, err := serves.Users(ctx, []fusion.UserParts{parts})
		if err != nil {
			return nil, p, err
		}
		vector := make([]float32, serves.Dim())
		copy(vector, made[0].Vector)
		users = append(users, vector...)
		p.Seen, p.Targets = append(p.Seen, seen), append(p.Targets, a.Truth)
	}
	return users, p, nil
}
