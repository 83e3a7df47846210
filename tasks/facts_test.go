package tasks_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weft/tasks"
)

func TestFacts(t *testing.T) {
	for listing, want := range map[string]string{
		`{}`:                                     ``,
		`{"title":"T","category":"C","price":3}`: ``,
		`{"brand":"Acme","stock":3,"attributes":{"colour":["red","blue"],"new":true,"brand":"other"}}`:          `{"brand":"Acme","colour":["red","blue"],"new":true,"stock":3}`,
		`{"attributes":{"a":"  ","b":{"deep":1},"c":[[1],{"x":1}],"":"nameless","d":[["in"],"out"]}}`:           `{"d":["out"]}`,
		`{"attributes":{"long":"` + strings.Repeat("x", 129) + `","short":"` + strings.Repeat("x", 128) + `"}}`: `{"short":"` + strings.Repeat("x", 128) + `"}`,
	} {
		l, err := tasks.ParseListing([]byte(listing))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Facts(); got != want {
			t.Errorf("%s: %s, want %s", listing, got, want)
		}
	}
	many := tasks.Listing{Attributes: map[string]any{}}
	for i := range 1000 {
		many.Attributes[fmt.Sprintf("name%04d", i)] = "value"
	}
	got := many.Facts()
	var back map[string]any
	if err := json.Unmarshal([]byte(got), &back); err != nil || len(got) > tasks.MaxFactsBytes || len(back) < 100 || back["name0000"] != "value" {
		t.Errorf("%d bytes, %d facts, %v", len(got), len(back), err)
	}
}
