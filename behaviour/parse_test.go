package behaviour

import (
	"strings"
	"testing"
	"time"

	"weft/tasks"
)

// noon is when the rows of the tests come in.
func noon() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

func fromHTTP() Origin { return Origin{Source: "http", Now: noon()} }

func row(text string) RawRow { return RawRow{Line: 1, JSON: []byte(text)} }

func TestBadEvents(t *testing.T) {
	long := strings.Repeat("x", MaxRowBytes)
	for _, tc := range []struct {
		text   string
		reason tasks.Reason
		step   Step
		says   string
	}{
		{`[1,2]`, tasks.ReasonBadJSON, StepJSON, "[1,2]"},
		{`"view"`, tasks.ReasonBadJSON, StepJSON, "object"},
		{`null`, tasks.ReasonBadJSON, StepJSON, "null"},
		{`{"user":"u"`, tasks.ReasonBadJSON, StepJSON, "JSON"},
		{"{\"user\":\"u\x00\"}", tasks.ReasonBadJSON, StepJSON, "JSON"},
		{strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), tasks.ReasonBadJSON, StepJSON, "depth"},
		{`{"user":"` + long + `"}`, tasks.ReasonTooManyBytes, StepSize, "1048576"},
		{`{}`, tasks.ReasonBadField, StepSchema, `"user"`},
		{`{"user":"u","type":"view"}`, tasks.ReasonBadField, StepSchema, `"product"`},
		{`{"user":"u","type":"search"}`, tasks.ReasonBadField, StepSchema, `"query"`},
		{`{"user":"u","type":"follow"}`, tasks.ReasonBadField, StepSchema, `"target_user"`},
		{`{"user":17850,"type":"view","product":"p"}`, tasks.ReasonBadField, StepSchema, "17850"},
		{`{"user":["u"],"type":"view","product":"p"}`, tasks.ReasonBadField, StepSchema, `["u"]`},
		{`{"user":"u","type":"view","product":"p","value":"12"}`, tasks.ReasonBadField, StepSchema, "value"},
		{`{"user":"u","type":"view","product":"p","value":1e999}`, tasks.ReasonBadField, StepSchema, "1e999"},
		{`{"user":"u","type":"view","product":"p","value":true}`, tasks.ReasonBadField, StepSchema, "true"},
		{`{"user":"u","type":"view","product":"p","context":[1]}`, tasks.ReasonBadField, StepSchema, "context"},
		{`{"user":"u","type":"view","product":"p","id":{}}`, tasks.ReasonBadField, StepSchema, `"id"`},
		{`{"user":"u{1}","type":"view","product":"p"}`, tasks.ReasonBadID, StepID, "u{1}"},
		{`{"user":"u\u0007","type":"view","product":"p"}`, tasks.ReasonBadID, StepID, "user"},
		{`{"user":"u","type":"view","product":"a/b"}`, tasks.ReasonBadID, StepID, "a/b"},
		{`{"user":"u","type":"view","product":"p","id":"` + strings.Repeat("i", 129) + `"}`, tasks.ReasonBadID, StepID, "128"},
		{`{"user":"u","type":"follow","target_user":"..\/x"}`, tasks.ReasonBadID, StepID, "target_user"},
		{`{"user":"u","type":"my type"}`, tasks.ReasonBadID, StepID, "my type"},
		{`{"user":"u","type":"view","product":"p","time":0}`, tasks.ReasonBadTime, StepTime, "1970-01-01"},
		{`{"user":"u","type":"view","product":"p","time":"1970-01-01T00:00:00Z"}`, tasks.ReasonBadTime, StepTime, "2000-01-01"},
		{`{"user":"u","type":"view","product":"p","time":"2100-01-01T00:00:00Z"}`, tasks.ReasonBadTime, StepTime, "future"},
		{`{"user":"u","type":"view","product":"p","time":4102444800000}`, tasks.ReasonBadTime, StepTime, "2100-01-01"},
		{`{"user":"u","type":"view","product":"p","time":1e300}`, tasks.ReasonBadTime, StepTime, "1e300"},
		{`{"user":"u","type":"view","product":"p","time":"2010-12-01 08:26:00"}`, tasks.ReasonBadTime, StepTime, "RFC 3339"},
		{`{"user":"u","type":"view","product":"p","time":"NaN"}`, tasks.ReasonBadTime, StepTime, "NaN"},
		{`{"user":"u","type":"view","product":"p","time":{}}`, tasks.ReasonBadTime, StepTime, "time"},
		{`{"user":"u","type":"purchase","product":"p","value":2e12}`, tasks.ReasonBadField, StepRange, "2e+12"},
		{`{"user":"u","type":"note","blob":{"a":["` + strings.Repeat("y", 4000) + strings.Repeat(`","`+strings.Repeat("y", 4000), 20) + `"]}}`, tasks.ReasonTooManyBytes, StepText, "attributes"},
	} {
		var tally Tally
		_, bad := ParseEvent(row(tc.text), fromHTTP(), &tally)
		if bad == nil || bad.Reason != tc.reason || !strings.Contains(bad.Error(), tc.says) {
			t.Errorf("%.80s: %v, want %s that says %q", tc.text, bad, tc.reason, tc.says)
			continue
		}
		if len(bad.Error()) > 600 {
			t.Errorf("%.80s: a message of %d bytes", tc.text, len(bad.Error()))
		}
		if tally.refused[tc.step] != 1 || tally.Rows != 1 {
			t.Errorf("%.80s: refused by %v, want %v", tc.text, tally.Counts(), tc.step)
		}
	}
}

