package behaviour

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"weft/tasks"
)

// Fault says why a row is refused: which field, what it held, what would do.
type Fault struct {
	Reason tasks.Reason
	Field  string // "" for the whole row
	Value  string // as it came, cut to maxShown bytes
	Want   string // what to do about it
}

// maxShown bounds a value in a message.
const maxShown = 120

// Error tells all of it in one line.
func (f *Fault) Error() string {
	if f.Field == "" {
		return f.Want
	}
	if f.Value == "" {
		return fmt.Sprintf("field %q: %s", f.Field, f.Want)
	}
	return fmt.Sprintf("field %q is %s: %s", f.Field, f.Value, f.Want)
}

func fault(reason tasks.Reason, field, value, want string) *Fault {
	return &Fault{Reason: reason, Field: field, Value: clip(value, maxShown), Want: want}
}

// clip cuts s to at most max bytes of valid text.
func clip(s string, max int) string {
	if len(s) > max {
		cut := max
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
