package serve

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"weft/client"
)

// ErrContext reports a context that cannot be read.
var ErrContext = errors.New("context cannot be read")

// maxContextBytes bounds the text of a context, and maxFieldBytes each field.
const (
	maxContextBytes = 2000
	maxFieldBytes   = 100
)

// ParseContext reads a context: an object with the fields of client.Context, or any
// other text as it is. Errors: ErrContext, naming the field.
func ParseContext(text string) (client.Context, error) {
	var c client.Context
	if len(text) > 2*maxContextBytes {
		return c, fmt.Errorf("%w: %d bytes, the limit is %d", ErrContext, len(text), 2*maxContextBytes)
	}
	if text = strings.TrimSpace(text); !strings.HasPrefix(text, "{") {
		c.Text = text
		return c, CheckContext(c)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%w: %w; the fields are text, place, weather, season, hour (0 to 23) and device", ErrContext, err)
	}
	if d.More() {
		return c, fmt.Errorf("%w: more follows the object", ErrContext)
	}
	return c, CheckContext(c)
}

// CheckContext names the first field that is out of bounds.
func CheckContext(c client.Context) error {
	if len(c.Text) > maxContextBytes {
		return fmt.Errorf("%w: text has %d bytes, the limit is %d", ErrContext, len(c.Text), maxContextBytes)
	}
	for _, f := range fieldsOf(c) {
		if len(f.value) > maxFieldBytes {
			return fmt.Errorf("%w: %s has %d bytes, the limit is %d", ErrContext, f.name, len(f.value), maxFieldBytes)
		}
		if !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, unicode.IsControl) {
			return fmt.Errorf("%w: %s is %q, want text", ErrContext, f.name, f.value)
		}
	}
	if !utf8.ValidString(c.Text) || strings.ContainsFunc(c.Text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return fmt.Errorf("%w: text is not UTF-8, or holds control characters", ErrContext)
	}
	if c.Hour != nil && (*c.Hour < 0 || *c.Hour > 23) {
		return fmt.Errorf("%w: hour is %d, want 0 to 23", ErrContext, *c.Hour)
	}
	return nil
}

type contextField struct{ name, value string }