func TestGoodEvents(t *testing.T) {
	at := time.Date(2026, 4, 30, 9, 30, 0, 0, time.UTC).UnixMilli()
	for _, tc := range []struct {
		text  string
		check func(Event) bool
	}{
		{`{"id":"e1","user":"u","type":"view","product":"p","time":"2026-04-30T11:30:00+02:00"}`, func(e Event) bool {
			return e.Key == "u/e1" && e.Time == at && e.Imputed == nil && e.Source == "http"
		}},
		{`{"user":"u","type":"view","product":"p","time":1777541400}`, func(e Event) bool { return e.Time == at }},
		{`{"user":"u","type":"view","product":"p","time":1777541400000}`, func(e Event) bool { return e.Time == at }},
		{`{"user":"u","type":"view","product":"p","time":"1777541400000"}`, func(e Event) bool { return e.Time == at }},
		{`{"user":"u","type":"view","product":"p","time":1777541400.5}`, func(e Event) bool { return e.Time == at+500 }},
		{`{"user":"u","type":"view","product":"p"}`, func(e Event) bool {
			return e.Time == noon().UnixMilli() && len(e.Imputed) == 1 && e.Imputed[0] == FieldTime
		}},
		{`{"user":"u","type":"VIEW","product":"p"}`, func(e Event) bool { return e.Type == View }},
		{`{"user":"u","type":"Store-Visit","where":"north","n":10.50,"deep":{"a":[1,{"b":null}]}}`, func(e Event) bool {
			return e.Type == "Store-Visit" && e.Attributes == `{"deep":{"a":[1,{"b":null}]},"n":10.50,"where":"north"}`
		}},
		{`{"user":"u","type":"purchase","product":"p","value":-7.5}`, func(e Event) bool { return e.Type == Return && *e.Value == 7.5 }},
		{`{"user":"u","type":"search","query":"cafe\u0301\u0007 \t<b>"}`, func(e Event) bool { return e.Query == "café  <b>" }},
		{`{"user":"u","type":"search","query":"` + strings.Repeat("ß", 1500) + `"}`, func(e Event) bool { return e.Query == strings.Repeat("ß", MaxQuery) }},
		{`{"user":"u","type":"share","product":"p","context":{"page":"<home>&"}}`, func(e Event) bool { return e.Context == `{"page":"<home>&"}` }},
		{`{"user":"u","type":"view","product":"p","attributes":{"a":1},"a":2,"b":3}`, func(e Event) bool { return e.Attributes == `{"a":1,"b":3}` }},
		{`{"user":"u","type":"view","product":"p","value":null,"query":"","context":{}}`, func(e Event) bool { return e.Value == nil && e.Query == "" && e.Context == "" }},
	} {
		var tally Tally
		e, bad := ParseEvent(row(tc.text), fromHTTP(), &tally)
		if bad != nil || !tc.check(e) {
			t.Errorf("%.100s: %+v, %v", tc.text, e, bad)
		}
	}
}

