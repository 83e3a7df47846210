package profile

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Errors of this package, for errors.Is.
var (
	ErrConfig  = errors.New("bad profile configuration")
	ErrExample = errors.New("example does not fit") // sizes differ, or a user has no name
	ErrNothing = errors.New("nothing to learn a profile from")
	ErrFile    = errors.New("not a profile model that fits")
)

// Example is a shopper as the profile model sees it.
type Example struct {
	User     string
	Vector   []float32           // the user vector; its length is the same for all
	Features []float32           // behaviour features, see Behaviour.Features; their number is the same for all
	Labels   map[string][]string // by head: one value, or any number of tags (an empty list: none). A head left out is not known
	Consent  bool                // to profiling. Without it, which is also how it begins, the example is never looked at
}

// Counts says what became of the examples given.
type Counts struct {
	Given     int `json:"given"`
	NoConsent int `json:"no_consent"` // refused unread
	NotFinite int `json:"not_finite"` // refused: NaN or infinity in the vector or the features
	Repeated  int `json:"repeated"`   // refused: the user has come before, and would be on both sides of a split
	Left      int `json:"left"`       // not needed: beyond Config.MaxExamples
	Used      int `json:"used"`
}

// usable picks the examples that may and can be used. Those without consent are passed over before anything else of
// them is read.
func usable(examples []Example, vector, features int) ([]Example, Counts, error) {
	counts := Counts{Given: len(examples)}
	seen := make(map[string]bool, len(examples))
	var list []Example
	for i, e := range examples {
		if !e.Consent {
			counts.NoConsent++
			continue
		}
		switch {
		case e.User == "":
			return nil, counts, fmt.Errorf("%w: example %d has no user", ErrExample, i)
		case len(e.Vector) != vector || len(e.Features) != features:
			return nil, counts, fmt.Errorf("%w: user %q has %d values in its vector and %d features, want %d and %d",
				ErrExample, e.User, len(e.Vector), len(e.Features), vector, features)
		case seen[e.User]:
			counts.Repeated++
		case !finite(e.Vector) || !finite(e.Features):
			counts.NotFinite++
		default:
			seen[e.User] = true
			list = append(list, e)
		}
	}
	counts.Used = len(list)
	return list, counts, nil
}

func finite(values []float32) bool {
	return !slices.ContainsFunc(values, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) })
}

// Split keeps a share of the users for testing, chosen by a digest of seed and user: the same users whatever else is in
// the list, and whenever it is asked. Share is from 0 to 1.
func Split(examples []Example, seed uint64, share float64) (train, test []Example) {
	for _, e := range examples {
		if place(seed, "test", e.User) < share {
			test = append(test, e)
		} else {
			train = append(train, e)
		}
	}
	return train, test
}

// place is a number from 0 to 1 that belongs to a user for one purpose.
func place(seed uint64, purpose, user string) float64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	sum := sha256.Sum256([]byte(string(b[:]) + purpose + "\x00" + user))
	return float64(binary.LittleEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// sampled keeps at most n examples, those of the least place, in their order.
func sampled(examples []Example, n int, seed uint64) []Example {
	if len(examples) <= n {
		return examples
	}
	places := make([]float64, len(examples))
	for i, e := range examples {
		places[i] = place(seed, "sample", e.User)
	}
	sorted := slices.Sorted(slices.Values(places))
	var kept []Example
	for i, e := range examples {
		if places[i] < sorted[n] {
			kept = append(kept, e)
		}
	}
	return kept
}

// checkName refuses names that cannot name a head: they become names of outputs in the model's graph.
func checkName(name string) error {
	ok := name != "" && len(name) <= 64 && name != "vector" && name != "features" && !strings.HasPrefix(name, "w.") &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.", r))
		})
	if !ok {
		return fmt.Errorf("%w: head %q: a name has 1 to 64 of A-Z a-z 0-9 _ - . and is not vector, features or w.…", ErrConfig, name)
	}
	return nil
}