// fieldsOf are the fields that are stated, the hour as the part of the day.
func fieldsOf(c client.Context) (fields []contextField) {
	for _, f := range []contextField{{"place", c.Place}, {"weather", c.Weather}, {"season", c.Season}, {"daytime", daytime(c.Hour)}, {"device", c.Device}} {
		if f.value = strings.TrimSpace(f.value); f.value != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

func daytime(hour *int) string {
	switch {
	case hour == nil:
		return ""
	case *hour >= 5 && *hour < 11:
		return "morning"
	case *hour >= 11 && *hour < 17:
		return "day"
	case *hour >= 17 && *hour < 22:
		return "evening"
	}
	return "night"
}

// statedText is a context as a text encoder reads it, fields as in a listing. A device
// says nothing of products that an encoder would know.
func statedText(c client.Context) string {
	var said []string
	if t := strings.Join(strings.Fields(c.Text), " "); t != "" {
		said = append(said, strings.TrimRight(t, ".")+".")
	}
	for _, f := range fieldsOf(c) {
		if f.name != "device" {
			said = append(said, f.name+": "+f.value+".")
		}
	}
	return strings.Join(said, " ")
}

// statedFields are the fields as they are told.
func statedFields(c client.Context) map[string]string {
	fields := map[string]string{}
	for _, f := range fieldsOf(c) {
		fields[f.name] = f.value
	}
	if c.Hour != nil {
		fields["hour"] = strconv.Itoa(*c.Hour)
	}
	return fields
}

// kin are words for what people wear and use at an occasion, beside the word itself: a
// start in English that needs no data. A shop that states season, weather or daytime
// as an attribute is matched by that in any language.
var kin = map[string][]string{
	"winter":  {"coat", "wool", "woolen", "knit", "knitted", "scarf", "gloves", "boots", "fleece", "thermal", "parka", "down", "christmas", "snow"},
	"spring":  {"light", "trench", "floral", "raincoat", "easter", "cardigan"},
	"summer":  {"linen", "shorts", "sandal", "sandals", "swim", "swimsuit", "bikini", "sun", "beach", "sleeveless", "picnic"},
	"autumn":  {"jacket", "boots", "cardigan", "corduroy", "tweed", "sweater", "halloween"},
	"fall":    {"jacket", "boots", "cardigan", "corduroy", "tweed", "sweater", "autumn", "halloween"},
	"rain":    {"raincoat", "umbrella", "waterproof", "wellington", "boots", "rubber"},
	"rainy":   {"rain", "raincoat", "umbrella", "waterproof", "wellington", "boots", "rubber"},
	"snow":    {"boots", "thermal", "wool", "gloves", "parka", "winter"},
	"cold":    {"wool", "thermal", "fleece", "scarf", "gloves", "knit", "coat", "winter"},
	"hot":     {"linen", "shorts", "sleeveless", "sandals", "fan", "summer"},
	"sun":     {"sunglasses", "hat", "parasol", "linen", "summer"},
	"sunny":   {"sun", "sunglasses", "hat", "parasol", "linen", "summer"},
	"wind":    {"windproof", "windbreaker", "jacket"},
	"windy":   {"windproof", "windbreaker", "jacket"},
	"morning": {"breakfast", "running", "coffee"},
	"evening": {"party", "cocktail", "dress", "candle", "dinner"},
	"night":   {"pyjama", "pyjamas", "pajama", "pajamas", "sleep", "bed", "lamp"},
	"beach":   {"swim", "swimsuit", "bikini", "sandals", "towel", "sun"},
}

// filler are words that fit every product and so none.
var filler = map[string]bool{"the": true, "and": true, "for": true, "with": true, "from": true, "this": true, "that": true, "into": true, "are": true, "was": true,
	"its": true, "our": true, "your": true, "day": true, "very": true, "some": true, "has": true, "have": true, "today": true}

// occasion is what a context says in words. Each aspect is one field or the text.
type occasion struct {
	aspects []map[string]bool
	all     []string
}

// newOccasion takes the words of the fields, and of the text those with kin, or all
// where no encoder reads it.
func newOccasion(c client.Context, encoded bool) (o occasion) {
	aspect := func(texts []string, kinOnly bool) {
		words := map[string]bool{}
		for _, text := range texts {
			for _, w := range wordsOf(text) {
				if filler[w] || utf8.RuneCountInString(w) < 3 || kinOnly && kin[w] == nil {
					continue
				}
				words[w] = true
				for _, k := range kin[w] {
					words[k] = true
				}
			}
		}
		if len(words) > 0 {
			o.aspects = append(o.aspects, words)
		}
	}
	for _, f := range fieldsOf(c) {
		aspect([]string{f.value}, false)
	}
	aspect([]string{c.Text}, encoded)
	for _, words := range o.aspects {
		for w := range words {
			o.all = append(o.all, w)
		}
	}
	slices.SortFunc(o.all, cmp.Compare[string])
	o.all = slices.Compact(o.all)
	return o
}

// wordsOf are the words of a text in lower case.
func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// fit is which part of the aspects a product meets, 0 to 1.
func (o *occasion) fit(e *Entry) float64 {
	words := entryWords(e)
	met := 0
	for _, aspect := range o.aspects {
		if slices.ContainsFunc(words, func(w string) bool { return aspect[w] }) {
			met++
		}
	}
	return float64(met) / float64(len(o.aspects))
}

// found are the words that a product meets the context by.
func (o *occasion) found(e *Entry) (found []string) {
	for _, w := range entryWords(e) {
		if _, known := slices.BinarySearch(o.all, w); known && !slices.Contains(found, w) {
			found = append(found, w)
		}
	}
	return found
}

// entryWords are the words of a product's title, category and facts.
func entryWords(e *Entry) []string {
	words := append(wordsOf(e.Title), wordsOf(e.Category)...)
	for i := range e.Facts {
		words = append(words, wordsOf(e.Facts[i].Value)...)
	}
	return words
}
