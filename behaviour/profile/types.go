package profile

import (
	"errors"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
)

// Errors of Of.
var (
	// ErrDeclined: the user, or the tenant's default where the user said nothing,
	// does not want a profile.
	ErrDeclined = errors.New("no profile: consent to profiling is not given")
	// ErrInput: rows of another user, or a user without an id.
	ErrInput = errors.New("bad input of a profile")
)

// Input is what a profile is made of.
type Input struct {
	User    behaviour.User     // ID is needed; the rest is zero for a user who never told anything
	Events  []behaviour.Event  // all of the user's, as stored, in any order
	Reviews []behaviour.Review // likewise
	// Facts looks a product up; nil knows none. It is asked once for each product.
	Facts func(product string) (Fact, bool)
	// Catalogue is what prices and words are compared with. Nil: no grade of price
	// or money, and all words are equally rare.
	Catalogue *Catalogue
	// DeclineByDefault is the tenant's default for users who said nothing.
	DeclineByDefault bool
	Now              time.Time      // recency counts to here; zero: to the newest event
	Zone             *time.Location // of days and hours; nil: UTC
}

// Fact is what a product is.
type Fact struct {
	Title    string
	Category string
	Price    *float64 // nil: none given
}

// Profile is what is known of one shopper. Lists are never nil and come strongest
// first.
type Profile struct {
	User      string `json:"user"`
	Profiling string `json:"profiling"` // yes, no, or default: the tenant's default was applied
	// Bot: the events are those of a program; nothing else is said.
	Bot        bool        `json:"bot"`
	Attributes []Attribute `json:"attributes"` // by name
	Interests  []Interest  `json:"interests"`
	Categories []Category  `json:"categories"`
	Price      *PriceBand  `json:"price"` // null: no product with a price
	Activity   Activity    `json:"activity"`
	Value      Value       `json:"value"`
	Reviews    Reviews     `json:"reviews"`
	// Cleaning says how many rows were left out, and why.
	Cleaning clean.Counts `json:"cleaning"`
	Limits   Limits       `json:"limits"`
}

// Evidence is what a value rests on: at most EvidenceRows of each kind, strongest
// first.
type Evidence struct {
	Events   []string `json:"events,omitempty"`   // ids
	Reviews  []string `json:"reviews,omitempty"`  // ids
	Products []string `json:"products,omitempty"` // ids
	Rows     int      `json:"rows"`               // events and reviews in all
}

// EvidenceRows bounds the lists of an Evidence.
const EvidenceRows = 5

// Attribute is what the user, or the shop on the user's behalf, has stated.
type Attribute struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"` // lists are joined by ", "
	Imputed bool      `json:"imputed"`
	Time    time.Time `json:"time"`   // of the statement
	Source  string    `json:"source"` // where the row came from
}

// Interest is a tag.
type Interest struct {
	Tag      string   `json:"tag"`
	Weight   float64  `json:"weight"` // above 0 to 1, of the strongest
	Stated   bool     `json:"stated"` // the user named it
	Evidence Evidence `json:"evidence"`
}

// Category is a category with its share of what the user's events weigh.
type Category struct {
	Name     string   `json:"name"`
	Weight   float64  `json:"weight"` // above 0 to 1; all together 1
	Evidence Evidence `json:"evidence"`
}

// PriceBand is the prices of the products that tell most.
type PriceBand struct {
	Low      float64 `json:"low"` // first quartile
	Median   float64 `json:"median"`
	High     float64 `json:"high"`     // third quartile
	Of       string  `json:"of"`       // purchase, intent (cart, wish) or view: what kind of events it is made of
	Products int     `json:"products"` // how many with a price
	// Band is the third of the catalogue's prices that the median falls into (low,
	// middle, high), and Rank the part of the catalogue that costs less; empty and
	// null without a catalogue.
	Band     string   `json:"band,omitempty"`
	Rank     *float64 `json:"rank,omitempty"`
	Evidence Evidence `json:"evidence"`
}

// Activity is when and how the user was there.
type Activity struct {
	Events   int            `json:"events"`
	Types    map[string]int `json:"types"`
	Products int            `json:"products"` // different ones
	Unknown  int            `json:"unknown_products"`
	Days     int            `json:"active_days"`
	First    *time.Time     `json:"first"` // null: no events
	Last     *time.Time     `json:"last"`
	Hours    [24]int        `json:"hours"`    // events by hour of the day
	Weekdays [7]int         `json:"weekdays"` // from Sunday
	Zone     string         `json:"zone"`
	Evidence Evidence       `json:"evidence"` // the newest events
}

// Value is recency, frequency and money, each with a grade from 0 (none) to 3.
type Value struct {
	RecencyDays    *float64 `json:"recency_days"` // null: no events
	RecencyGrade   int      `json:"recency_grade"`
	Baskets        int      `json:"baskets"`
	FrequencyGrade int      `json:"frequency_grade"`
	Money          float64  `json:"money"` // paid less sent back, in the shop's currency
	MoneyGrade     *int     `json:"money_grade"`
	// Estimated purchases have no value of their own and count with the product's
	// price; Unpriced have neither and count nothing.
	Estimated int      `json:"estimated"`
	Unpriced  int      `json:"unpriced"`
	Evidence  Evidence `json:"evidence"` // the largest purchases
}

// Reviews is what the user has written.
type Reviews struct {
	Written    int      `json:"written"`
	Rated      int      `json:"rated"`
	MeanRating *float64 `json:"mean_rating"` // 1 to 5; null: none rated
	Evidence   Evidence `json:"evidence"`    // the newest
}

// Limits are the rules' thresholds, told with every profile.
type Limits struct {
	HalfLifeDays float64    `json:"half_life_days"`
	RecencyDays  [2]float64 `json:"recency_days"` // grade 3 up to the first, 2 up to the second, 1 beyond
	Baskets      [2]int     `json:"baskets"`      // grade 3 from the second on, 2 from the first, 1 below
	// Money, in median prices of the catalogue: grade 3 from the second on, 2 from
	// the first, 1 below.
	Money [2]float64 `json:"money_in_median_prices"`
}

// TheLimits are those that Of applies.
func TheLimits() Limits {
	return Limits{HalfLifeDays: HalfLife.Hours() / 24, RecencyDays: [2]float64{30, 90}, Baskets: [2]int{3, 10}, Money: [2]float64{10, 50}}
}