// The content names a row without an id, whatever the order of its fields, and the
// time that was imputed is no part of it.
func TestContentIdentifies(t *testing.T) {
	same := []string{
		`{"user":"u","type":"view","product":"p","x":1,"y":"z"}`,
		` {"y":"z", "x":1, "product":"p","type":"View","user":"u","id":null} `,
	}
	var ids []string
	for i, text := range same {
		o := fromHTTP()
		o.Now = o.Now.Add(time.Duration(i) * time.Hour)
		e, bad := ParseEvent(row(text), o, &Tally{})
		if bad != nil {
			t.Fatal(bad)
		}
		ids = append(ids, e.ID)
	}
	if ids[0] != ids[1] || tasks.CheckID("id", ids[0]) != nil {
		t.Errorf("ids %v", ids)
	}
	for _, other := range []string{
		`{"user":"u","type":"view","product":"p","x":2,"y":"z"}`, `{"user":"u","type":"click","product":"p","x":1,"y":"z"}`,
		`{"user":"u","type":"view","product":"p","x":1,"y":"z","time":1777541400}`, `{"user":"v","type":"view","product":"p","x":1,"y":"z"}`,
	} {
		if e, bad := ParseEvent(row(other), fromHTTP(), &Tally{}); bad != nil || e.ID == ids[0] {
			t.Errorf("%s has the id of another: %v", other, bad)
		}
	}
	o := fromHTTP()
	o.File = strings.Repeat("ab", 12)
	e, _ := ParseEvent(RawRow{Line: 17, JSON: []byte(same[0])}, o, &Tally{})
	if e.ID != "f"+o.File+".17" {
		t.Errorf("a row of a file is %s", e.ID)
	}
}

func TestReviews(t *testing.T) {
	for _, tc := range []struct {
		text string
		says string // "" if it is good
	}{
		{`{"user":"u","product":"p","rating":5}`, ""},
		{`{"user":"u","product":"p","rating":1.5,"title":"Nice","helpful":3}`, ""},
		{`{"user":"u","product":"p","text":"good"}`, ""},
		{`{"user":"u","product":"p"}`, "rating"},
		{`{"user":"u","rating":5}`, "product"},
		{`{"user":"u","product":"p","rating":0}`, "1 to 5"},
		{`{"user":"u","product":"p","rating":6}`, "1 to 5"},
		{`{"user":"u","product":"p","rating":"five"}`, "five"},
		{`{"user":"u","product":"p","rating":4,"helpful":-1}`, "helpful"},
		{`{"user":"u","product":"p","rating":4,"helpful":1.5}`, "1.5"},
		{`{"user":"u","product":"p","rating":4,"text":7}`, "text"},
	} {
		r, bad := ParseReview(row(tc.text), fromHTTP(), &Tally{})
		if tc.says == "" && (bad != nil || r.Key != "u/"+r.ID) || tc.says != "" && (bad == nil || !strings.Contains(bad.Error(), tc.says)) {
			t.Errorf("%s: %+v, %v; want %q", tc.text, r, bad, tc.says)
		}
	}
	r, bad := ParseReview(row(`{"user":"u","product":"p","title":" Lovely ","text":"a\r\nb\u0000","pros":["x"]}`), fromHTTP(), &Tally{})
	if bad != nil || r.ReadText() != "Lovely. a b" || r.Attributes != `{"pros":["x"]}` {
		t.Errorf("%+v %v: %q", r, bad, r.ReadText())
	}
}

