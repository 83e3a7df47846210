package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"weft/behaviour"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// retail are the flags that read the gift shop's orders.
func retail(more ...string) []string {
	return append([]string{"import", "--kind", "events", "--type", "purchase", "--column", "user=CustomerID", "--column", "product=StockCode",
		"--column", "time=InvoiceDate", "--time-format", "%Y-%m-%d %H:%M:%S", "--column", "value=Quantity*UnitPrice", "--json"}, more...)
}

const orders = "testdata/retail.csv"

// stored are the rows of a table in a data directory, without what depends on when
// they were taken in.
func storedEvents(t *testing.T, dir string) map[string]behaviour.Event {
	t.Helper()
	bucket, err := objects.OpenDir(filepath.Join(dir, "bucket"))
	must(t, err)
	l, err := lake.Open(context.Background(), lake.Config{Store: objects.WithPrefix(bucket, "default/"), ReadOnly: true})
	must(t, err)
	tables, err := behaviour.Open(context.Background(), l)
	must(t, err)
	all := map[string]behaviour.Event{}
	for e, err := range tables.Events.Scan(context.Background()) {
		must(t, err)
		e.Row = lake.Row{Key: e.Key}
		all[e.Key] = e
	}
	return all
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// rowServer is a server over a data directory that takes rows in, and nothing else.
func rowServer(t *testing.T, dir string) string {
	t.Helper()
	p := place{Tenant: "default", Data: dir}
	must(t, p.makeBucket())
	bucket, _, err := p.openTenant(t.Context())
	must(t, err)
	to, err := openCollector(t.Context(), &app{log: discard()}, bucket)
	must(t, err)
	t.Cleanup(to.close)
	s, err := serve.New(serve.Config{Tenants: map[tasks.Tenant]serve.Tenant{"default": {Objects: bucket, Vectors: &vectors.Store{}, Collect: to.collector}}, Log: discard()})
	must(t, err)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return web.URL
}

// The same file leaves the same rows, ids included, whether it is imported into the
// directory or sent to a server; and a second time nothing.
func TestImportOrders(t *testing.T) {
	lines := bytes.Count(read(t, orders), []byte("\n")) - 1
	direct, sent := t.TempDir(), t.TempDir()
	want := importCounts{Rows: lines, Waiting: lines - 3, Dead: 3}
	if got := answer[importCounts](t, retail("--data", direct, orders)...); got != want {
		t.Errorf("into the directory: %+v, want %+v", got, want)
	}
	url := rowServer(t, sent)
	if got := answer[importCounts](t, retail("--to", url, orders)...); got != want {
		t.Errorf("over HTTP: %+v, want %+v", got, want)
	}
	a, b := storedEvents(t, direct), storedEvents(t, sent)
	if diff := cmp.Diff(a, b); diff != "" || len(a) != lines-3 {
		t.Errorf("%d rows; the ways differ (-directory +HTTP):\n%.2000s", len(a), diff)
	}
	again := importCounts{Rows: lines, Duplicate: lines - 3, Dead: 3}
	if got := answer[importCounts](t, retail("--to", url, orders)...); got != again {
		t.Errorf("again over HTTP: %+v, want %+v", got, again)
	}
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, err := z.Write(read(t, orders))
	must(t, err)
	must(t, z.Close())
	same := filepath.Join(t.TempDir(), "other-name.csv.gz")
	write(t, same, gz.Bytes())
	if got := answer[importCounts](t, retail("--data", direct, same)...); got != again {
		t.Errorf("again, packed: %+v, want %+v", got, again)
	}
	first := a["17850/"+firstID(a)]
	if first.Type != "purchase" || *first.Value != 15.3 || first.Product != "85123A" || first.Time != 1291191960000 ||
		first.Attributes != `{"InvoiceNo":536365,"Quantity":6,"UnitPrice":2.55}` {
		t.Errorf("the first row: %+v", first)
	}
	for key, e := range a {
		if e.Type == "return" && *e.Value != 4.95 || e.Type != "return" && e.Type != "purchase" {
			t.Errorf("%s: %+v", key, e)
		}
	}
}

// firstID is the id of the file's second line.
func firstID(all map[string]behaviour.Event) string {
	for e := range maps.Values(all) {
		if strings.HasSuffix(e.ID, ".2") {
			return e.ID
		}
	}
	return ""
}

type parquetOrder struct {
	Who   string   `parquet:"who"`
	Item  string   `parquet:"product"`
	When  int64    `parquet:"time,timestamp(microsecond)"`
	Price *float64 `parquet:"value,optional"`
	Tags  []string `parquet:"tags,list"`
	Ctx   string   `parquet:"context"`
}

func TestImportParquet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.parquet")
	price := 2.5
	must(t, parquet.WriteFile(path, []parquetOrder{
		{"u1", "p1", 1_700_000_000_123_000, &price, []string{"a", "b"}, `{"page":1}`},
		{"u2", "bad id", 1_700_000_000_123_000, nil, nil, ""},
		{"u3", "p2", 1_700_000_001_000_000, nil, nil, ""},
	}))
	dir := t.TempDir()
	got := answer[importCounts](t, "import", "--data", dir, "--kind", "events", "--column", "user=who", "--type", "view", "--json", path)
	if want := (importCounts{Rows: 3, Dead: 1, Waiting: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	all := storedEvents(t, dir)
	for _, e := range all {
		if e.User == "u1" && (e.Time != 1_700_000_000_123 || *e.Value != 2.5 || e.Attributes != `{"tags":["a","b"]}` || e.Context != `{"page":1}` || !strings.HasSuffix(e.ID, ".1")) {
			t.Errorf("%+v", e)
		}
	}
	if len(all) != 2 {
		t.Errorf("%d rows", len(all))
	}
}

// Products of a CSV file become listings, with numbers as numbers.
func TestImportProductTable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "items.csv")
	write(t, path, []byte("\uFEFFStockCode;description;price;weight\n10002;\"A \"\"globe\"\"; inflatable\";0.85;1.5\n10080;cactus;;x\n9 9;bad;1;1\n"))
	got := answer[importCounts](t, "import", "--data", dir, "--kind", "products", "--column", "id=StockCode", "--column", "title=description", "--json", path)
	if want := (importCounts{Rows: 3, Accepted: 2, Dead: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	l, err := tasks.ParseListing(read(t, filepath.Join(dir, "bucket/default/media/10002/product.json")))
	must(t, err)
	if l.Title != `A "globe"; inflatable` || *l.Price != .85 || l.Attributes["weight"] != 1.5 {
		t.Errorf("%+v", l)
	}
}

// A server that is full for a while, and one that dies in the middle: the import
// waits, or says how far it came; repeating it finishes it.
func TestImportIsFinishedByRepeating(t *testing.T) {
	dir := t.TempDir()
	url := rowServer(t, dir)
	var calls int
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		switch calls {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case 3:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			req, err := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.RequestURI(), r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", r.Header.Get("Content-Type"))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = res.Body.Close() }()
			w.WriteHeader(res.StatusCode)
			var b bytes.Buffer
			_, _ = b.ReadFrom(res.Body)
			_, _ = w.Write(b.Bytes())
		}
	}))
	defer front.Close()
	path := filepath.Join(t.TempDir(), "many.jsonl")
	var b strings.Builder
	const n = 2*behaviour.BatchRows + 5
	for i := range n {
		fmt.Fprintf(&b, "{\"user\":\"u%d\",\"type\":\"note\",\"n\":%d}\n", i%97, i)
	}
	write(t, path, []byte(b.String()))
	o := weft(t, "import", "--to", front.URL, "--kind", "events", "--json", path)
	var counts importCounts
	parse(t, o.out, &counts)
	if o.code != exitFailed || counts.Rows != behaviour.BatchRows || counts.Accepted != counts.Rows || !strings.Contains(o.err, "repeat the import") {
		t.Errorf("exit %d, %+v\n%s", o.code, counts, o.err)
	}
	counts = answer[importCounts](t, "import", "--to", front.URL, "--kind", "events", "--json", path)
	if counts.Rows != n || counts.Duplicate != behaviour.BatchRows || counts.Accepted != n-behaviour.BatchRows {
		t.Errorf("%+v", counts)
	}
	if all := storedEvents(t, dir); len(all) != n {
		t.Errorf("%d rows are stored, want %d", len(all), n)
	}
}

