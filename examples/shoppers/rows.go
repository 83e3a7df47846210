package shoppers

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// User is a row of users.jsonl: what the shop was told, which may be less than the truth.
type User struct {
	ID         string     `json:"id"`
	Attributes Attributes `json:"attributes"`
	Consent    Consent    `json:"consent"`
}

// Attributes are those of a user that the shop knows; what is missing is left out of the row.
type Attributes struct {
	Age       int      `json:"age,omitempty"` // whole years
	Gender    string   `json:"gender,omitempty"`
	City      string   `json:"city,omitempty"`
	Interests []string `json:"interests,omitempty"`
}

// Consent says what a user allows.
type Consent struct {
	Profiling bool `json:"profiling"`
}

// Event is a row of events.jsonl.
type Event struct {
	ID         string    `json:"id"`
	User       string    `json:"user"`
	Product    string    `json:"product,omitempty"`
	Type       string    `json:"type"` // view, click, cart, purchase, return, wishlist, dislike, share, search, follow
	Time       time.Time `json:"time"` // UTC, whole seconds
	Value      float64   `json:"value,omitempty"`
	Query      string    `json:"query,omitempty"`       // of a search
	TargetUser string    `json:"target_user,omitempty"` // of a follow
	Context    Context   `json:"context"`
}

// Context is what an event carries beside itself.
type Context struct {
	Simulated bool   `json:"simulated"` // always true
	Session   string `json:"session,omitempty"`
	Device    string `json:"device,omitempty"`
}

// Review is a row of reviews.jsonl.
type Review struct {
	ID        string    `json:"id"`
	User      string    `json:"user"`
	Product   string    `json:"product"`
	Rating    int       `json:"rating"` // 1 to 5
	Title     string    `json:"title"`
	Text      string    `json:"text"`
	Time      time.Time `json:"time"`
	Helpful   int       `json:"helpful"` // votes
	Simulated bool      `json:"simulated"`
}

// Truth is all that decides what a simulated shopper does: for tests and reports, never for import.
type Truth struct {
	User       string             `json:"user"`
	Gender     string             `json:"gender"`
	Age        int                `json:"age"`
	AgeBand    string             `json:"age_band"`
	City       string             `json:"city"`
	Interests  []string           `json:"interests"` // sorted
	PriceLevel string             `json:"price_level"`
	Archetype  int                `json:"archetype"`
	Activity   string             `json:"activity"`
	Cold       bool               `json:"cold"` // came just before the end of the observed part
	Consent    bool               `json:"consent"`
	Categories map[string]float64 `json:"categories"` // share of each category among the products it considers
	Colours    map[string]float64 `json:"colours"`    // the same by colour family
}

// names of the files that Write makes.
const (
	UsersFile   = "users.jsonl"
	EventsFile  = "events.jsonl"
	ReviewsFile = "reviews.jsonl"
	TruthFile   = "truth.jsonl"
	FutureFile  = "future.jsonl"
)

// Write puts the rows to import into rows/users.jsonl, rows/events.jsonl and rows/reviews.jsonl below dir, and what is
// kept from the shop into hidden/truth.jsonl and hidden/future.jsonl (events after the cut). Files that are there
// already are replaced.
func (s *Simulation) Write(dir string) error {
	return firstError(
		writeFile(filepath.Join(dir, "rows", UsersFile), s.Users),
		writeFile(filepath.Join(dir, "rows", EventsFile), s.Events),
		writeFile(filepath.Join(dir, "rows", ReviewsFile), s.Reviews),
		writeFile(filepath.Join(dir, "hidden", TruthFile), s.Truth),
		writeFile(filepath.Join(dir, "hidden", FutureFile), s.Future),
	)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func writeFile[T any](path string, rows []T) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("simulated rows: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("simulated rows: %w", err)
	}
	err = WriteJSONL(f, rows)
	if closing := f.Close(); err == nil && closing != nil {
		err = fmt.Errorf("%s: %w", path, closing)
	}
	return err
}

// WriteJSONL writes one row a line.
func WriteJSONL[T any](w io.Writer, rows []T) error {
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(buffered)
	enc.SetEscapeHTML(false)
	for i, row := range rows {
		if err := enc.Encode(row); err != nil {
			return fmt.Errorf("row %d of %d: %w", i+1, len(rows), err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("%d rows: %w", len(rows), err)
	}
	return nil
}
