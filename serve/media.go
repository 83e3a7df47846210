package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// Where a product or one of its media stands.
const (
	stateVector   = "vector"   // it is in the vector that is read
	stateEncoded  = "encoded"  // its feature is stored; the product's vector is about to follow
	stateWaiting  = "waiting"  // still to be encoded
	stateDead     = "dead"     // given up, for a reason
	stateDeclined = "declined" // given up, and acknowledged
	stateNone     = "none"     // of a product: nothing is stored of it
)

// MediaAnswer says what became of everything that was stored of a product.
type MediaAnswer struct{ Body ProductMedia }

// ProductMedia is a product's listing and photos, each with where it stands.
type ProductMedia struct {
	ID      string     `json:"id"`
	State   string     `json:"state" enum:"vector,waiting,dead,declined,none" doc:"vector: the vector that is read is made of exactly these media. dead: each was given up"`
	Updated *time.Time `json:"vector_updated_at,omitempty" doc:"When the vector was published, also of an earlier one"`
	Made    []string   `json:"modalities" nullable:"false" doc:"What the vector is made of"`
	Media   []Medium   `json:"media" nullable:"false"`
}

// Medium is a photo or a listing.
type Medium struct {
	Key      string    `json:"key" doc:"Below the tenant"`
	Name     string    `json:"name"`
	Modality string    `json:"modality" enum:"image,text"`
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	State    string    `json:"state" enum:"vector,encoded,waiting,dead,declined"`
	Reason   string    `json:"reason,omitempty" doc:"Of a dead one"`
	Message  string    `json:"message,omitempty" doc:"Of a dead one"`
}

func (s *Server) media(ctx context.Context, in *ProductPath) (*MediaAnswer, error) {
	l, err := s.lakeOf(ctx)
	if err != nil {
		return nil, err
	}
	t := tenantOf(ctx)
	if err := errors.Join(l.Objects.RefreshIfOlder(ctx, mediaAge), l.Dead.RefreshIfOlder(ctx, mediaAge)); err != nil {
		return nil, s.explain(ctx, err)
	}
	out := ProductMedia{ID: in.ID, Made: []string{}, Media: []Medium{}}
	var used []tasks.Part
	var read bool // nothing waits
	if out.Media, used, read, err = mediaOf(ctx, t.Objects, l, in.product()); err != nil {
		return nil, s.explain(ctx, err)
	}
	if t.Behaviour != nil && len(used) > 0 {
		reviews, err := parts.ReviewsOf(ctx, t.Behaviour.ProductReviews, in.product())
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		used = append(used, reviews.Parts()...)
	}
	gen, err := t.Vectors.Live(ctx)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	record, err := t.Vectors.Get(ctx, gen, vectors.Product, in.ID)
	switch {
	case errors.Is(err, vectors.ErrNotFound):
	case err != nil:
		return nil, s.explain(ctx, err)
	default:
		at := time.UnixMilli(record.UpdatedAt).UTC()
		out.Updated = &at
		if record.Modalities != nil {
			out.Made = record.Modalities
		}
	}
	out.settle(out.Updated != nil && read && record.Sources == tasks.Sources(used))
	return &MediaAnswer{out}, nil
}

// mediaAge is how old what is known of media may be: somebody watches them.
const mediaAge = 200 * time.Millisecond

// mediaOf lists what is stored of a product, which parts a vector of it is made of now,
// and whether none waits.
func mediaOf(ctx context.Context, from objects.Store, l *lake.Lake, id tasks.ProductID) (media []Medium, used []tasks.Part, read bool, err error) {
	media, read = []Medium{}, true
	folder := tasks.ProductPrefix(id)
	for info, err := range from.List(ctx, folder, "") {
		if err != nil {
			return nil, nil, false, err
		}
		m := tasks.ParseMediaKey(info.Key)
		if m.Modality == "" || m.Err != nil {
			continue
		}
		medium := Medium{Key: info.Key, Name: strings.TrimPrefix(info.Key, folder), Modality: string(m.Modality), Bytes: info.Size, Modified: info.Modified.UTC(), State: stateWaiting}
		letter, dead, err := l.Dead.Get(ctx, info.Key)
		if err != nil {
			return nil, nil, false, err
		}
		row, known, err := l.Objects.Get(ctx, info.Key)
		switch {
		case err != nil:
			return nil, nil, false, err
		case dead && letter.ETag == info.ETag:
			medium.State, medium.Reason, medium.Message = stateDead, letter.Reason, letter.Message
			if letter.Dropped != 0 {
				medium.State = stateDeclined
			}
		case known && row.ETag == info.ETag:
			medium.State = stateEncoded
			used = append(used, tasks.Part{Key: info.Key, ETag: info.ETag})
		default:
			read = false
		}
		media = append(media, medium)
	}
	return media, used, read, nil
}

// settle says where the product stands.
func (p *ProductMedia) settle(current bool) {
	count := map[string]int{}
	for i := range p.Media {
		if m := &p.Media[i]; current && m.State == stateEncoded {
			m.State = stateVector
		}
		count[p.Media[i].State]++
	}
	switch n := len(p.Media); {
	case n == 0:
		p.State = stateNone
	case current:
		p.State = stateVector
	case count[stateDeclined] == n:
		p.State = stateDeclined
	case count[stateDead]+count[stateDeclined] == n:
		p.State = stateDead
	default:
		p.State = stateWaiting
	}
}

// ListingAnswer is a stored listing, with the entity tag that a conditional write names.
type ListingAnswer struct {
	ETag        string `header:"ETag"`
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (s *Server) listing(ctx context.Context, in *ProductPath) (*ListingAnswer, error) {
	t := tenantOf(ctx)
	body, info, err := t.Objects.Get(ctx, tasks.ProductPrefix(in.product())+tasks.ListingName, objects.GetOptions{MaxBytes: tasks.MaxListingBytes})
	switch {
	case errors.Is(err, objects.ErrNotExist):
		return nil, problem(http.StatusNotFound, fmt.Sprintf("product %q has no %s", in.ID, tasks.ListingName))
	case err != nil:
		return nil, s.explain(ctx, err)
	}
	if _, err := tasks.ParseListing(body); err != nil {
		return nil, problem(http.StatusConflict, fmt.Sprintf("the stored %s of product %q cannot be read: %v; write it anew", tasks.ListingName, in.ID, err))
	}
	return &ListingAnswer{ETag: quoteTag(info.ETag), ContentType: "application/json", Body: body}, nil
}
