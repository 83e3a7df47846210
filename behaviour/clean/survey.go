package clean

import (
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"weft/behaviour"
)

// Survey is what a table of behaviour holds, before and after each step.
type Survey struct {
	Rows    map[string]int64 `json:"rows"`  // by table, as stored
	Users   Pair             `json:"users"` // who have events
	Steps   []StepCount      `json:"steps"`
	Days    []Day            `json:"days"`            // ascending; days without rows are not there
	PerUser []Range          `json:"events_per_user"` // ascending
	Types   []NamedPair      `json:"types"`           // most frequent first
	Values  []Numbers        `json:"values"`          // of events, by type
	Ratings []NamedPair      `json:"ratings"`         // 1 to 5, rounded down, and none
	Missing []Gap            `json:"missing"`

	Attributes []Numbers `json:"attributes"` // of users, those that are numbers
	Names      []Names   `json:"names"`      // of users, those that are names or lists
	Price      Numbers   `json:"price"`      // of products
	Category   Names     `json:"category"`   // of products

	Statistics *Statistics `json:"statistics"`
}

// Pair is a count before and after cleaning.
type Pair struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// NamedPair is a Pair of something with a name.
type NamedPair struct {
	Name string `json:"name"`
	Pair
}

// Day is the events of one day (UTC).
type Day struct {
	Date string `json:"date"` // 2006-01-02
	Pair
}

// Range is the users with From to To events.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
	Pair
}

// Gap is how many rows lack a field, and how many of them a rule fills.
type Gap struct {
	Table   string `json:"table"`
	Field   string `json:"field"`
	Rows    int64  `json:"rows"`
	Missing int64  `json:"missing"`
	Filled  int64  `json:"filled"`
}

// Numbers is a field of numbers.
type Numbers struct {
	Name    string  `json:"name"`
	Numeric Numeric `json:"numeric"`
	Before  []Bin   `json:"before"`
	After   []Bin   `json:"after"`
}

// Names is a field of names.
type Names struct {
	Name        string      `json:"name"`
	Categorical Categorical `json:"categorical"`
	Values      []NamedPair `json:"values"`    // the most frequent as given, then what rare and missing ones become
	Different   int         `json:"different"` // as given
}

// The sizes of what a Survey shows.
const (
	surveyBins   = 30
	surveyValues = 20
)

// Surveyor makes a Survey from rows given one by one: every stored event to Seen,
// every Shopper made of them to Shopper, and reviews (by user), users and products. Its
// memory does not grow with the rows. See NewSurveyor.
type Surveyor struct {
	known   func(product string) bool
	fit     *Fit
	rows    map[string]int64
	found   [stepCount]int64
	days    map[int64]*Pair
	types   map[string]*Pair
	perUser [32]Pair
	users   Pair
	ratings [6]Pair
	gaps    map[[2]string]*Gap
	reviews recent
}

// NewSurveyor begins. known tells the products of the catalogue.
func NewSurveyor(known func(product string) bool) *Surveyor {
	return &Surveyor{known: known, fit: NewFit(), rows: map[string]int64{"events": 0, "reviews": 0, "users": 0, "products": 0},
		days: map[int64]*Pair{}, types: map[string]*Pair{}, gaps: map[[2]string]*Gap{}}
}

// mostTypes and the span of days bound memory whatever rows hold.
const (
	mostTypes = 1_000
	day       = 86_400_000
	lastDay   = 84_006 // 2200-01-01, in days since 1970
)

func (s *Surveyor) tally(e *behaviour.Event) (byDay, byType *Pair) {
	d := min(max(floorDiv(e.Time, day), 0), lastDay)
	if s.days[d] == nil {
		s.days[d] = &Pair{}
	}
	kind := e.Type
	if s.types[kind] == nil {
		if len(s.types) >= mostTypes {
			kind = Other
		}
		if s.types[kind] == nil {
			s.types[kind] = &Pair{}
		}
	}
	return s.days[d], s.types[kind]
}

// Seen takes in an event as stored.
func (s *Surveyor) Seen(e *behaviour.Event) {
	s.rows["events"]++
	byDay, byType := s.tally(e)
	byDay.Before++
	byType.Before++
	s.gap("events", "time", slices.Contains(e.Imputed, behaviour.FieldTime), true)
	if e.Type != behaviour.Search && e.Type != behaviour.Follow {
		s.gap("events", "product", e.Product == "", false)
	}
	if e.Type == behaviour.Purchase {
		s.gap("events", "value of a purchase", e.Value == nil || notNumber(*e.Value), false)
	}
}

// Shopper takes in a user's events after the rules for one user.
func (s *Surveyor) Shopper(u *Shopper) {
	c := u.Counts
	s.users.Before++
	s.perUser[bits.Len(uint(c.Rows-1))].Before++
	s.found[bots] += int64(c.Bot)
	s.found[rates] += int64(c.Rate)
	s.found[repeatedEvents] += int64(c.Repeats)
	s.found[noNumbers] += int64(c.Numbers)
	if len(u.Events) == 0 {
		return
	}
	s.users.After++
	s.perUser[bits.Len(uint(len(u.Events)-1))].After++
	for i := range u.Events {
		e := &u.Events[i]
		byDay, byType := s.tally(e)
		byDay.After++
		byType.After++
		if e.Product != "" && !s.known(e.Product) {
			s.found[unknownProducts]++
		}
		s.fit.Event(e)
	}
}

