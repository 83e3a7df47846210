package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// What others contribute to a list, see RecommendOptions.Social.
const (
	SocialFollowed = "followed" // those followed, as part of the published vector
	SocialAlike    = "alike"    // and shoppers who chose the same products
	SocialOff      = "off"      // nobody: the vector is made anew without those followed
)

// Recommendations is a list for one user.
type Recommendations struct {
	User       string         `json:"user"`
	Road       string         `json:"road" enum:"personal,anchor,similar,popular_in_category,popular,newest" doc:"How the list came about, and so what a score means"`
	Why        string         `json:"why,omitempty" doc:"Why the list is not personal"`
	Anchor     string         `json:"anchor,omitempty" doc:"The product being viewed"`
	Affinity   *float64       `json:"affinity,omitempty" minimum:"0" maximum:"1" doc:"Of road anchor: the similarity of user and anchor, a factor of every score"`
	Generation string         `json:"generation"`
	AsOf       *time.Time     `json:"popular_as_of,omitempty" doc:"Of the popular roads: the newest event that was counted"`
	Excluded   int            `json:"bought" minimum:"0" doc:"Products left out because the user has bought them, returned or not"`
	Social     string         `json:"social" enum:"followed,alike,off" doc:"Which others contribute: followed, where the vector is made of them too; alike; off"`
	Filter     *FilterEffect  `json:"filter,omitempty" doc:"Of a request with a filter"`
	Standing   *FilterEffect  `json:"standing_filter,omitempty" doc:"The filter of the shop's own settings, where it has one"`
	Context    *ContextEffect `json:"context,omitempty" doc:"Of a request with a context: what it did"`
	Boosts     []BoostEffect  `json:"boosts,omitempty" doc:"Which boosts were applied, of the shop's settings and of the request"`
	Diversity  float64        `json:"diversity,omitempty" minimum:"0" maximum:"1" doc:"How much unlikeness counted in the order"`
	Items      []Item         `json:"items" nullable:"false"`
}

// Item is a product recommended.
type Item struct {
	ID       string    `json:"id"`
	Score    float64   `json:"score" minimum:"-1" maximum:"1" doc:"personal: cosine of user and product. anchor: max(0, cos(user, anchor)) times max(0, cos(anchor, product)). similar: cosine to the anchor. Otherwise: shoppers as a share of the most popular product's. Whatever the options"`
	Title    string    `json:"title,omitempty"`
	Category string    `json:"category,omitempty"`
	Price    *float64  `json:"price,omitempty"`
	Image    string    `json:"image,omitempty" doc:"Key of the main photo below the tenant"`
	Adjusted *Adjusted `json:"adjusted,omitempty" doc:"Where context, boosts or others count: what became of the score"`
}

// Adjusted is what an item is ranked by where more than its score counts.
type Adjusted struct {
	Score   float64  `json:"score" doc:"What the list is ordered by, before diversity"`
	Factor  float64  `json:"factor" doc:"Of boosts, of words that fit the context and of shoppers alike, multiplied; a score below 0 is divided by it"`
	Reasons []string `json:"reasons" nullable:"false" doc:"What the factor is made of, such as boost category:shoes x1.2"`
}

// FilterEffect says how a filter was understood.
type FilterEffect struct {
	Text    string   `json:"text" doc:"As it was read"`
	Unknown []string `json:"unknown,omitempty" doc:"Names that no product has: is one misspelt?"`
}

// ContextEffect says what a context did to a list.
type ContextEffect struct {
	Text    string            `json:"text,omitempty" doc:"What the text encoder read, or would have"`
	Fields  map[string]string `json:"fields,omitempty"`
	Encoded bool              `json:"encoded" doc:"The text took part through the text encoder"`
	Share   float64           `json:"share" doc:"Weight of the encoded text beside the user's or the anchor's vector, which has the rest; 0 where it took no part"`
	Words   []string          `json:"words" nullable:"false" doc:"Words that lift products whose title or facts hold one of them"`
	Lift    float64           `json:"lift" doc:"The most that these words lift a score by, as a factor"`
	Moved   []Move            `json:"moved" nullable:"false" doc:"Items that stand elsewhere than without the context, in the order of the list"`
	Left    []string          `json:"left" nullable:"false" doc:"Products that would be in the list without the context"`
}

// Move is where the context has put an item. Places count from 1.
type Move struct {
	ID   string `json:"id"`
	From int    `json:"from" doc:"0: it would not be in the list"`
	To   int    `json:"to"`
}

// BoostEffect is a boost and how many of the items it was applied to.
type BoostEffect struct {
	Rule   string  `json:"rule" doc:"Such as category:shoes"`
	Factor float64 `json:"factor"`
	Items  int     `json:"items"`
	// Standing boosts are of the shop's settings.
	Standing bool `json:"standing,omitempty" doc:"It is of the shop's own settings, not of the request"`
}

