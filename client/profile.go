package client

import "time"

// Shopper is what is known of a shopper who has not declined profiling.
type Shopper struct {
	ID string `json:"id"`
	// Vector is nil while there is none: nothing was done yet that says anything, or
	// it is being made.
	Vector  *UserVector `json:"vector"`
	Profile Profile     `json:"profile"`
	// Guesses are what the promoted profile model makes of the vector and of what the user touched: never told where the
	// user has declined profiling. Empty without a model or a vector.
	Guesses []Guess `json:"guesses,omitempty"`
}

// Guess is an attribute as a model tells it. Unknown is an answer: the model is then not sure enough.
type Guess struct {
	Name       string       `json:"name"`
	Value      string       `json:"value,omitempty" doc:"The likeliest value, if the model is sure enough of it"`
	Confidence float64      `json:"confidence,omitempty" minimum:"0" maximum:"1" doc:"The calibrated probability of the likeliest value, told or not; of tags each has its own"`
	Tags       []GuessedTag `json:"tags,omitempty" doc:"Of attributes of many values, those that the model is sure enough of, the likeliest first"`
	Unknown    bool         `json:"unknown" doc:"The model is not sure enough to say"`
}

// GuessedTag is one of many values.
type GuessedTag struct {
	Value      string  `json:"value"`
	Confidence float64 `json:"confidence" minimum:"0" maximum:"1"`
}

// UserVector is a user's vector and how it came about.
type UserVector struct {
	Values        []float32 `json:"values,omitempty" doc:"The products' ranking space, unit length"`
	Modalities    []string  `json:"modalities" nullable:"false" doc:"What it was made of"`
	SourceVersion int64     `json:"source_version" doc:"Unix milliseconds at which the worker began to read the parts"`
	Sources       string    `json:"sources" doc:"Digest of the parts"`
	UpdatedAt     int64     `json:"updated_at" doc:"Unix milliseconds at which it was published"`
	Generation    string    `json:"generation" doc:"Vectors of two generations are never compared"`
}

// Profile is what rules say of a shopper, with the rows behind each value. Lists come
// strongest first.
type Profile struct {
	User       string             `json:"user"`
	Profiling  string             `json:"profiling" doc:"yes, no, or default: the tenant's default was applied"`
	Bot        bool               `json:"bot" doc:"The events are those of a program; nothing else is said"`
	Attributes []ProfileAttribute `json:"attributes"`
	Interests  []ProfileInterest  `json:"interests"`
	Categories []ProfileCategory  `json:"categories"`
	Price      *ProfilePrice      `json:"price"`
	Activity   ProfileActivity    `json:"activity"`
	Value      ProfileValue       `json:"value"`
	Reviews    ProfileReviews     `json:"reviews"`
	Cleaning   map[string]int     `json:"cleaning" doc:"How many rows were left out, and why"`
	Limits     ProfileLimits      `json:"limits"`
}

// Evidence is what a value rests on: some ids of each kind, the strongest first.
type Evidence struct {
	Events   []string `json:"events,omitempty"`
	Reviews  []string `json:"reviews,omitempty"`
	Products []string `json:"products,omitempty"`
	Rows     int      `json:"rows" doc:"Events and reviews in all"`
}

// ProfileAttribute is what the user, or the shop on the user's behalf, has stated.
type ProfileAttribute struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Imputed bool      `json:"imputed" doc:"It was missing and filled by a rule"`
	Time    time.Time `json:"time"`
	Source  string    `json:"source"`
}

// ProfileInterest is a tag.
type ProfileInterest struct {
	Tag      string   `json:"tag"`
	Weight   float64  `json:"weight"`
	Stated   bool     `json:"stated"`
	Evidence Evidence `json:"evidence"`
}

// ProfileCategory is a category with its share of what the user's events weigh.
type ProfileCategory struct {
	Name     string   `json:"name"`
	Weight   float64  `json:"weight"`
	Evidence Evidence `json:"evidence"`
}

// ProfilePrice is the quartiles of the prices that tell most.
type ProfilePrice struct {
	Low      float64  `json:"low"`
	Median   float64  `json:"median"`
	High     float64  `json:"high"`
	Of       string   `json:"of" doc:"purchase, intent or view"`
	Products int      `json:"products"`
	Band     string   `json:"band,omitempty" doc:"low, middle or high third of the catalogue's prices"`
	Rank     *float64 `json:"rank,omitempty" doc:"The part of the catalogue that costs less"`
	Evidence Evidence `json:"evidence"`
}

// ProfileActivity is when and how the user was there.
type ProfileActivity struct {
	Events   int            `json:"events"`
	Types    map[string]int `json:"types"`
	Products int            `json:"products"`
	Unknown  int            `json:"unknown_products"`
	Days     int            `json:"active_days"`
	First    *time.Time     `json:"first"`
	Last     *time.Time     `json:"last"`
	Hours    []int          `json:"hours" doc:"Events by hour of the day"`
	Weekdays []int          `json:"weekdays" doc:"Events by day, from Sunday"`
	Zone     string         `json:"zone"`
	Evidence Evidence       `json:"evidence"`
}

// ProfileValue is recency, frequency and money, each with a grade from 0 (none) to 3.
type ProfileValue struct {
	RecencyDays    *float64 `json:"recency_days"`
	RecencyGrade   int      `json:"recency_grade"`
	Baskets        int      `json:"baskets"`
	FrequencyGrade int      `json:"frequency_grade"`
	Money          float64  `json:"money"`
	MoneyGrade     *int     `json:"money_grade"`
	Estimated      int      `json:"estimated" doc:"Purchases without a value, counted with the product's price"`
	Unpriced       int      `json:"unpriced"`
	Evidence       Evidence `json:"evidence"`
}

// ProfileReviews is what the user has written.
type ProfileReviews struct {
	Written    int      `json:"written"`
	Rated      int      `json:"rated"`
	MeanRating *float64 `json:"mean_rating"`
	Evidence   Evidence `json:"evidence"`
}

// ProfileLimits are the thresholds of the rules.
type ProfileLimits struct {
	HalfLifeDays float64   `json:"half_life_days"`
	RecencyDays  []float64 `json:"recency_days"`
	Baskets      []int     `json:"baskets"`
	Money        []float64 `json:"money_in_median_prices"`
}
