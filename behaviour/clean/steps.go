package clean

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// Effect is what a step does with the rows or values it finds.
type Effect string

// The effects.
const (
	LeftOut  Effect = "left out" // of what is computed; stored they remain
	Reported Effect = "reported" // and kept as they are
	Changed  Effect = "changed"  // and marked
	Filled   Effect = "filled"   // and marked as imputed
)

// Step is one thing that is done with many rows.
type Step struct {
	Name   string `json:"name"`
	Table  string `json:"table"` // events, reviews, users or products
	Rule   string `json:"rule"`  // in a sentence
	Unit   string `json:"unit"`  // what is counted: rows or values
	Effect Effect `json:"effect"`
}

// StepCount is what a step did. Of Given rows or values it Found some; Out go on to
// the next step.
type StepCount struct {
	Step
	Given int64 `json:"given"`
	Found int64 `json:"found"`
	Out   int64 `json:"out"`
}

// The steps by their place in Steps.
const (
	bots = iota
	rates
	repeatedEvents
	unknownProducts
	noNumbers
	valueOutliers
	repeatedReviews
	unknownReviewed
	noRatings
	consent
	unreadable
	missingAttributes
	attributeOutliers
	rareNames
	normalised
	priceOutliers
	rareCategories
	stepCount
)

// Steps are all steps over many rows, in order. What is checked of each row by
// itself, on its way in, is in package behaviour.
func Steps() []Step {
	fences := fmt.Sprintf("more than %d quartile distances outside the quartiles (of the logarithms, where values are positive and lean to the right)", Fence)
	return []Step{
		bots: {"bots", "events", fmt.Sprintf("A user with more than %s events is a bot: none of its events counts, and it gets no vector.", humanize.Comma(MostRows)), "rows", LeftOut},
		rates: {"impossible rates", "events", fmt.Sprintf("Events at more than %d different moments of one second, or %s of one hour, did not come from a hand. Purchases and returns are exempt: they come as baskets.",
			MostPerSecond, humanize.Comma(MostPerHour)), "rows", LeftOut},
		repeatedEvents:    {"repeated events", "events", "Rows that equal another in all but their id. In some shops they are real (two lines of one receipt), so they are kept.", "rows", Reported},
		unknownProducts:   {"unknown products", "events", "Events about a product that the catalogue does not hold: kept, and used once it does.", "rows", Reported},
		noNumbers:         {"values that are no number", "events", "What is infinite or not a number becomes missing. Missing values of events stay missing.", "values", Changed},
		valueOutliers:     {"outlying values", "events", "Values of one event type " + fences + " are put onto that fence.", "values", Changed},
		repeatedReviews:   {"repeated reviews", "reviews", "Reviews by one user of one product with the same words.", "rows", Reported},
		unknownReviewed:   {"reviews of unknown products", "reviews", "Kept, and used once the catalogue holds the product.", "rows", Reported},
		noRatings:         {"reviews without a rating", "reviews", "A rating that is missing or outside 1 to 5 stays missing: what somebody thought is not made up.", "rows", Reported},
		consent:           {"no consent", "users", "Users who refuse profiling take no part in statistics, and have no vector and no profile.", "rows", LeftOut},
		unreadable:        {"unreadable attributes", "users", "Attributes that are no JSON object count as not given.", "rows", Reported},
		missingAttributes: {"missing attributes", "users", "A missing number becomes the median, a missing name “" + Unknown + "”; a missing list stays empty. A value of another kind than nine in ten users have counts as missing.", "values", Filled},
		attributeOutliers: {"outlying attributes", "users", "Numbers " + fences + " are put onto that fence.", "values", Changed},
		rareNames: {"rare names", "users", fmt.Sprintf("A name that fewer than %d users or %.1f %% of them have, or that is not among the %d most frequent, becomes “%s”.",
			RareRows, 100*RarePart, MostValues, Other), "values", Changed},
		normalised:     {"normalised numbers", "users", "(value − mean) / standard deviation, both of values within the fences and stored with their date and rows.", "values", Changed},
		priceOutliers:  {"outlying prices", "products", "Prices " + fences + " are put onto that fence for models; what is shown is the price as given.", "values", Changed},
		rareCategories: {"rare categories", "products", "By the same rule as rare names.", "values", Changed},
	}
}
