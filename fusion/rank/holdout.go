package rank

import (
	"cmp"
	"slices"

	"weft/fusion/dataset"
)

// Names of the slices of Holdout.
const (
	All       = "all"         // users with a history: those whom a model can know
	Everyone  = "everyone"    // all users with a target
	ColdUsers = "cold users"  // users without one
	ColdItems = "cold items"  // targets that nobody had, ranked among their like
	ColdInAll = "cold in all" // the same targets, ranked among all items: do they reach real lists?
	HeadItems = "head items"  // targets among the few items that hold half of the history
	TailItems = "tail items"  // the other targets that somebody had
)

// Holdout is the usual protocol: what was taken in history is known and masked, targets are to be found.
func Holdout(history, targets []dataset.Interaction, users, items int) Protocol {
	p := Protocol{Items: items, Seen: dataset.Taken(history, users), Targets: dataset.Taken(targets, users)}
	warm, cold := make([]bool, users), make([]bool, users)
	for user, own := range dataset.ByUser(history, users) {
		warm[user], cold[user] = len(own) > 0, len(own) == 0
	}
	counts := dataset.Counts(history, items)
	coldItem, head, tail := make([]bool, items), make([]bool, items), make([]bool, items)
	order := make([]int, items)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	covered := 0
	for _, item := range order {
		switch {
		case counts[item] == 0:
			coldItem[item] = true
		case 2*covered < len(history):
			head[item] = true
		default:
			tail[item] = true
		}
		covered += counts[item]
	}
	p.Slices = []Slice{
		{Name: All, Users: warm},
		{Name: Everyone},
		{Name: ColdUsers, Users: cold},
		{Name: ColdItems, Users: warm, Targets: coldItem, Candidates: coldItem},
		{Name: ColdInAll, Users: warm, Targets: coldItem},
		{Name: HeadItems, Users: warm, Targets: head},
		{Name: TailItems, Users: warm, Targets: tail},
	}
	return p
}

// Descriptions says what each slice of Holdout holds, for reports.
func Descriptions() map[string]string {
	return map[string]string{
		All:       "users with at least one interaction in the history",
		Everyone:  "all users with a target; those without a history get what the model gives the unknown, by default popularity",
		ColdUsers: "users without any interaction in the history",
		ColdItems: "targets that nobody had in the history, ranked among such items only",
		ColdInAll: "targets that nobody had in the history, ranked among all items",
		HeadItems: "targets among the fewest items that hold half of the history",
		TailItems: "targets that somebody had, outside the head",
	}
}
