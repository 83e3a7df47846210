package files_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/behaviour"
	"weft/behaviour/files"
)

// rowsOf reads a whole file; a fault stands for its row.
func rowsOf(t *testing.T, name, body string, k behaviour.Kind, c files.Columns) (rows []string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	content := []byte(body)
	if strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		content = b.Bytes()
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := c.Mapping(k)
	if err != nil {
		return nil, err
	}
	f, err := files.Open(path, k, m)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for batch, err := range f.Batches(t.Context()) {
		if err != nil {
			return rows, err
		}
		for _, r := range batch {
			if r.Fault != nil {
				rows = append(rows, r.Fault.Error())
			} else {
				rows = append(rows, string(r.JSON))
			}
		}
	}
	return rows, nil
}

func TestColumnsBecomeFields(t *testing.T) {
	orders := files.Columns{
		Fields: map[string]string{"user": "CustomerID", "product": "StockCode", "time": "InvoiceDate", "value": "Quantity*UnitPrice"},
		Type:   "purchase", TimeFormat: "%d/%m/%Y %H:%M", Zone: "Europe/London",
	}
	for _, c := range []struct {
		name, body string
		columns    files.Columns
		want       []string
	}{
		{"plain.csv", "user,type,product\nu1,view,p1\n", files.Columns{}, []string{`{"user":"u1","type":"view","product":"p1"}`}},
		{"packed.tsv.gz", "user\ttype\nu1\tview\n", files.Columns{}, []string{`{"user":"u1","type":"view"}`}},
		{"marked.csv", "\uFEFFuser;type\nu1;view\n", files.Columns{}, []string{`{"user":"u1","type":"view"}`}},
		{"orders.csv", "CustomerID,StockCode,Quantity,UnitPrice,InvoiceDate,Country\n17850,85123A,6,2.55,01/07/2011 08:26,France\n", orders,
			[]string{`{"type":"purchase","product":"85123A","time":"2011-07-01T07:26:00Z","user":"17850","value":15.3,"Quantity":6,"UnitPrice":2.55,"Country":"France"}`}},
		{"wrong.csv", "user,type\nu1\nu2,view\n", files.Columns{},
			[]string{"the record has 1 fields where the first line names 2 columns", `{"user":"u2","type":"view"}`}},
		{"lines.jsonl", "{\"user\":\"u1\"}\n\n{\"user\":\"u2\"}\n", files.Columns{}, []string{`{"user":"u1"}`, `{"user":"u2"}`}},
	} {
		got, err := rowsOf(t, c.name, c.body, behaviour.Events, c.columns)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for i := range got { // a fault also names its reason
			if i < len(c.want) && strings.Contains(got[i], c.want[i]) {
				got[i] = c.want[i]
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, body string
		kind       behaviour.Kind
		columns    files.Columns
		says       string
	}{
		{"a.csv", "user\nu", behaviour.Events, files.Columns{Fields: map[string]string{"product": "Nope"}}, `no column "Nope"`},
		{"a.csv", "user\nu", behaviour.Events, files.Columns{Fields: map[string]string{"user": "a*b"}}, "product of two"},
		{"a.csv", "user\nu", behaviour.Events, files.Columns{TimeFormat: "%Q"}, "%Q"},
		{"a.csv", "user\nu", behaviour.Events, files.Columns{Zone: "Mars/Olympus"}, "Mars/Olympus"},
		{"a.csv", "user\nu", behaviour.Users, files.Columns{Type: "view"}, "only events"},
		{"a.csv", "", behaviour.Events, files.Columns{}, "empty"},
		{"a.jsonl", "{}", behaviour.Events, files.Columns{Type: "view"}, "CSV and Parquet"},
		{"a.txt", "x", behaviour.Events, files.Columns{}, ".jsonl"},
	} {
		_, err := rowsOf(t, c.name, c.body, c.kind, c.columns)
		if !errors.As(err, new(files.MistakeError)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %+v: %v, want a mistake that says %q", c.name, c.columns, err, c.says)
		}
	}
	if _, err := rowsOf(t, "a.parquet", "not one", behaviour.Events, files.Columns{}); err == nil || !strings.Contains(err.Error(), "not a Parquet file") {
		t.Errorf("no Parquet: %v", err)
	}
}

// Who stops early, or is stopped, leaves nobody reading.
func TestBatchesEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.csv")
	body := "user,type\n" + strings.Repeat("u,view\n", 5*behaviour.BatchRows)
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := files.Columns{}.Mapping(behaviour.Events)
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range []string{"break", "context"} {
		f, err := files.Open(path, behaviour.Events, m)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		batches := 0
		for _, err := range f.Batches(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			batches++
			if stop == "break" {
				break
			}
			cancel()
		}
		cancel()
		if err := f.Close(); err != nil || batches > 3 {
			t.Errorf("%s: %d batches, %v", stop, batches, err)
		}
	}
}