// Lines that cannot be sent as they are leave the same letters over HTTP.
func TestUnreadableLinesOverHTTP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.jsonl")
	write(t, path, []byte("\n\nnonsense\n{\"user\":\""+strings.Repeat("x", 3<<20)+"\"}\n\n{\"user\":\"u\",\"type\":\"note\"}\n"))
	direct, sent := t.TempDir(), t.TempDir()
	want := importCounts{Rows: 3, Dead: 2, Accepted: 1}
	if got := answer[importCounts](t, "import", "--data", direct, "--kind", "events", "--json", path); got != want {
		t.Errorf("%+v", got)
	}
	if got := answer[importCounts](t, "import", "--to", rowServer(t, sent), "--kind", "events", "--json", path); got != want {
		t.Errorf("%+v", got)
	}
	letters := func(dir string) map[string]string {
		bucket, err := objects.OpenDir(filepath.Join(dir, "bucket"))
		must(t, err)
		l, err := lake.Open(t.Context(), lake.Config{Store: objects.WithPrefix(bucket, "default/"), ReadOnly: true})
		must(t, err)
		all := map[string]string{}
		for d, err := range l.Dead.Scan(t.Context()) {
			must(t, err)
			all[d.Key] = d.Reason + " " + d.Input
		}
		return all
	}
	if diff := cmp.Diff(letters(direct), letters(sent)); diff != "" || len(letters(direct)) != 2 {
		t.Errorf("letters (-directory +HTTP):\n%.3000s", diff)
	}
}

func TestImportUsage(t *testing.T) {
	dir, csv := t.TempDir(), filepath.Join(t.TempDir(), "a.csv")
	write(t, csv, []byte("user,what\nu1,x\n"))
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--kind", "events", "--column", "product=Nope", csv}, "Nope"},
		{[]string{"--kind", "events", "--column", "user=a*b", csv}, "product of two"},
		{[]string{"--kind", "events", "--time-format", "%Q", csv}, "%Q"},
		{[]string{"--kind", "events", "--zone", "Mars/Olympus", csv}, "Mars/Olympus"},
		{[]string{"--kind", "users", "--type", "view", csv}, "type view"},
		{[]string{"--kind", "weather", csv}, "weather"},
		{[]string{"--kind", "events", dir}, "folder"},
		{[]string{"--kind", "events", "--to", "http://127.0.0.1:1", csv}, "--to"},
		{[]string{"--kind", "events", "import_test.go"}, ".jsonl"},
	} {
		o := weft(t, append([]string{"import", "--data", dir}, c.args...)...)
		if o.code != exitUsage || !strings.Contains(o.err, c.says) {
			t.Errorf("%v: exit %d, %s; want 2 and %q", c.args, o.code, o.err, c.says)
		}
	}
}