// recent remembers what one user has written.
type recent struct {
	user string
	seen map[[3]string]bool
}

// Review takes in a review; those of one user follow one another.
func (s *Surveyor) Review(r *behaviour.Review) {
	s.rows["reviews"]++
	if s.reviews.user != r.User || s.reviews.seen == nil {
		s.reviews = recent{r.User, map[[3]string]bool{}}
	}
	words := [3]string{r.Product, r.Title, r.Text}
	if s.reviews.seen[words] {
		s.found[repeatedReviews]++
	} else if len(s.reviews.seen) < MostRows {
		s.reviews.seen[words] = true
	}
	if !s.known(r.Product) {
		s.found[unknownReviewed]++
	}
	stars := 0
	if r.Rating != nil && *r.Rating >= 1 && *r.Rating <= 5 {
		stars = int(*r.Rating)
	} else {
		s.found[noRatings]++
	}
	s.ratings[stars].Before++
	s.ratings[stars].After++
	s.gap("reviews", "time", slices.Contains(r.Imputed, behaviour.FieldTime), true)
	s.gap("reviews", "rating", stars == 0, false)
	s.gap("reviews", "words", strings.TrimSpace(r.Title+r.Text) == "", false)
}

// User takes in a user.
func (s *Surveyor) User(u *behaviour.User) {
	s.rows["users"]++
	if u.Profiling == "no" {
		s.found[consent]++
		return
	}
	if s.fit.User(u) != nil {
		s.found[unreadable]++
	}
}

// Product takes in a product of the catalogue.
func (s *Surveyor) Product(p *Product) {
	s.rows["products"]++
	s.gap("products", "title", strings.TrimSpace(p.Title) == "", false)
	s.gap("products", "category", strings.TrimSpace(p.Category) == "", true)
	s.gap("products", "brand", strings.TrimSpace(p.Brand) == "", true)
	s.gap("products", "price", p.Price == nil || notNumber(*p.Price), true)
	s.gap("products", "updated_at", p.UpdatedAt.IsZero(), false)
	s.fit.Product(p)
}

func (s *Surveyor) gap(table, field string, missing, filled bool) {
	g := s.gaps[[2]string{table, field}]
	if g == nil {
		g = &Gap{Table: table, Field: field}
		s.gaps[[2]string{table, field}] = g
	}
	g.Rows++
	if missing {
		g.Missing++
		if filled {
			g.Filled++
		}
	}
}

// Survey is that of the rows so far.
func (s *Surveyor) Survey() *Survey {
	stats := s.fit.Statistics()
	out := &Survey{Rows: maps.Clone(s.rows), Users: s.users, Statistics: stats, Days: []Day{}, PerUser: []Range{},
		Values: []Numbers{}, Missing: []Gap{}, Attributes: []Numbers{}, Names: []Names{},
		Price: numbers("price", &s.fit.price), Category: namesOf("category", &s.fit.category, stats.Category, true)}
	for _, d := range slices.Sorted(maps.Keys(s.days)) {
		out.Days = append(out.Days, Day{time.UnixMilli(d * day).UTC().Format(time.DateOnly), *s.days[d]})
	}
	for i, p := range s.perUser {
		if p != (Pair{}) {
			out.PerUser = append(out.PerUser, Range{1<<max(0, i-1) + min(i, 1), 1 << i, p})
		}
	}
	out.Types = pairs(s.types)
	for _, kind := range slices.Sorted(maps.Keys(s.fit.values)) {
		if d := s.fit.values[kind]; d.n > 0 {
			out.Values = append(out.Values, numbers(kind, d))
		}
	}
	for stars, name := range [...]string{"none", "1", "2", "3", "4", "5"} {
		out.Ratings = append(out.Ratings, NamedPair{name, s.ratings[stars]})
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.gaps), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		out.Missing = append(out.Missing, *s.gaps[key])
	}
	for _, name := range slices.Sorted(maps.Keys(s.fit.attributes)) {
		out.attribute(name, s.fit.attributes[name], stats.Attributes[name], s.fit.users)
	}
	out.Steps = s.steps(stats)
	return out
}

func (out *Survey) attribute(name string, a *attributeFit, stats Attribute, users int64) {
	gap := Gap{Table: "users", Field: name, Rows: users}
	switch stats.Kind {
	case KindNumber:
		n := numbers(name, &a.numbers)
		n.Numeric = *stats.Numeric
		out.Attributes = append(out.Attributes, n)
		gap.Missing, gap.Filled = stats.Numeric.Missing, stats.Numeric.Missing
	case KindList:
		out.Names = append(out.Names, namesOf(name, &a.items, *stats.Categorical, false))
		gap.Missing = stats.Categorical.Missing
	default:
		out.Names = append(out.Names, namesOf(name, &a.names, *stats.Categorical, true))
		gap.Missing, gap.Filled = stats.Categorical.Missing, stats.Categorical.Missing
	}
	out.Missing = append(out.Missing, gap)
}
