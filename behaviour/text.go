package behaviour

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Lengths of texts, in characters. What is longer is cut: the beginning says most.
const (
	MaxTitle = 500
	MaxText  = 20_000
	MaxQuery = 1_000
	// MaxValue bounds one text inside attributes or context.
	MaxValue = 5_000
)

// scrub normalises text: NFC; control characters and other invisible ones that are
// not part of writing go, except line breaks and tabs, which become themselves and
// a blank; no more than max characters. changed tells whether it had anything to do.
func scrub(s string, max int) (clean string, changed bool) {
	if isPlain(s) && len(s) <= max {
		return s, false
	}
	normal := norm.NFC.String(s)
	b := make([]byte, 0, len(normal))
	count := 0
	for _, r := range normal {
		switch {
		case r == '\t':
			r = ' '
		case r == '\n':
		case unicode.IsControl(r) || r == utf8.RuneError || r == '\uFEFF' || invisible(r):
			continue
		}
		if count == max {
			break
		}
		b = utf8.AppendRune(b, r)
		count++
	}
	return string(b), string(b) != s
}

// invisible tells the characters that reorder text without being seen.
func invisible(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// isPlain tells text that is in order as it is: printable ASCII and line breaks.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < ' ' && c != '\n') || c > '~' {
			return false
		}
	}
	return true
}

// scrubAll scrubs every text inside a JSON value, names too.
func scrubAll(v any) (any, bool) {
	changed := false
	switch v := v.(type) {
	case string:
		return scrub(v, MaxValue)
	case []any:
		for i := range v {
			clean, did := scrubAll(v[i])
			v[i], changed = clean, changed || did
		}
	case map[string]any:
		for name, value := range v {
			clean, did := scrubAll(value)
			v[name], changed = clean, changed || did
			if key, did := scrub(name, MaxTitle); did {
				delete(v, name)
				v[key], changed = clean, true
			}
		}
	}
	return v, changed
}

// scrubbing gathers whether any of a row's texts was changed.
type scrubbing struct{ changed bool }

func (s *scrubbing) text(v string, max int) string {
	clean, did := scrub(v, max)
	s.changed = s.changed || did
	return clean
}

func (s *scrubbing) object(v map[string]any) map[string]any {
	clean, did := scrubAll(v)
	s.changed = s.changed || did
	return clean.(map[string]any)
}
