package behaviour

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
	"weft/tasks"
)

// shop is a tenant's bucket with a collector.
type shop struct {
	t         testing.TB
	bucket    objects.Store
	lake      *lake.Lake
	tables    *Tables
	collector *Collector
	registry  *prometheus.Registry

	mu       sync.Mutex
	users    []string // that changed
	products []string
}

func openShop(t testing.TB, bucket objects.Store) *shop {
	t.Helper()
	s := &shop{t: t, bucket: bucket, registry: prometheus.NewRegistry()}
	var err error
	s.lake, err = lake.Open(t.Context(), lake.Config{Store: bucket, CommitDelay: time.Millisecond, IdleDelay: -1})
	s.must(err)
	t.Cleanup(func() { _ = s.lake.Close(context.Background()) })
	s.tables, err = Open(t.Context(), s.lake)
	s.must(err)
	s.collector, err = NewCollector(Config{Objects: bucket, Lake: s.lake, Tables: s.tables, Consent: true, Name: "test", Registry: s.registry, Now: noon,
		Changed: func(users []tasks.UserID, products []tasks.ProductID) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, u := range users {
				s.users = append(s.users, string(u))
			}
			for _, p := range products {
				s.products = append(s.products, string(p))
			}
		}})
	s.must(err)
	return s
}

func newShop(t testing.TB) *shop {
	s := openShop(t, &objecttest.Memory{})
	for _, id := range []string{"p1", "p2"} {
		_, err := s.bucket.Put(t.Context(), "media/"+id+"/product.json", []byte(`{"title":"x"}`), objects.Condition{})
		s.must(err)
	}
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func rows(lines ...string) []RawRow {
	var all []RawRow
	for i, line := range lines {
		all = append(all, RawRow{Line: i + 1, JSON: []byte(line)})
	}
	return all
}

// send accepts rows from HTTP and returns the outcomes, with reasons.
func (s *shop) send(k Kind, lines ...string) []string {
	s.t.Helper()
	return s.accept(Batch{Kind: k, Source: "http", Rows: rows(lines...)})
}

func (s *shop) accept(b Batch) []string {
	s.t.Helper()
	r, err := s.collector.Accept(s.t.Context(), b)
	s.must(err)
	c := r.Counts
	if c.Rows != len(b.Rows) || c.Rows != c.Accepted+c.Dead+c.Duplicate+c.Declined+c.Waiting || len(r.Results) != c.Rows {
		s.t.Errorf("%+v of %d rows", c, len(b.Rows))
	}
	var all []string
	for _, row := range r.Results {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s %s%s", row.Outcome, row.Reason, row.For), " "))
	}
	return all
}

func (s *shop) want(got []string, want ...string) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("got %q, want %q", got, want)
	}
}

func all[R any](s *shop, table *lake.Table[R]) []R {
	s.t.Helper()
	var all []R
	for r, err := range table.Scan(s.t.Context()) {
		s.must(err)
		all = append(all, r)
	}
	return all
}

func event(id, user, product, more string) string {
	return fmt.Sprintf(`{"id":%q,"user":%q,"type":"view","product":%q,"time":"2026-04-01T00:00:00Z"%s}`, id, user, product, more)
}

