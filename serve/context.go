package serve

import (
	"context"
	"fmt"
	"math"
	"slices"

	"weft/client"
	"weft/fusion"
)

// Texts is a text encoder, such as *extractors.LazyText.
type Texts interface {
	Tokenize(text string) ([]int32, error)
	Encode(ctx context.Context, ids [][]int32) ([][]float32, error)
}

// contextShare is the weight of the encoded text of a context beside the user's or the
// anchor's vector: it turns that by at most 14.5°.
const contextShare = 0.2

// inContext lists with a context, and says what it did: the list is made without it too.
func (r *Recommender) inContext(ctx context.Context, a Ask, w way, keep func(*Entry) bool, l *lift, out *client.Recommendations) ([]Hit, error) {
	before, err := r.list(ctx, a, w, keep, l)
	if err != nil {
		return nil, err
	}
	effect := &client.ContextEffect{Text: statedText(a.Context), Fields: statedFields(a.Context), Lift: contextLift, Words: []string{}}
	turned := w
	if turned.query, effect.Encoded, err = r.turn(ctx, w, effect.Text); err != nil {
		return nil, err
	}
	if effect.Encoded {
		effect.Share = contextShare
	}
	l.words = newOccasion(a.Context, effect.Encoded)
	effect.Words = append(effect.Words, l.words.all...)
	hits, err := r.list(ctx, a, turned, keep, l)
	if err != nil {
		return nil, err
	}
	effect.Moved, effect.Left = moves(before, hits)
	out.Context = effect
	return hits, nil
}

// turn brings the text of a context into the query of a search, where it can be read.
func (r *Recommender) turn(ctx context.Context, w way, text string) (query []float32, encoded bool, err error) {
	if r.Texts == nil || r.Model == nil || text == "" || w.index == nil {
		return w.query, false, nil
	}
	ids, err := r.Texts.Tokenize(text)
	if err != nil || len(ids) == 0 {
		return w.query, false, nil // nothing an encoder can read
	}
	features, err := r.Texts.Encode(ctx, [][]int32{ids})
	if err != nil { // the encoder is not installed here, or away: words are compared instead
		return w.query, false, ctx.Err()
	}
	var vector []float32
	if w.road == client.RoadPersonal { // as one who searched for it
		made, err := r.Model.Users(ctx, []fusion.UserParts{{ID: "context", Parts: []fusion.UserPart{{Group: fusion.Words, Weight: 1, Vector: features[0]}}}})
		if err != nil {
			return nil, false, fmt.Errorf("placing the context: %w", err)
		}
		vector = made[0].Vector
	} else { // as a product that says so
		made, err := r.Model.Products(ctx, []fusion.ProductParts{{ID: "context", Parts: []fusion.Part{{Modality: "text", Weight: 1, Vector: features[0]}}}})
		if err != nil {
			return nil, false, fmt.Errorf("placing the context: %w", err)
		}
		vector = made[0].Content
	}
	if len(vector) != len(w.query) {
		return w.query, false, nil // the model does not read words of shoppers
	}
	return mix(w.query, vector, contextShare), true, nil
}

// mix gives two vectors, each at unit length, their shares.
func mix(a, b []float32, share float64) []float32 {
	length := func(v []float32) float64 {
		var sum float64
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		return math.Sqrt(sum)
	}
	la, lb := length(a), length(b)
	if la == 0 || lb == 0 {
		return a
	}
	out := make([]float32, len(a))
	for i := range a {
		out[i] = float32((1-share)*float64(a[i])/la + share*float64(b[i])/lb)
	}
	return out
}

// moves compares two lists.
func moves(before, after []Hit) (moved []client.Move, left []string) {
	moved, left = []client.Move{}, []string{}
	at := func(hits []Hit, id string) int {
		return 1 + slices.IndexFunc(hits, func(h Hit) bool { return h.ID == id })
	}
	for i := range after {
		if from := at(before, after[i].ID); from != i+1 {
			moved = append(moved, client.Move{ID: after[i].ID, From: from, To: i + 1})
		}
	}
	for i := range before {
		if at(after, before[i].ID) == 0 {
			left = append(left, before[i].ID)
		}
	}
	return moved, left
}
