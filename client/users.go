package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The roads on which a list of recommendations came about.
const (
	RoadPersonal          = "personal"            // by the user's vector
	RoadAnchor            = "anchor"              // by the user's vector and the product being viewed
	RoadSimilar           = "similar"             // no vector of the user: what is like the product being viewed
	RoadPopularInCategory = "popular_in_category" // no vector: popular in the category of the product being viewed
	RoadPopular           = "popular"             // no vector: popular in the whole shop
	RoadNewest            = "newest"              // no vector, and nobody has done anything yet
)

// Recommendations is a list for one user.
type Recommendations struct {
	User       string     `json:"user"`
	Road       string     `json:"road" enum:"personal,anchor,similar,popular_in_category,popular,newest" doc:"How the list came about, and so what a score means"`
	Why        string     `json:"why,omitempty" doc:"Why the list is not personal"`
	Anchor     string     `json:"anchor,omitempty" doc:"The product being viewed"`
	Affinity   *float64   `json:"affinity,omitempty" minimum:"0" maximum:"1" doc:"Of road anchor: the similarity of user and anchor, a factor of every score"`
	Generation string     `json:"generation"`
	AsOf       *time.Time `json:"popular_as_of,omitempty" doc:"Of the popular roads: the newest event that was counted"`
	Excluded   int        `json:"bought" minimum:"0" doc:"Products left out because the user has bought them, returned or not"`
	Items      []Item     `json:"items" nullable:"false"`
}

// Item is a product recommended.
type Item struct {
	ID       string   `json:"id"`
	Score    float64  `json:"score" minimum:"-1" maximum:"1" doc:"personal: cosine of user and product. anchor: max(0, cos(user, anchor)) times max(0, cos(anchor, product)). similar: cosine to the anchor. Otherwise: shoppers as a share of the most popular product's"`
	Title    string   `json:"title,omitempty"`
	Category string   `json:"category,omitempty"`
	Price    *float64 `json:"price,omitempty"`
	Image    string   `json:"image,omitempty" doc:"Key of the main photo below the tenant"`
}

// RecommendOptions narrow a list. The zero value asks for ten.
type RecommendOptions struct {
	// K is how many, 1 to 1000; 0: 10.
	K int
	// Anchor is the product being viewed; "" for none.
	Anchor string
	// PerCategory is how many items may share a category, 1 to 1000; 0: four fifths of
	// K, rounded up, and with an anchor any number.
	PerCategory int
}

// Recommend lists what suits a user. One who is not known, has no vector yet or has
// declined profiling gets a popular list: see Road. Errors: ErrNotFound for an anchor
// that is not known or has no vector.
func (c *Client) Recommend(ctx context.Context, user string, o RecommendOptions) (Recommendations, error) {
	u, err := c.user(user)
	if err != nil {
		return Recommendations{}, err
	}
	query := url.Values{}
	if o.K != 0 {
		query.Set("k", strconv.Itoa(o.K))
	}
	if o.Anchor != "" {
		query.Set("anchor", o.Anchor)
	}
	if o.PerCategory != 0 {
		query.Set("per_category", strconv.Itoa(o.PerCategory))
	}
	u += "/recommendations"
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	var r Recommendations
	err = c.do(ctx, request{method: http.MethodGet, url: u}, &r)
	return r, err
}

// Shopper reads what is known of a user, and the vector. Errors: ErrNotFound, of which
// ErrDeclined says that the user does not want a profile.
func (c *Client) Shopper(ctx context.Context, id string) (Shopper, error) {
	u, err := c.user(id)
	if err != nil {
		return Shopper{}, err
	}
	var user Shopper
	err = c.do(ctx, request{method: http.MethodGet, url: u}, &user)
	return user, err
}

func (c *Client) user(id string) (string, error) {
	if id == "" {
		return "", errors.New("client: the user id is empty")
	}
	return c.tenant + "/users/" + segment(id), nil
}
