package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/examples/shoppers"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	if err := run(shoppers.Config{Seed: 5, Shoppers: 30}, "../../catalogue", dir, filepath.Join(dir, "tables"), true, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"simulated shoppers  30", "random", "popular", "best possible", "knowable at best"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	body, err := os.ReadFile(filepath.Join(dir, "rows", shoppers.UsersFile))
	if err != nil || bytes.Count(body, []byte("\n")) != 30 {
		t.Errorf("users.jsonl: %v, %d lines", err, bytes.Count(body, []byte("\n")))
	}
	for name, columns := range map[string]int{"interactions.csv": 4, "profiles.csv": 6, "items.csv": 5} {
		f, err := os.Open(filepath.Join(dir, "tables", name))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil || len(rows) < 31 || len(rows[0]) != columns {
			t.Errorf("%s: %v, %d rows", name, err, len(rows))
		}
	}
	if err := run(shoppers.Config{}, filepath.Join(dir, "nowhere"), "", "", false, &out); !errors.Is(err, shoppers.ErrCatalogue) {
		t.Errorf("no catalogue: %v", err)
	}
}
