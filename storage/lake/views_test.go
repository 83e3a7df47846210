package lake_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/storage/lake"
	"weft/storage/objects"
)

// duckdb is the Python that has DuckDB.
func duckdb(t *testing.T) string {
	t.Helper()
	python := os.Getenv("WEFT_DUCKDB_PYTHON")
	if python == "" {
		cache, err := os.UserCacheDir()
		must(t, err)
		python = filepath.Join(cache, "weft", "test-venv", "bin", "python")
	}
	if out, err := exec.Command(python, "-c", "import duckdb").CombinedOutput(); err != nil {
		t.Fatalf("run `make test`, which prepares it: %s has no DuckDB: %v\n%s", python, err, out)
	}
	return python
}

// asColumns renders rows as JSON objects of column names and values.
func asColumns[R any](t *testing.T, rows []R) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, row := range rows {
		v, m := reflect.ValueOf(row), map[string]any{}
		for _, f := range reflect.VisibleFields(v.Type()) {
			if name, _, _ := strings.Cut(f.Tag.Get("parquet"), ","); name != "" {
				m[name] = v.FieldByIndex(f.Index).Interface()
				if s, ok := m[name].([]float32); ok {
					exact := make([]float64, len(s)) // DuckDB prints them so
					for i := range s {
						exact[i] = float64(s[i])
					}
					m[name] = exact
				}
				if s, ok := m[name].([]string); ok && s == nil {
					m[name] = []string{}
				}
			}
		}
		b, err := json.Marshal(m)
		must(t, err)
		var plain map[string]any
		must(t, json.Unmarshal(b, &plain))
		all = append(all, plain)
	}
	return all
}

func sameInDuckDB[R any](t *testing.T, root string, table *lake.Table[R], want map[string]string) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "views.sql")
	must(t, os.WriteFile(script, []byte(lake.Views()), 0o600))
	cmd := exec.Command(duckdb(t), "testdata/views.py", script, root, table.Name())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", table.Name(), err, stderr.Bytes())
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	var types map[string]string
	var got []map[string]any
	for lines.Scan() {
		if types == nil {
			must(t, json.Unmarshal(lines.Bytes(), &types))
			continue
		}
		var m map[string]any
		must(t, json.Unmarshal(lines.Bytes(), &m))
		got = append(got, m)
	}
	must(t, lines.Err())
	if d := cmp.Diff(asColumns(t, scan(t, table, lake.Query{})), got); d != "" {
		t.Errorf("%s (-scan +view):\n%s", table.Name(), d)
	}
	for column, kind := range want {
		if types[column] != kind {
			t.Errorf("%s.%s is %s, want %s", table.Name(), column, types[column], kind)
		}
	}
}

func TestViewsShowWhatScanShows(t *testing.T) {
	root := t.TempDir()
	d, err := objects.OpenDir(root)
	must(t, err)
	l := open(t, objects.WithPrefix(d, "default/"))
	ctx := t.Context()
	// Several segments, superseded rows, a tombstone and a key that came back in each.
	for round := range 4 {
		for i := range 5 {
			head := lake.Row{Key: fmt.Sprintf("k%d", i), Version: int64(100 + round*(i%3)), Deleted: round == 2 && i > 2 || i == 3 && round > 2}
			p := product(i, 4)
			p.Row, p.Title = head, fmt.Sprintf("round %d, naïve ''quotes''", round)
			f := feature(i, 3)
			f.Row = head
			must(t, l.Products.Append(ctx, p))
			must(t, l.Features.Append(ctx, f))
			must(t, l.Objects.Append(ctx, lake.Object{Row: head, ETag: fmt.Sprint(round), Size: 1 << 40, ReadAt: 1_700_000_000_123}))
			must(t, l.Dead.Append(ctx, lake.Dead{Row: head, Reason: "corrupt", Attempts: int64(round), Time: 1_700_000_000_123}))
		}
		if round == 1 {
			_, err := l.CompactFully(ctx)
			must(t, err)
		}
	}
	folder := filepath.Join(root, "default", "lake", "v1")
	sameInDuckDB(t, folder, l.Products, map[string]string{
		"key": "VARCHAR", "version": "BIGINT", "written": "TIMESTAMP WITH TIME ZONE", "deleted": "BOOLEAN", "price": "DOUBLE",
		"vector": "FLOAT[]", "content": "FLOAT[]", "modalities": "VARCHAR[]", "updated_at": "TIMESTAMP WITH TIME ZONE",
	})
	sameInDuckDB(t, folder, l.Features, map[string]string{"vector": "FLOAT[]", "recipe": "VARCHAR"})
	sameInDuckDB(t, folder, l.Objects, map[string]string{"size": "BIGINT", "read_at": "TIMESTAMP WITH TIME ZONE"})
	sameInDuckDB(t, folder, l.Dead, map[string]string{"attempts": "BIGINT"})
	sameInDuckDB(t, folder, l.Receipts, map[string]string{"rows": "BIGINT"}) // empty
	if rows := scan(t, l.Products, lake.Query{}); len(rows) == 0 || len(rows) == 5 {
		t.Errorf("%d rows: the test needs some that are deleted and some that are not", len(rows))
	}
}
