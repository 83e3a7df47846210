package client

import (
	"context"
	"errors"
	"net/http"
)

// Explanation says why a product has its score for a user.
type Explanation struct {
	User       string  `json:"user"`
	Product    string  `json:"product"`
	Title      string  `json:"title,omitempty"`
	Image      string  `json:"image,omitempty" doc:"Key of the product's main photo below the tenant"`
	Road       string  `json:"road" enum:"personal,popular" doc:"personal: the score is that of the user's vector. popular: there is none, and the score is the product's popularity"`
	Why        string  `json:"why,omitempty" doc:"Why the score is not personal"`
	Generation string  `json:"generation"`
	Score      float64 `json:"score" doc:"As a list with default options has it"`
	Baseline   float64 `json:"baseline" doc:"The score if nothing were known of either; the shares add up to score minus baseline"`
	Shares     Shares  `json:"shares"`
	Current    bool    `json:"current" doc:"The published vectors give this score; false while one of them is being made again, and the shares are those of the score to come"`
	Cold       bool    `json:"cold" doc:"Nobody has done anything with the product yet"`
	// Evidence comes strongest first.
	Evidence []ExplanationEvidence `json:"evidence" nullable:"false"`
	Sentence string                `json:"sentence" doc:"The same in plain words"`
}

// Shares are how much of a score comes from each source: Shapley values, exact over all
// 64 sets of sources. A share below 0 speaks against the product.
type Shares struct {
	Photo      float64 `json:"photo" doc:"What the photos of this product and of those behind the user's vector show"`
	Text       float64 `json:"text" doc:"What their listings say"`
	Reviews    float64 `json:"reviews" doc:"What the user wrote, and what was written of the products"`
	Behaviour  float64 `json:"behaviour" doc:"What the user did, searched for and stated"`
	Popularity float64 `json:"popularity" doc:"How much the product is chosen by others"`
	Social     float64 `json:"social" doc:"What those followed chose"`
}

// Sum adds the shares up.
func (s Shares) Sum() float64 {
	return s.Photo + s.Text + s.Reviews + s.Behaviour + s.Popularity + s.Social
}

// ExplanationEvidence is one thing behind a score.
type ExplanationEvidence struct {
	Kind     string  `json:"kind" enum:"event,review,follow,attributes,photo,listing,product_review" doc:"event, review, follow and attributes are the user's; photo, listing and product_review are the product's own"`
	ID       string  `json:"id" doc:"Of the event or review; the object key of a photo or listing"`
	Type     string  `json:"type,omitempty" doc:"Of an event: purchase, view, …"`
	Product  string  `json:"product,omitempty" doc:"That the event or review is about"`
	Title    string  `json:"title,omitempty" doc:"Of that product"`
	Image    string  `json:"image,omitempty" doc:"Key of that product's main photo below the tenant"`
	Followed string  `json:"followed,omitempty" doc:"The shopper followed whose event it is"`
	Query    string  `json:"query,omitempty" doc:"What was searched for"`
	Time     string  `json:"time,omitempty" doc:"RFC 3339"`
	Drop     float64 `json:"drop" doc:"How much the score falls without it"`
}

// Explain says why a product has its score for a user. Errors: ErrNotFound for a user
// or product that is not known, of which ErrDeclined says that the user does not want a
// profile.
func (c *Client) Explain(ctx context.Context, user, product string) (Explanation, error) {
	u, err := c.user(user)
	if err != nil {
		return Explanation{}, err
	}
	if product == "" {
		return Explanation{}, errors.New("client: the product id is empty")
	}
	var e Explanation
	err = c.do(ctx, request{method: http.MethodGet, url: u + "/explanations/" + segment(product)}, &e)
	return e, err
}
