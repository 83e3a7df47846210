package behaviour

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weft/storage/lake"
	"weft/storage/objects"
)

// DuckDB reads through the views what the tables hold.
func TestViewsInDuckDB(t *testing.T) {
	root := t.TempDir()
	d, err := objects.OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	s := openShop(t, objects.WithPrefix(d, "default/"))
	s.send(Events, event("e1", "u1", "p1", `,"value":2.5`), event("e2", "u2", "p1", ""))
	s.send(Events, event("e3", "u1", "p2", ""))
	s.send(Users, `{"id":"u1","city":"Ulm","consent":{"profiling":true}}`)
	s.send(Reviews, `{"id":"r1","user":"u1","product":"p1","rating":4,"text":"good","time":"2026-04-01T00:00:00Z"}`)
	folder := t.TempDir()
	for name, script := range map[string]string{"lake.sql": lake.Views(), "behaviour.sql": Views()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := `
import duckdb, sys
db = duckdb.connect()
db.execute("SET VARIABLE lake = '%s'" % sys.argv[2])
for name in ("lake.sql", "behaviour.sql"):
    db.execute(open(sys.argv[1] + "/" + name).read())
print(db.execute("SELECT user, count(*), sum(value), min(time)::VARCHAR FROM events GROUP BY user ORDER BY user").fetchall())
print(db.execute("SELECT e.product, r.rating, u.profiling, r.imputed FROM events e JOIN reviews r USING (product) JOIN users u ON u.id = r.user ORDER BY e.id").fetchall())
print(db.execute("SELECT key, rating, text FROM product_reviews").fetchall())
`
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(cache, "weft", "test-venv", "bin", "python"), "-c", program, folder, filepath.Join(root, "default", "lake", "v1"))
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("run `make test`, which prepares DuckDB: %v\n%s", err, out)
	}
	want := `[('u1', 2, 2.5, '2026-04-01 00:00:00+00'), ('u2', 1, None, '2026-04-01 00:00:00+00')]
[('p1', 4.0, 'yes', []), ('p1', 4.0, 'yes', [])]
[('p1/u1/r1', 4.0, 'good')]`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("DuckDB says\n%s\nwant\n%s", got, want)
	}
}
