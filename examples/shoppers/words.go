package shoppers

import (
	"math/rand/v2"
	"strings"
)

// words writes a review that says what its rating says, and names what it is about.
func words(rng *rand.Rand, p Product, rating int) (title, text string) {
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	titles := [][]string{
		{"Would not buy again", "Disappointed", "Sent it back in my mind"},
		{"Not quite", "Below what I hoped for", "Meh"},
		{"It is all right", "Does its job", "Neither here nor there"},
		{"Good buy", "Quite happy", "Nearly perfect"},
		{"Love it", "Exactly what I wanted", "Wear it all the time"},
	}
	openings := [][]string{
		{"The seams came undone after two washes.", "Looks nothing like the photo.", "The cloth is thin and scratchy."},
		{"The cut is odd at the shoulders.", "Runs a size small.", "The colour faded sooner than it should."},
		{"Fine for the price.", "The fit is average.", "Nothing to complain of, nothing to praise."},
		{"Comfortable and well made.", "The fit is good.", "Holds its shape after washing."},
		{"The quality is excellent.", "Fits as if made for me.", "I get asked where it is from."},
	}
	about := "For an item of this kind I expected as much."
	if p.Category != "" {
		thing := strings.ToLower(strings.TrimSpace(p.Colour + " " + p.Category))
		about = pick([]string{
			"I was looking for " + thing + ".", "My first of the " + thing + " here.", "There are many " + thing + "; this one I tried.",
		})
	}
	return pick(titles[rating-1]), pick(openings[rating-1]) + " " + about
}
