package behaviour

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"weft/tasks"
)

// RawRow is a row as it came.
type RawRow struct {
	Line  int    // in its file or request, from 1
	JSON  []byte // the text; of a row that could not be read, what there is of it
	Fault *Fault // why it could not be read, or nil
}

// Origin is where rows came from: it names rows without an id, and dates those
// without a time.
type Origin struct {
	Source string    // a file's name, or "http"
	File   string    // digest of the file's content; "": no file
	At     time.Time // when the file was last written, or the request came
	Now    time.Time
}

// rowID identifies a row that brings no id: by its place in its file, or by content.
func (o Origin) rowID(line int, digest string) string {
	if o.File != "" {
		return "f" + o.File + "." + strconv.Itoa(line)
	}
	return "c" + digest
}

// FieldTime in Imputed: the row came without a time.
const FieldTime = "time"

// knownTypes are the event types that weft weighs, with what they cannot be without.
var knownTypes = map[string]string{
	View: "product", Click: "product", Cart: "product", Purchase: "product", Return: "product", Wishlist: "product",
	Dislike: "product", Share: "product", Search: "query", Follow: "target_user",
}

// maxValue bounds the value of an event: beyond, it is no price.
const maxValue = 1e12

// ParseEvent does the steps size to text of an event, and counts them.
func ParseEvent(raw RawRow, o Origin, t *Tally) (Event, *Fault) {
	f, bad := open(raw, MaxRowBytes, t)
	if bad != nil {
		return Event{}, bad
	}
	e := Event{
		ID: f.text("id"), User: f.needed("user", "say who did it"), Product: f.text("product"), Type: f.needed("type", "say what was done: view, click, cart, purchase, …"),
		Query: f.text("query"), TargetUser: f.text("target_user"), Value: f.number("value"), Source: o.Source,
	}
	at, context, attributes := f.take("time"), f.object("context"), f.object("attributes")
	attributes = f.rest(attributes)
	kind := strings.ToLower(strings.TrimSpace(e.Type))
	needs, known := knownTypes[kind]
	if missing := map[string]string{"product": e.Product, "query": e.Query, "target_user": e.TargetUser}; known && missing[needs] == "" {
		f.fail(needs, nil, "missing: an event of type "+kind+" needs it")
	}
	if f.fault != nil {
		return e, refused(t, StepSchema, f.fault)
	}
	if bad := checkIDs("id", e.ID, "user", e.User, "product", e.Product, "target_user", e.TargetUser); bad != nil {
		return e, refused(t, StepID, bad)
	}
	if !known && tasks.CheckID("type", e.Type) != nil {
		return e, refused(t, StepID, fault(tasks.ReasonBadID, "type", strconv.Quote(clip(e.Type, maxShown)),
			"want a known type, or a name of your own of A-Z, a-z, 0-9, '_', '.', ':' and '-', at most 128"))
	}
	ms, given, bad := millis(at, o.Now)
	if bad != nil {
		return e, refused(t, StepTime, bad)
	}
	e.Time = ms
	if !given {
		e.Time, e.Imputed = imputedTime(o.At, o.Now), []string{FieldTime}
		t.change(StepTime)
	}
	if v := e.Value; v != nil {
		if *v > maxValue || *v < -maxValue {
			return e, refused(t, StepRange, fault(tasks.ReasonBadField, "value", strconv.FormatFloat(*v, 'g', -1, 64), "want a number within ±1e12"))
		}
		if *v < 0 && (kind == Purchase || kind == Return) { // what went back to the shop
			positive := -*v
			e.Value, kind = &positive, Return
			t.change(StepRange)
		}
	}
	var s scrubbing
	if known {
		s.changed = e.Type != strings.ToLower(strings.TrimSpace(e.Type))
		e.Type = kind
	}
	e.Query = s.text(e.Query, MaxQuery)
	if e.Context, bad = objectText("context", s.object(context)); bad != nil {
		return e, refused(t, StepText, bad)
	}
	if e.Attributes, bad = objectText("attributes", s.object(attributes)); bad != nil {
		return e, refused(t, StepText, bad)
	}
	if s.changed {
		t.change(StepText)
	}
	e.Digest = digest(e.User, e.Product, e.Type, givenTime(e.Time, given), decimal(e.Value), e.Query, e.TargetUser, e.Context, e.Attributes)
	if e.ID == "" {
		e.ID = o.rowID(raw.Line, e.Digest)
		t.change(StepID)
	}
	e.Key = RowKey(tasks.UserID(e.User), e.ID)
	return e, nil
}