func TestUsers(t *testing.T) {
	for _, tc := range []struct{ text, profiling, attributes, says string }{
		{`{"id":"u"}`, "", "", ""},
		{`{"id":"u","consent":{"profiling":false}}`, ProfilingNo, "", ""},
		{`{"id":"u","consent":{"profiling":true,"mail":false}}`, ProfilingYes, `{"consent":{"mail":false}}`, ""},
		{`{"id":"u","attributes":{"age":31,"interests":["tea"]},"city":"Bonn"}`, "", `{"age":31,"city":"Bonn","interests":["tea"]}`, ""},
		{`{"id":"u","consent":{"profiling":"no"}}`, "", "", "profiling"},
		{`{"id":"u","consent":true}`, "", "", "consent"},
		{`{"id":"u","attributes":"tall"}`, "", "", "attributes"},
		{`{"attributes":{}}`, "", "", `"id"`},
		{`{"id":"{u}"}`, "", "", "{u}"},
	} {
		u, bad := ParseUser(row(tc.text), fromHTTP(), &Tally{})
		if tc.says == "" && (bad != nil || u.Profiling != tc.profiling || u.Attributes != tc.attributes) || tc.says != "" && (bad == nil || !strings.Contains(bad.Error(), tc.says)) {
			t.Errorf("%s: %+v, %v", tc.text, u, bad)
		}
	}
}

// Whatever a row holds: no panic, a row that was accepted can be stored and read
// back, is itself again when it is parsed a second time, and the tally adds up.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{
		`{"id":"e1","user":"u","type":"view","product":"p","time":"2026-04-30T11:30:00+02:00","context":{"a":[1,"\u0000"]}}`,
		`{"user":"u","product":"p","rating":4.5,"text":"caf\u0065\u0301","helpful":2}`, `{"id":"u","attributes":{"age":3},"consent":{"profiling":false}}`,
		`{"user":"u","type":"purchase","product":"p","value":-1e3,"time":1777541400}`, `[]`, `{"":{"":""}}`, "{\"user\":\"\xff\"}", `{"id":"a","title":"x","price":-1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		raw, o := RawRow{Line: 3, JSON: text}, Origin{Source: "fuzz", File: "abc", Now: noon()}
		var tally Tally
		check := func(key, id, digest string, at int64, bad *Fault, again func() (string, string)) {
			if bad != nil {
				if !bad.Reason.Known() || bad.Error() == "" {
					t.Errorf("%q: %+v", text, bad)
				}
				return
			}
			if tasks.CheckID("id", id) != nil || len(key) > 1024 || key == "" || digest == "" || at < EarliestTime().UnixMilli() || at > noon().Add(MaxAhead).UnixMilli() {
				t.Errorf("%q: key %q id %q time %d", text, key, id, at)
			}
			if k, d := again(); k != key || d != digest {
				t.Errorf("%q: %s %s is another row the second time: %s %s", text, key, digest, k, d)
			}
		}
		e, bad := ParseEvent(raw, o, &tally)
		check(e.Key, e.ID, e.Digest, e.Time, bad, func() (string, string) { e, _ := ParseEvent(raw, o, &tally); return e.Key, e.Digest })
		r, bad := ParseReview(raw, o, &tally)
		check(r.Key, r.ID, r.Digest, r.Time, bad, func() (string, string) { r, _ := ParseReview(raw, o, &tally); return r.Key, r.Digest })
		u, bad := ParseUser(raw, o, &tally)
		check(u.Key, u.ID, u.Digest, u.Time, bad, func() (string, string) { u, _ := ParseUser(raw, o, &tally); return u.Key, u.Digest })
		_, _ = parseProduct(raw, &tally)
		reached := tally.Rows
		for _, s := range tally.Counts() {
			if s.Reached != reached || s.Refused > s.Reached || s.Refused < 0 {
				t.Errorf("%+v", tally.Counts())
			}
			reached -= s.Refused
		}
	})
}

func BenchmarkParseEvent(b *testing.B) {
	raw := row(`{"user":"17850","product":"85123A","type":"purchase","time":"2010-12-01T08:26:00Z","value":15.3,"InvoiceNo":"536365","Quantity":6}`)
	var t Tally
	for b.Loop() {
		if _, bad := ParseEvent(raw, fromHTTP(), &t); bad != nil {
			b.Fatal(bad)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