// RecommendOptions narrow a list. The zero value asks for ten.
type RecommendOptions struct {
	// K is how many, 1 to 1000; 0: 10.
	K int `json:"k,omitempty"`
	// Anchor is the product being viewed; "" for none.
	Anchor string `json:"anchor,omitempty"`
	// PerCategory is how many items may share a category, 1 to 1000; 0: four fifths of
	// K, rounded up, and with an anchor any number.
	PerCategory int `json:"per_category,omitempty"`
	// Filter keeps products, such as "category:shoes,hats;price<50;stock>0"; see the
	// server's description for the grammar.
	Filter string `json:"filter,omitempty"`
	// Boost multiplies scores, such as "category:shoes*1.2;brand:acme*.8".
	Boost string `json:"boost,omitempty"`
	// Context is where and when the list is shown.
	Context Context `json:"context,omitzero"`
	// Diversity, 0 to 1, is how much unlikeness of the items counts beside their scores.
	Diversity float64 `json:"diversity,omitempty"`
	// IncludeBought lets products in that the user has bought.
	IncludeBought bool `json:"-"`
	// Social is one of the constants; "": SocialFollowed.
	Social string `json:"social,omitempty"`
}

// Context is where and when a list is shown. Any of it may be empty.
type Context struct {
	Text    string `json:"text,omitempty"`
	Place   string `json:"place,omitempty"`
	Weather string `json:"weather,omitempty"`
	Season  string `json:"season,omitempty"`
	Hour    *int   `json:"hour,omitempty"` // 0 to 23
	Device  string `json:"device,omitempty"`
}

func (o RecommendOptions) query() (url.Values, error) {
	query := url.Values{}
	number := func(name string, n int) {
		if n != 0 {
			query.Set(name, strconv.Itoa(n))
		}
	}
	text := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	number("k", o.K)
	number("per_category", o.PerCategory)
	text("anchor", o.Anchor)
	text("filter", o.Filter)
	text("boost", o.Boost)
	text("social", o.Social)
	if o.Diversity != 0 {
		query.Set("diversity", strconv.FormatFloat(o.Diversity, 'g', -1, 64))
	}
	if o.IncludeBought {
		query.Set("bought", "in")
	}
	if o.Context != (Context{}) {
		b, err := json.Marshal(o.Context)
		if err != nil {
			return nil, err
		}
		query.Set("context", string(b))
	}
	return query, nil
}

// Recommend lists what suits a user. One who is not known, has no vector yet or has
// declined profiling gets a popular list: see Road. Errors: ErrNotFound for an anchor
// that is not known or has no vector.
func (c *Client) Recommend(ctx context.Context, user string, o RecommendOptions) (Recommendations, error) {
	u, err := c.user(user)
	if err != nil {
		return Recommendations{}, err
	}
	query, err := o.query()
	if err != nil {
		return Recommendations{}, err
	}
	u += "/recommendations"
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	var r Recommendations
	err = c.do(ctx, request{method: http.MethodGet, url: u}, &r)
	return r, err
}

// BatchLine is the list of one user of a batch, or why there is none.
type BatchLine struct {
	User    string           `json:"user"`
	List    *Recommendations `json:"list,omitempty"`
	Problem string           `json:"problem,omitempty" doc:"Why there is no list for this user"`
}

// RecommendAll lists what suits each of up to 1,000 users, in their order. What goes
// wrong for one user is in its line.
func (c *Client) RecommendAll(ctx context.Context, users []string, o RecommendOptions) ([]BatchLine, error) {
	bought := ""
	if o.IncludeBought {
		bought = "in"
	}
	body, err := json.Marshal(struct {
		Users  []string `json:"users"`
		Bought string   `json:"bought,omitempty"`
		RecommendOptions
	}{users, bought, o})
	if err != nil {
		return nil, err
	}
	var raw []byte
	req := request{method: http.MethodPost, url: c.tenant + "/users/recommendations", body: body, header: http.Header{"Content-Type": {"application/json"}}}
	if err := c.do(ctx, req, &raw); err != nil {
		return nil, err
	}
	lines := make([]BatchLine, 0, len(users))
	for d := json.NewDecoder(bytes.NewReader(raw)); d.More(); {
		var line BatchLine
		if err := d.Decode(&line); err != nil {
			return lines, fmt.Errorf("client: line %d of the answer cannot be read: %w", len(lines)+1, err)
		}
		lines = append(lines, line)
	}
	if len(lines) < len(users) {
		return lines, fmt.Errorf("client: the answer broke off after %d of %d users", len(lines), len(users))
	}
	return lines, nil
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
