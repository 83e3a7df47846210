package main

import (
	"bytes"
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
	if err := run(shoppers.Config{Seed: 5, Shoppers: 30}, "../../catalogue", dir, true, &out); err != nil {
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
	if err := run(shoppers.Config{}, filepath.Join(dir, "nowhere"), "", false, &out); !errors.Is(err, shoppers.ErrCatalogue) {
		t.Errorf("no catalogue: %v", err)
	}
}
