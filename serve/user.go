package serve

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/behaviour/profile"
	"weft/client"
	"weft/storage/vectors"
	"weft/tasks"
)

// Errors of Recommender.Shopper.
var (
	// ErrUnknownUser: no event, review or statement is of that user.
	ErrUnknownUser = errors.New("user is not known")
	// ErrDeclined: the user has not agreed to profiling; nothing is told of one.
	ErrDeclined = errors.New("user has not agreed to profiling")
)

// Shopper tells what is known of a user: the profile as of now, with the rows behind each
// value, and the vector, nil while there is none. Errors: ErrUnknownUser, ErrDeclined,
// those of the stores.
func (r *Recommender) Shopper(ctx context.Context, id tasks.UserID) (client.Shopper, error) {
	u, _, err := r.shopper(ctx, id)
	return u, err
}

// shopper is Shopper, with a digest of the day and of all that the answer is made of.
func (r *Recommender) shopper(ctx context.Context, id tasks.UserID) (client.Shopper, string, error) {
	out := client.Shopper{ID: string(id)}
	if r.Behaviour == nil {
		return out, "", ErrUnknownUser
	}
	in := profile.Input{Facts: r.fact, Catalogue: r.Snapshot.Catalogue, DeclineByDefault: !r.Consent, Now: time.Now()}
	var known, more bool
	var err error
	if in.User, known, err = r.Behaviour.Users.Get(ctx, string(id)); err != nil {
		return out, "", fmt.Errorf("user %s: %w", id, err)
	}
	if !r.consents(in.User.Profiling) {
		if known {
			return out, "", ErrDeclined
		}
		return out, "", ErrUnknownUser
	}
	in.User.ID = string(id)
	// One more than clean looks at shows it that there are too many.
	if in.Events, more, err = r.Behaviour.Events.Within(ctx, behaviour.UserPrefix(id), clean.MostRows+1); err != nil {
		return out, "", fmt.Errorf("events of user %s: %w", id, err)
	}
	if in.Reviews, _, err = r.Behaviour.Reviews.Within(ctx, behaviour.UserPrefix(id), clean.MostRows); err != nil {
		return out, "", fmt.Errorf("reviews of user %s: %w", id, err)
	}
	if !known && len(in.Events) == 0 && len(in.Reviews) == 0 && !more {
		return out, "", ErrUnknownUser
	}
	p, err := profile.Of(in)
	if err != nil {
		return out, "", fmt.Errorf("profile of user %s: %w", id, err)
	}
	if out.Profile, err = asClient(p); err != nil {
		return out, "", fmt.Errorf("profile of user %s: %w", id, err)
	}
	v, err := r.UserVector(ctx, id)
	switch {
	case errors.Is(err, vectors.ErrNotFound):
	case err != nil:
		return out, "", fmt.Errorf("vector of user %s: %w", id, err)
	default:
		out.Vector = &client.UserVector{Values: v.Vector, Modalities: v.Modalities, SourceVersion: v.SourceVersion, Sources: v.Sources,
			UpdatedAt: v.UpdatedAt, Generation: string(r.Shelf.Generation)}
		if out.Vector.Modalities == nil {
			out.Vector.Modalities = []string{}
		}
		if out.Guesses, err = r.guess(ctx, &in, p.Bot, v.Vector); err != nil {
			return out, "", fmt.Errorf("attributes of user %s: %w", id, err)
		}
	}
	return out, digestOf(in, out), nil
}

// guess asks the profile model about a user who agrees to profiling, by the events that training counts.
func (r *Recommender) guess(ctx context.Context, in *profile.Input, bot bool, vector []float32) ([]client.Guess, error) {
	if r.Guess == nil || bot {
		return nil, nil
	}
	events, _ := clean.AllUserEvents(in.Events)
	touched := map[string]float64{}
	for i := range events {
		if w := parts.Weight(events[i].Type); events[i].Product != "" && w > 0 {
			touched[events[i].Product] += w
		}
	}
	if len(touched) == 0 { // the model knows nobody who did nothing
		return nil, nil
	}
	return r.Guess(ctx, vector, touched)
}

// digestOf names the rows and the vector behind a profile, and its day.
func digestOf(in profile.Input, out client.Shopper) string {
	h := sha256.New()
	made := ""
	if v := out.Vector; v != nil {
		made = fmt.Sprint(v.Generation, v.UpdatedAt)
	}
	if err := json.NewEncoder(h).Encode([]any{in.User, in.Events, in.Reviews, made, in.Now.UTC().Format(time.DateOnly)}); err != nil {
		return rand.Text() // a value that JSON cannot hold: nobody has this answer already
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func (r *Recommender) fact(product string) (profile.Fact, bool) {
	e, known := r.Shelf.content.Entry(product)
	return profile.Fact{Title: e.Title, Category: e.Category, Price: e.Price}, known
}

// asClient says the same in the types that clients link; a test holds the two together.
func asClient(p profile.Profile) (out client.Profile, err error) {
	b, err := json.Marshal(p)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}
