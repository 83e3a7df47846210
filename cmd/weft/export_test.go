package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"weft/fusion"
)

// readBack reads an export in all three forms, as somebody without our code
// would, and prints what it found.
const readBack = `
import duckdb, json, numpy, sys
folder, what, key = sys.argv[1:]
path = folder + "/" + what
rows = [json.loads(line) for line in open(path + ".jsonl")]
matrix = numpy.load(path + ".npy")
ids = open(path + ".ids.txt").read().split("\n")[:-1]
parquet = duckdb.sql("select * from '%s.parquet'" % path).fetchall()
names = [c[0] for c in duckdb.sql("describe select * from '%s.parquet'" % path).fetchall()]
table = [dict(zip(names, row)) for row in parquet]
wide = numpy.array([r["vector"] for r in rows], dtype=numpy.float32)
same = [numpy.array(r["vector"], dtype=numpy.float32) for r in table]
print(json.dumps({
  "dtype": str(matrix.dtype), "shape": matrix.shape, "ids": ids,
  "jsonl": ids == [r[key] for r in rows] and bool((wide == matrix).all()),
  "parquet": ids == [r[key] for r in table] and bool((numpy.stack(same) == matrix).all()),
  "columns": names, "longest": float(numpy.abs(numpy.linalg.norm(matrix, axis=1) - 1).max()),
}))`

// TestExport reads the exported files with numpy and DuckDB, and holds the
// evaluation against the library's over the same vectors.
func TestExport(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 12)
	s.stock(ids...)
	s.up()
	folder := t.TempDir()
	export := func(what, name string, more ...string) {
		for _, format := range []string{"parquet", "npy", "jsonl"} {
			out := filepath.Join(folder, name+"."+format)
			done(t, append([]string{"export", what, "--data", s.dir, "--format", format, "--out", out}, more...)...)
		}
	}
	type found struct {
		DType          string
		Shape          []int
		IDs, Columns   []string
		JSONL, Parquet bool
		Longest        float64
	}
	t.Run("products", func(t *testing.T) {
		export("products", "products")
		var f found
		parse(t, python(t, readBack, folder, "products", "id"), &f)
		if f.DType != "float32" || f.Shape[0] != 12 || !f.JSONL || !f.Parquet || f.Longest > 1e-5 || strings.Join(f.IDs, " ") != strings.Join(ids, " ") {
			t.Errorf("found %+v", f)
		}
		want := "id vector content modalities source_version sources updated_at title category price image attributes generation"
		if strings.Join(f.Columns, " ") != want {
			t.Errorf("columns %v, want %s", f.Columns, want)
		}
	})
	t.Run("features", func(t *testing.T) {
		for modality, dim := range map[string]int{"image": 1280, "text": 384} {
			export("features", modality, "--modality", modality)
			var f found
			parse(t, python(t, readBack, folder, modality, "key"), &f)
			if f.DType != "float32" || f.Shape[0] != 12 || f.Shape[1] != dim || !f.JSONL || !f.Parquet {
				t.Errorf("%s: found %+v", modality, f)
			}
		}
	})
	t.Run("mixed", func(t *testing.T) {
		mixed := filepath.Join(t.TempDir(), "mixed")
		done(t, "export", "products", "--data", s.dir, "--format", "npy", "--out", mixed+".npy") // of an earlier day
		before := [][]byte{read(t, mixed+".npy"), read(t, mixed+".ids.txt")}
		o := weft(t, "export", "features", "--data", s.dir, "--format", "npy", "--out", mixed+".npy")
		if o.code != exitFailed || !strings.Contains(o.err, "--modality") {
			t.Errorf("features of two widths in one matrix: exit %d, %s", o.code, o.err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(mixed), "*")); len(left) != 2 {
			t.Errorf("a failed export left %v", left)
		}
		if !bytes.Equal(before[0], read(t, mixed+".npy")) || !bytes.Equal(before[1], read(t, mixed+".ids.txt")) {
			t.Error("a failed export spoiled the one that was there")
		}
	})
	t.Run("evaluate", func(t *testing.T) {
		rows := exported[productRow](t, "products", "--data", s.dir)
		var vectors [][]float32
		var labels []string
		for _, r := range rows {
			vectors, labels = append(vectors, r.Content), append(labels, r.Category)
		}
		r, err := fusion.Neighbours(t.Context(), vectors, labels, 3)
		must(t, err)
		want, err := json.Marshal(r)
		must(t, err)
		got := done(t, "evaluate", "--data", s.dir, "-k", "3", "--json")
		if strings.TrimSpace(got) != string(want) {
			t.Errorf("evaluate: %swant %s", got, want)
		}
	})
}