// ParseReview does the steps size to text of a review, and counts them.
func ParseReview(raw RawRow, o Origin, t *Tally) (Review, *Fault) {
	f, bad := open(raw, MaxRowBytes, t)
	if bad != nil {
		return Review{}, bad
	}
	r := Review{
		ID: f.text("id"), User: f.needed("user", "say who wrote it"), Product: f.needed("product", "say what it is about"),
		Rating: f.number("rating"), Title: f.text("title"), Text: f.text("text"), Source: o.Source,
	}
	at, helpful, attributes := f.take("time"), f.number("helpful"), f.object("attributes")
	attributes = f.rest(attributes)
	if r.Rating == nil && r.Title == "" && r.Text == "" {
		f.fail("rating", nil, "missing, and there is no text either: a review says one or the other")
	}
	if f.fault != nil {
		return r, refused(t, StepSchema, f.fault)
	}
	if bad := checkIDs("id", r.ID, "user", r.User, "product", r.Product); bad != nil {
		return r, refused(t, StepID, bad)
	}
	ms, given, bad := millis(at, o.Now)
	if bad != nil {
		return r, refused(t, StepTime, bad)
	}
	r.Time = ms
	if !given {
		r.Time, r.Imputed = imputedTime(o.At, o.Now), []string{FieldTime}
		t.change(StepTime)
	}
	if v := r.Rating; v != nil && (*v < 1 || *v > 5) {
		return r, refused(t, StepRange, fault(tasks.ReasonBadField, "rating", decimal(v), "want 1 to 5; leave it out where there is none"))
	}
	if v := helpful; v != nil {
		if *v < 0 || *v > 1e9 || *v != float64(int64(*v)) {
			return r, refused(t, StepRange, fault(tasks.ReasonBadField, "helpful", decimal(v), "want a whole number of votes, at least 0"))
		}
		r.Helpful = int64(*v)
	}
	var s scrubbing
	r.Title, r.Text = s.text(r.Title, MaxTitle), s.text(r.Text, MaxText)
	if r.Attributes, bad = objectText("attributes", s.object(attributes)); bad != nil {
		return r, refused(t, StepText, bad)
	}
	if s.changed {
		t.change(StepText)
	}
	r.Digest = digest(r.User, r.Product, decimal(r.Rating), r.Title, r.Text, givenTime(r.Time, given), strconv.FormatInt(r.Helpful, 10), r.Attributes)
	if r.ID == "" {
		r.ID = o.rowID(raw.Line, r.Digest)
		t.change(StepID)
	}
	r.Key = RowKey(tasks.UserID(r.User), r.ID)
	return r, nil
}

// The consent of a user, in User.Profiling.
const (
	ProfilingYes = "yes"
	ProfilingNo  = "no"
)

// ParseUser does the steps size to text of a user, and counts them.
func ParseUser(raw RawRow, o Origin, t *Tally) (User, *Fault) {
	f, bad := open(raw, MaxRowBytes, t)
	if bad != nil {
		return User{}, bad
	}
	u := User{ID: f.needed("id", "say which user"), Source: o.Source}
	at, consent, attributes := f.take("time"), f.object("consent"), f.object("attributes")
	attributes = f.rest(attributes)
	switch agreed := consent["profiling"].(type) {
	case bool:
		u.Profiling = ProfilingNo
		if agreed {
			u.Profiling = ProfilingYes
		}
	case nil:
	default:
		f.fail("consent.profiling", nil, "want true or false without quotes")
	}
	if delete(consent, "profiling"); len(consent) > 0 { // agreements that weft does not know
		if attributes == nil {
			attributes = map[string]any{}
		}
		attributes["consent"] = consent
	}
	if f.fault != nil {
		return u, refused(t, StepSchema, f.fault)
	}
	if bad := checkIDs("id", u.ID); bad != nil {
		return u, refused(t, StepID, bad)
	}
	ms, given, bad := millis(at, o.Now)
	if bad != nil {
		return u, refused(t, StepTime, bad)
	}
	u.Time = ms
	if !given {
		u.Time, u.Imputed = imputedTime(o.At, o.Now), []string{FieldTime}
		t.change(StepTime)
	}
	var s scrubbing
	if u.Attributes, bad = objectText("attributes", s.object(attributes)); bad != nil {
		return u, refused(t, StepText, bad)
	}
	if s.changed {
		t.change(StepText)
	}
	u.Key = u.ID
	u.Digest = digest(u.ID, u.Attributes, u.Profiling, givenTime(u.Time, given))
	return u, nil
}

func refused(t *Tally, s Step, f *Fault) *Fault {
	t.refuse(s)
	return f
}

// checkIDs checks pairs of a field and the id it holds; empty ones are not there.
func checkIDs(pairs ...string) *Fault {
	for i := 0; i < len(pairs); i += 2 {
		name, id := pairs[i], pairs[i+1]
		if id == "" {
			continue
		}
		if tasks.CheckID(name, id) != nil {
			return fault(tasks.ReasonBadID, name, strconv.Quote(clip(id, maxShown)), "want 1 to 128 of A-Z, a-z, 0-9, '_', '.', ':' and '-', starting with a letter, a digit or '_'")
		}
	}
	return nil
}

func givenTime(ms int64, given bool) string {
	if !given {
		return "" // what was imputed is no content: the same row sent later is the same row
	}
	return strconv.FormatInt(ms, 10)
}

func decimal(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// digest identifies a content: 32 hex digits.
func digest(parts ...string) string {
	h := sha256.New()
	var length [8]byte
	for _, p := range parts {
		n := strconv.AppendInt(length[:0], int64(len(p)), 10)
		_, _ = h.Write(append(n, ':')) // a hash does not fail
		_, _ = h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
