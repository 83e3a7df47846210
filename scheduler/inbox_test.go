package scheduler

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

// box is an inbox over a bucket, with the clock a while after everything.
type box struct {
	*Inbox
	t      *testing.T
	bucket objects.Store
	lake   *lake.Lake
	tables *behaviour.Tables
}

// dying takes rows until it is told to die.
type dying struct {
	RowTaker
	batches int // until death; negative: immortal
}

var errKilled = errors.New("killed")

func (d *dying) Accept(ctx context.Context, b behaviour.Batch) (behaviour.Report, error) {
	if d.batches == 0 {
		return behaviour.Report{}, errKilled
	}
	d.batches--
	return d.RowTaker.Accept(ctx, b)
}

func openBox(t *testing.T, bucket objects.Store, batches int) *box {
	t.Helper()
	b := &box{t: t, bucket: bucket}
	var err error
	b.lake, err = lake.Open(t.Context(), lake.Config{Store: bucket, CommitDelay: time.Millisecond, IdleDelay: -1})
	b.must(err)
	t.Cleanup(func() { _ = b.lake.Close(context.Background()) })
	b.tables, err = behaviour.Open(t.Context(), b.lake)
	b.must(err)
	c, err := behaviour.NewCollector(behaviour.Config{Objects: bucket, Lake: b.lake, Tables: b.tables, Consent: true, Name: "test"})
	b.must(err)
	b.Inbox, err = NewInbox(InboxConfig{Objects: bucket, Lake: b.lake, Rows: &dying{c, batches}, Name: "test",
		Now: func() time.Time { return time.Now().Add(time.Minute) }, Log: slog.New(slog.DiscardHandler)})
	b.must(err)
	return b
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) put(key, body string) {
	b.t.Helper()
	_, err := b.bucket.Put(b.t.Context(), key, []byte(body), objects.Condition{})
	b.must(err)
}

func (b *box) keys() string {
	b.t.Helper()
	var keys []string
	for info, err := range b.bucket.List(b.t.Context(), "inbox/", "") {
		b.must(err)
		keys = append(keys, info.Key)
	}
	return strings.Join(keys, " ")
}

func (b *box) events() int {
	b.t.Helper()
	n := 0
	for _, err := range b.tables.Events.Scan(b.t.Context()) {
		b.must(err)
		n++
	}
	return n
}

func notes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"user\":\"u%d\",\"type\":\"note\"}\n", i%13)
	}
	return b.String()
}

func TestInboxTakesFilesInOnce(t *testing.T) {
	b := openBox(t, &objecttest.Memory{}, -1)
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, err := z.Write([]byte(notes(5) + "broken\n"))
	b.must(err)
	b.must(z.Close())
	b.put("inbox/events/a.jsonl.gz", gz.String())
	b.put("inbox/events/half.jsonl.gz", gz.String()[:gz.Len()/2])
	b.put("inbox/events/README.txt", "not for weft")
	b.put("inbox/users/u.jsonl", `{"id":"u1","consent":{"profiling":false}}`)
	b.put("inbox/products/p.jsonl", `{"id":"p1","title":"x"}`+"\n"+`{"id":"p 2"}`)
	b.put("inbox/reviews/r.jsonl", `{"id":"r","user":"u2","product":"p1","rating":3}`)
	b.put("inbox/unheard/of.jsonl", "{}")
	r, err := b.Ingest(t.Context())
	if err != nil || r.Files != 5 || r.Waiting != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	c := r.Counts
	if c.Rows != c.Accepted+c.Dead+c.Duplicate+c.Declined+c.Waiting || c.Accepted < 3+4 || c.Declined < 1 || c.Dead < 3 {
		t.Errorf("%+v", c)
	}
	if _, err := b.bucket.Stat(t.Context(), "media/p1/product.json"); err != nil {
		t.Error(err)
	}
	keys := b.keys()
	if strings.Count(keys, DonePrefix) != 5 || !strings.Contains(keys, "inbox/events/README.txt inbox/unheard/of.jsonl") {
		t.Errorf("the inbox holds %s", keys)
	}
	receipts := 0
	for row, err := range b.lake.Receipts.Scan(t.Context()) {
		b.must(err)
		receipts++
		if row.Rows != row.Accepted+row.Dead+row.Duplicate+row.Declined+row.Waiting || row.Kind == "" || row.Rows == 0 {
			t.Errorf("%+v", row)
		}
	}
	if receipts != 5 {
		t.Errorf("%d receipts", receipts)
	}
	stored := b.events()
	if r, err := b.Ingest(t.Context()); err != nil || r.Files != 0 || b.events() != stored {
		t.Errorf("a second look: %+v, %v", r, err)
	}
	// The same content under another name is the same rows.
	b.put("inbox/events/again.jsonl.gz", gz.String())
	if r, err := b.Ingest(t.Context()); err != nil || r.Files != 1 || r.Counts.Accepted != 0 || r.Counts.Duplicate+r.Counts.Declined != 5 || b.events() != stored {
		t.Errorf("again: %+v, %v; %d events, were %d", r, err, b.events(), stored)
	}
}

