package serve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weft/client"
)

// verbs say what an event is, of one who did it.
var verbs = map[string]string{"purchase": "bought", "cart": "put in the cart", "wishlist": "wished for", "share": "shared", "click": "clicked on", "view": "looked at"}

// sentence says an explanation in plain words.
func sentence(e client.Explanation) string {
	name := called(e.Title, e.Product)
	if e.Road == client.RoadPopular {
		if e.Score == 0 {
			return fmt.Sprintf("%s has no vector yet, and nobody has done anything with %s: nothing speaks for it but that it is there.", e.User, name)
		}
		return fmt.Sprintf("%s has no vector yet, so %s stands where it is popular: as many shoppers chose it as %.0f %% of those of the most popular product.", e.User, name, 100*e.Score)
	}
	because := "what is known of " + e.User
	if len(e.Evidence) > 0 {
		because = reason(e.User, e.Evidence[0])
	}
	return fmt.Sprintf("%s scores %.2f for %s, above all for %s; %s.", name, e.Score, e.User, because, strongest(e.Shares))
}

func called(title, id string) string {
	if title == "" {
		return id
	}
	return "“" + title + "”"
}

// reason names one piece of evidence.
func reason(user string, e client.ExplanationEvidence) string {
	about := called(e.Title, e.Product)
	verb := cmp.Or(verbs[e.Type], "did "+e.Type+" with")
	day, _, _ := strings.Cut(e.Time, "T")
	switch e.Kind {
	case "follow":
		return fmt.Sprintf("%s, whom %s follows, %s %s", e.Followed, user, verb, about) + on(day)
	case "review":
		return fmt.Sprintf("what %s wrote of %s", user, about) + on(day)
	case "attributes":
		return "what " + user + " has stated"
	case "photo":
		return "its photo " + e.ID[strings.LastIndexByte(e.ID, '/')+1:]
	case "listing":
		return "what its listing says"
	case "product_review":
		return "what a review says of it"
	}
	if e.Query != "" {
		return fmt.Sprintf("that %s searched for “%.60s”", user, e.Query) + on(day)
	}
	return fmt.Sprintf("that %s %s %s", user, verb, about) + on(day)
}

func on(day string) string {
	if day == "" {
		return ""
	}
	return " on " + day
}

// strongest names the sources that speak for the product, with their part of all that
// does.
func strongest(s client.Shares) string {
	type named struct {
		name  string
		share float64
	}
	all := []named{{"photos", s.Photo}, {"listings", s.Text}, {"reviews", s.Reviews}, {"what was done", s.Behaviour}, {"popularity", s.Popularity}, {"those followed", s.Social}}
	sum := 0.0
	for _, n := range all {
		sum += max(0, n.share)
	}
	slices.SortStableFunc(all, func(a, b named) int { return cmp.Compare(b.share, a.share) })
	var said []string
	for _, n := range all[:3] {
		if n.share > 0.005*sum && n.share > 0 {
			said = append(said, fmt.Sprintf("%s %.0f %%", n.name, 100*n.share/sum))
		}
	}
	if len(said) == 0 {
		return "nothing speaks for it"
	}
	return "of what speaks for it, " + strings.Join(said, ", ")
}