func TestFirstRowOfAnIDStays(t *testing.T) {
	s := newShop(t)
	s.want(s.send(Events, event("e1", "u1", "p1", ""), event("e1", "u1", "p1", ""), event("e1", "u1", "p2", ""), event("e1", "u2", "p1", "")),
		"accepted", "duplicate", "dead id_conflict", "accepted")
	s.want(s.send(Events, event("e1", "u1", "p1", ""), event("e1", "u1", "p1", `,"value":2`), event("e2", "u1", "nowhere", "")),
		"duplicate", "dead id_conflict", "waiting nowhere")
	events := all(s, s.tables.Events)
	if len(events) != 3 || events[0].Product != "p1" || events[0].Value != nil {
		t.Errorf("%+v", events)
	}
	dead := all(s, s.lake.Dead)
	if len(dead) != 2 || !strings.HasPrefix(dead[0].Key, "events/") || !strings.Contains(dead[0].Message, "e1") || !strings.Contains(dead[0].Input, `"user":"u1"`) {
		t.Errorf("%+v", dead)
	}
	slices.Sort(s.users)
	if !slices.Equal(s.users, []string{"u1", "u1", "u2"}) || len(s.products) > 0 {
		t.Errorf("changed: %v, %v", s.users, s.products)
	}
	counted := map[string]float64{}
	families, err := s.registry.Gather()
	s.must(err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			counted[name] = m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"weft_rows_total events accepted": 2, "weft_rows_total events dead": 2, "weft_rows_total events declined": 0,
		"weft_rows_total events duplicate": 2, "weft_rows_total events waiting": 1, "weft_rows_dead_total events id_conflict": 2,
		"weft_row_steps_total events refused identity": 4, "weft_row_steps_total events reached size": 7, "weft_row_steps_total events changed catalogue": 1,
	} {
		if got, there := counted[name]; got != want || !there {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	// A product that comes later is found, though it was missed before.
	s.collector.cfg.Now = func() time.Time { return noon().Add(absentFor) }
	_, err = s.bucket.Put(t.Context(), "media/nowhere/a.jpg", []byte("x"), objects.Condition{})
	s.must(err)
	s.want(s.send(Events, event("e3", "u1", "nowhere", "")), "accepted")
}

func TestRowsOfAFileAreNamedByLine(t *testing.T) {
	s := newShop(t)
	same := `{"user":"u1","type":"view","product":"p1","time":"2026-04-01T00:00:00Z"}`
	file := Batch{Kind: Events, Source: "a.jsonl", File: "0123456789abcdef01234567", Rows: rows(same, same, `{"user":`)}
	s.want(s.accept(file), "accepted", "accepted", "dead bad_json")
	s.want(s.accept(file), "duplicate", "duplicate", "dead bad_json")
	s.want(s.send(Events, same, same), "accepted", "duplicate") // by content
	if n := len(all(s, s.tables.Events)); n != 3 {
		t.Errorf("%d events", n)
	}
	dead := all(s, s.lake.Dead)
	if len(dead) != 1 || dead[0].Key != "events/0123456789abcdef01234567#3" || !strings.Contains(dead[0].Message, "a.jsonl, row 3") {
		t.Errorf("%+v", dead)
	}
}

func TestUsersAndConsent(t *testing.T) {
	s := newShop(t)
	user := func(time, more string) string {
		return `{"id":"u1","time":"2026-04-` + time + `T00:00:00Z"` + more + `}`
	}
	s.want(s.send(Users, user("02", `,"city":"Ulm"`)), "accepted")
	s.want(s.send(Users, user("02", `,"city":"Ulm"`), user("01", `,"city":"Bonn"`), user("03", `,"city":"Trier","consent":{"profiling":false}`), user("03", `,"city":"Trier"`)),
		"duplicate", "declined older", "accepted", "accepted")
	got := all(s, s.tables.Users)
	if len(got) != 1 || got[0].Attributes != `{"city":"Trier"}` || got[0].Profiling != "" {
		t.Errorf("%+v", got)
	}
	s.want(s.send(Users, user("04", `,"consent":{"profiling":false}`)), "accepted")
	s.want(s.send(Events, event("e1", "u1", "p1", ""), event("e1", "u2", "p1", "")), "declined no_consent", "accepted")
	s.want(s.send(Users, user("05", `,"consent":{"profiling":true}`)), "accepted")
	s.want(s.send(Events, event("e1", "u1", "p1", "")), "accepted")
}

// Where silence is no consent, only those who agreed are kept.
func TestSilenceIsNoConsent(t *testing.T) {
	s := newShop(t)
	s.collector.cfg.Consent = false
	s.want(s.send(Users, `{"id":"yes","consent":{"profiling":true}}`, `{"id":"silent"}`), "accepted", "accepted")
	s.want(s.send(Events, event("e1", "yes", "p1", ""), event("e1", "silent", "p1", ""), event("e1", "nobody", "p1", "")),
		"accepted", "declined no_consent", "declined no_consent")
}

func TestReviewsAreListedByProduct(t *testing.T) {
	s := newShop(t)
	review := func(id, product string) string {
		return fmt.Sprintf(`{"id":%q,"user":"u1","product":%q,"rating":4,"text":"good","time":"2026-04-01T00:00:00Z"}`, id, product)
	}
	s.want(s.send(Reviews, review("r1", "p1"), review("r1", "p2"), review("r2", "gone")), "accepted", "dead id_conflict", "waiting gone")
	listed := func() string {
		var keys []string
		for _, r := range all(s, s.tables.ProductReviews) {
			keys = append(keys, r.Key+"="+r.Text)
		}
		return strings.Join(keys, " ")
	}
	if got := listed(); got != "gone/u1/r2=good p1/u1/r1=good" {
		t.Errorf("listed: %s", got)
	}
	slices.Sort(s.products)
	if !slices.Equal(s.products, []string{"gone", "p1"}) {
		t.Errorf("changed products: %v", s.products)
	}
	// A crash came between the review and its listing: sending it again lists it.
	s.must(s.tables.ProductReviews.Delete(t.Context(), "p1/u1/r1", 1))
	_, err := s.lake.CompactFully(t.Context())
	s.must(err)
	lost := openShop(t, s.bucket)
	s.must(lost.tables.Reviews.Append(t.Context(), Review{Row: lake.Row{Key: "u2/r9", Version: 5}, ID: "r9", User: "u2", Product: "p2",
		Digest: digest("u2", "p2", "4", "", "good", fmt.Sprint(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).UnixMilli()), "0", "")}))
	lost.want(lost.send(Reviews, strings.ReplaceAll(review("r9", "p2"), "u1", "u2")), "duplicate")
	if r, ok, err := lost.tables.ProductReviews.Get(t.Context(), "p2/u2/r9"); err != nil || !ok || r.Text != "good" {
		t.Errorf("the review is not listed again: %+v %v %v", r, ok, err)
	}
	// A review that was withdrawn and comes back for another product leaves the old one.
	old, _, err := s.tables.Reviews.Get(t.Context(), "u1/r1")
	s.must(err)
	old.Row = lake.Row{Key: old.Key, Version: old.Version + 1, Deleted: true}
	s.must(s.tables.Reviews.Append(t.Context(), old))
	s.want(s.send(Reviews, review("r1", "p2")), "accepted")
	if r, known, err := s.tables.ProductReviews.Latest(t.Context(), "p1/u1/r1"); err != nil || !known || !r.Deleted {
		t.Errorf("%+v %v %v", r, known, err)
	}
	if _, ok, err := s.tables.ProductReviews.Get(t.Context(), "p2/u1/r1"); err != nil || !ok {
		t.Errorf("not listed by its new product: %v", err)
	}
}

func TestProductsBecomeListings(t *testing.T) {
	s := newShop(t)
	s.want(s.send(Products, `{"id":"n1","title":"a"}`, `{"id":"n1","title":"b"}`, `{"id":"n1","title":"b"}`, `{"id":"a b"}`, `{"title":"x"}`, `{"id":3}`, `{"id":"n2","price":-1}`, `x`),
		"accepted", "accepted", "duplicate", "dead bad_id", "dead bad_id", "dead bad_listing", "dead bad_listing", "dead bad_json")
	if !slices.Equal(s.products, []string{"n1"}) {
		t.Errorf("changed: %v", s.products)
	}
	body, _, err := s.bucket.Get(t.Context(), "media/n1/product.json", objects.GetOptions{})
	if err != nil || string(body) != `{"id":"n1","title":"b"}` {
		t.Errorf("%s, %v", body, err)
	}
	s.want(s.send(Products, `{"id":"n1","title":"b"}`), "duplicate")
}

// Many batches at once that hold the same rows: each row is accepted once.
func TestConcurrentBatches(t *testing.T) {
	s := newShop(t)
	var lines []string
	for i := range 200 {
		lines = append(lines, event(fmt.Sprintf("e%d", i%150), fmt.Sprintf("u%d", i%7), "p1", ""))
	}
	distinct := map[string]bool{}
	for _, l := range lines {
		distinct[l] = true
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	var total Counts
	for n := range 16 {
		group.Go(func() {
			mine := slices.Concat(lines[n*7:], lines[:n*7])
			r, err := s.collector.Accept(context.Background(), Batch{Kind: Events, Source: "http", Rows: rows(mine...)})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total.Add(r.Counts)
		})
	}
	group.Wait()
	if total.Accepted != len(distinct) || total.Duplicate != 16*len(lines)-len(distinct) || len(all(s, s.tables.Events)) != len(distinct) {
		t.Errorf("%+v, want %d accepted", total, len(distinct))
	}
}

// A store that fails: the error says so, and the same batch succeeds afterwards with
// every row in one place and stored once.
func TestFailedBatchIsSentAgain(t *testing.T) {
	faulty := objecttest.NewFaulty(&objecttest.Memory{}, 1, objecttest.Faults{})
	s := openShop(t, faulty)
	lines := []string{event("e1", "u1", "p1", ""), `{"user":`, event("e2", "u1", "p1", "")}
	faulty.Set(objecttest.Faults{Lost: 1})
	if _, err := s.collector.Accept(t.Context(), Batch{Kind: Events, Source: "http", Rows: rows(lines...)}); err == nil {
		t.Fatal("accepted though the store failed")
	}
	if len(s.users) != 0 {
		t.Error("told of a change that is not durable")
	}
	faulty.Set(objecttest.Faults{})
	s.must(s.lake.Refresh(t.Context()))
	again := s.send(Events, lines...)
	if again[1] != "dead bad_json" || len(all(s, s.tables.Events)) != 2 || len(all(s, s.lake.Dead)) != 1 {
		t.Errorf("%v, %d events", again, len(all(s, s.tables.Events)))
	}
	s.want(s.send(Events, lines...), "duplicate", "dead bad_json", "duplicate")
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", MaxRowBytes+1)
	text := "{\"a\":1}\r\n\n  \n" + long + "\n{\"b\":2}\n" + strings.Repeat("y", MaxRowBytes) + "\n" + long
	l := NewLines(strings.NewReader(text), Events, 1)
	var got []string
	for {
		rows, err := l.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			got = append(got, fmt.Sprintf("%d %d %v", r.Line, len(r.JSON), r.Fault != nil))
		}
	}
	want := []string{"1 7 false", "4 2048 true", "5 7 false", "6 1048576 false", "7 2048 true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A file that breaks off, or is damaged inside, gives the rows before and one more
// that says so; one that unpacks to more than is allowed is cut there.
func TestBrokenContent(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for i := range 20_000 {
		_, _ = fmt.Fprintf(z, `{"id":"e%d","n":%d}`+"\n", i, i*i*7919)
	}
	_ = z.Close()
	packed := b.Bytes()
	damaged := slices.Clone(packed)
	damaged[len(damaged)/2] ^= 0xff
	damaged[len(damaged)/2+1] ^= 0xff
	for name, tc := range map[string]struct {
		content []byte
		max     int64
		reason  tasks.Reason
	}{
		"cut":     {packed[:len(packed)/2], 1 << 30, tasks.ReasonTruncated},
		"damaged": {damaged, 1 << 30, tasks.ReasonCorrupt},
		"bomb":    {packed, 100_000, tasks.ReasonTooManyBytes},
		"whole":   {packed, 1 << 30, ""},
	} {
		u, err := Unpack(bytes.NewReader(tc.content), tc.max)
		if err != nil {
			t.Fatal(err)
		}
		l := NewLines(u, Events, 1)
		n, last := 0, RawRow{}
		for {
			rows, err := l.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n, last = n+len(rows), rows[len(rows)-1]
		}
		if tc.reason == "" {
			if n != 20_000 || last.Fault != nil {
				t.Errorf("%s: %d rows, %v", name, n, last.Fault)
			}
			continue
		}
		if n < 10 || n > 20_000 || last.Fault == nil || last.Fault.Reason != tc.reason {
			t.Errorf("%s: %d rows, the last %v; want %s", name, n, last.Fault, tc.reason)
		}
	}
}