// A process dies in the middle of a file: the next one finishes it, every row once.
func TestInboxAfterACrash(t *testing.T) {
	bucket := &objecttest.Memory{}
	const n = 2*behaviour.BatchRows + 7
	b := openBox(t, bucket, 1)
	b.put("inbox/events/big.jsonl", notes(n))
	if r, err := b.Ingest(t.Context()); !errors.Is(err, errKilled) || r.Files != 0 || r.Waiting != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if b.events() != behaviour.BatchRows || !strings.Contains(b.keys(), "inbox/events/big.jsonl") {
		t.Fatalf("%d events; %s", b.events(), b.keys())
	}
	next := openBox(t, bucket, -1)
	r, err := next.Ingest(t.Context())
	if err != nil || r.Files != 1 || r.Counts.Duplicate != behaviour.BatchRows || r.Counts.Accepted != n-behaviour.BatchRows || next.events() != n {
		t.Errorf("%+v, %v; %d events", r, err, next.events())
	}
	// It dies after the receipt and before the move: nothing is read again.
	last := openBox(t, bucket, 0)
	body, info, err := bucket.Get(t.Context(), strings.Fields(next.keys())[0], objects.GetOptions{})
	next.must(err)
	next.put("inbox/events/left.jsonl", string(body))
	left, err := bucket.Stat(t.Context(), "inbox/events/left.jsonl")
	next.must(err)
	next.must(last.lake.Receipts.Append(t.Context(), lake.Receipt{Row: lake.Row{Key: receiptKey(left), Version: 1}, Source: left.Key, ETag: left.ETag}))
	if r, err := last.Ingest(t.Context()); err != nil || r.Files != 1 || r.Counts.Rows != 0 || strings.Contains(last.keys(), "inbox/events/left.jsonl") {
		t.Errorf("%+v, %v; %s (%s)", r, err, last.keys(), info.Key)
	}
}

// A file that is still being written is left alone, and old ones that are done go.
func TestInboxWaitsAndTidies(t *testing.T) {
	b := openBox(t, &objecttest.Memory{}, -1)
	b.Now = time.Now
	b.Quiet = time.Hour
	b.put("inbox/events/fresh.jsonl", notes(2))
	if r, err := b.Ingest(t.Context()); err != nil || r.Waiting != 1 || r.Files != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	b.look(t.Context())
	if b.Idle() {
		t.Error("idle while a file waits")
	}
	b.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	b.look(t.Context())
	if !b.Idle() || !strings.HasPrefix(b.keys(), DonePrefix) {
		t.Errorf("idle %v, %s", b.Idle(), b.keys())
	}
	b.Now = func() time.Time { return time.Now().Add(keepDone + 2*time.Hour) }
	b.look(t.Context())
	if b.keys() != "" {
		t.Errorf("kept for ever: %s", b.keys())
	}
}
