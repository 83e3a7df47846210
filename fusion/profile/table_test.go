package profile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadTable(t *testing.T) {
	table, err := ReadTable([]map[string]any{
		{"id": "a", "attributes": map[string]any{"age": 31.0, "interests": []any{"go", "chess"}}, "consent": map[string]any{"profiling": true}},
		{"user": "b", "city": " Graz ", "consent": "false", "age": 20},
		{"user": "c", "city": "Graz", "vip": true},
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(table.Consent, []bool{true, false, true}) {
		t.Errorf("consent %v", table.Consent)
	}
	got := map[string][]string{}
	for _, c := range table.Columns {
		got[c.Name] = c.Values
	}
	for name, want := range map[string][]string{"age": {"31", "", ""}, "city": {"", "", "Graz"}, "interests": {`["go","chess"]`, "", ""}, "vip": {"", "", "true"}} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("columns %v", got)
	}
	if table, err := ReadTable([]map[string]any{{"user": "c"}}, false); err != nil || table.Consent[0] {
		t.Errorf("without a consent column the caller decides: %v, %v", table.Consent, err)
	}
	for name, rows := range map[string][]map[string]any{
		"no user": {{"age": 3}}, "twice": {{"user": "a"}, {"id": "a"}}, "consent": {{"user": "a", "consent": "perhaps"}},
	} {
		if _, err := ReadTable(rows, true); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInfer(t *testing.T) {
	const n = 200
	table := Table{}
	columns := map[string]func(i int) string{
		"age":      func(i int) string { return fmt.Sprint(10 + i%70) },
		"income":   func(i int) string { return fmt.Sprint(1000.5 + float64(i*7%n)) },
		"children": func(i int) string { return fmt.Sprint(i % 3) },
		"city":     func(i int) string { return []string{"Graz", "Lyon", "Graz", fmt.Sprint("village ", i%16)}[i%4] },
		"tags":     func(i int) string { return []string{"go;chess", "go", "", "whist; rare"}[i%4] },
		"json":     func(i int) string { return []string{`["x","y"]`, `[]`}[i%2] },
		"name":     func(i int) string { return fmt.Sprint("name ", i) },
		"shop":     func(int) string { return "same" },
		"empty":    func(int) string { return "" },
		"a b":      func(i int) string { return []string{"x", "y"}[i%2] },
		"mostly":   func(i int) string { return []string{fmt.Sprint(i), "n/a"}[min(1, max(0, i-193))] },
	}
	for i := range n {
		table.Users, table.Consent = append(table.Users, fmt.Sprint("u", i)), append(table.Consent, i < n-10)
	}
	for name, value := range columns {
		c := Column{Name: name}
		for i := range n {
			c.Values = append(c.Values, value(i))
		}
		table.Columns = append(table.Columns, c)
	}
	found, err := Infer(table, TableConfig{MinPerValue: 15})
	if err != nil {
		t.Fatal(err)
	}
	uses, specs := map[string]ColumnUse{}, map[string]Spec{}
	for _, u := range found.Columns {
		uses[u.Name] = u
	}
	for _, s := range found.Specs {
		specs[s.Name] = s
	}
	for name, want := range map[string]string{"age": "bands", "income": "bands", "children": "classes", "city": "classes", "tags": "tags", "json": "tags",
		"name": leftOut, "shop": leftOut, "empty": leftOut, "a b": leftOut, "mostly": "bands"} {
		if uses[name].Use != want || uses[name].Why == "" {
			t.Errorf("%s is %+v, want %s", name, uses[name], want)
		}
	}
	if got := specs["age"].Values; !slices.Equal(got, []string{"under 18", "18-24", "25-34", "35-49", "50-64", "65+"}) {
		t.Errorf("age bands %q", got)
	}
	if got := specs["income"].Values; len(got) != 5 {
		t.Errorf("income has the bands %q, want fifths", got)
	}
	if got := specs["city"].Values; !slices.Equal(got, []string{"Graz", "Lyon", Pooled}) {
		t.Errorf("cities %q, want the rare ones pooled", got)
	}
	if got := specs["tags"].Values; !slices.Equal(got, []string{"chess", "go", "rare", "whist"}) {
		t.Errorf("tags %q", got)
	}
	if got := found.Labels[0]["age"]; !slices.Equal(got, []string{"under 18"}) {
		t.Errorf("ten years are %q", got)
	}
	if got := found.Labels[8]["age"]; !slices.Equal(got, []string{"18-24"}) {
		t.Errorf("eighteen years are %q", got)
	}
	if got := found.Labels[3]["city"]; !slices.Equal(got, []string{Pooled}) {
		t.Errorf("a village is %q", got)
	}
	if _, known := found.Labels[2]["tags"]; known {
		t.Error("an empty cell is not an empty list")
	}
	if got, known := found.Labels[1]["json"]; !known || len(got) != 0 {
		t.Errorf("an empty list is known to be empty: %q, %v", got, known)
	}
	if found.Labels[n-1] != nil || uses["age"].Known != n-10 {
		t.Errorf("users without consent: labels %v, %d known ages", found.Labels[n-1], uses["age"].Known)
	}
	vectors := map[string][]float32{}
	for i := range 150 {
		vectors[table.Users[i]] = []float32{1}
	}
	list, bare := table.Examples(found.Labels, vectors, nil)
	if len(list) != 160 || bare != 40 { // 150 with a vector, 10 that refuse
		t.Errorf("%d examples, %d bare", len(list), bare)
	}
	if last := list[len(list)-1]; last.Consent || last.Labels != nil || last.Vector != nil {
		t.Errorf("a user without consent carries %+v", last)
	}
	for name, c := range map[string]TableConfig{
		"falling": {Edges: map[string][]float64{"age": {3, 2}}}, "NaN": {Edges: map[string][]float64{"age": {math.NaN()}}},
		"no edges": {Edges: map[string][]float64{"age": {}}}, "values": {MaxValues: 1000},
	} {
		if _, err := Infer(table, c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	table.Columns[0].Values = table.Columns[0].Values[1:]
	if _, err := Infer(table, TableConfig{}); !errors.Is(err, ErrTable) {
		t.Errorf("a short column: %v", err)
	}
}

// Nobody is 999 years old: such an age is not known, rather than 65 or more.
func TestAgesThatAreNone(t *testing.T) {
	column := Column{Name: "age"}
	table := Table{Columns: []Column{column}}
	for i := range 100 {
		table.Users, table.Consent = append(table.Users, fmt.Sprint("u", i)), append(table.Consent, true)
		table.Columns[0].Values = append(table.Columns[0].Values, []string{"20", "40", "-5", "999", "ask"}[i%5])
	}
	found, err := Infer(table, TableConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if use := found.Columns[0]; use.Use != "bands" || use.Known != 100 || use.Unread != 60 {
		t.Errorf("%+v", use)
	}
	for i, want := range []string{"18-24", "35-49", "", "", ""} {
		if got := strings.Join(found.Labels[i]["age"], "+"); got != want {
			t.Errorf("age %s is %q, want %q", table.Columns[0].Values[i], got, want)
		}
	}
}

func TestBandNames(t *testing.T) {
	for _, c := range []struct {
		edges []float64
		want  []string
	}{
		{[]float64{18}, []string{"under 18", "18+"}},
		{[]float64{1, 2, 5}, []string{"under 1", "1", "2-4", "5+"}},
		{[]float64{0.5, 2}, []string{"under 0.5", "0.5 to 2", "2 or more"}},
	} {
		if got := bandNames(c.edges); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.edges, got, c.want)
		}
	}
}

func TestBehaviourFeatures(t *testing.T) {
	at := time.Date(2026, 5, 11, 0, 0, 0, 0, time.UTC)
	b := Behaviour{
		Events: map[string]int{"view": 3, "purchase": 1, "unboxing": 2}, Products: 2, Spent: 49, Prices: []float64{9, math.NaN(), -1, 99},
		First: at.AddDate(0, 0, -10), Last: at.AddDate(0, 0, -1), Evenings: 3, Reviews: 1, Rating: 5,
	}
	got := map[string]float64{}
	features := b.Features(at)
	for i, name := range BehaviourFeatures() {
		got[name] = float64(features[i])
	}
	for name, want := range map[string]float64{
		"log_events": math.Log(7), "log_view": math.Log(4), "log_purchase": math.Log(2), "log_cart": 0, "log_own_types": math.Log(3), "log_products": math.Log(3),
		"log_spent": math.Log(50), "mean_log_price": math.Log(1000) / 2, "spread_log_price": math.Log(10) / 2, "log_days_known": math.Log(11), "log_days_quiet": math.Log(2),
		"evening_share": 0.5, "log_reviews": math.Log(2), "rating_from_middle": 1,
	} {
		if math.Abs(got[name]-want) > 1e-5 {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if len(features) != len(BehaviourFeatures()) {
		t.Errorf("%d features, %d names", len(features), len(BehaviourFeatures()))
	}
	for _, odd := range []Behaviour{{}, {Spent: math.Inf(-1), Rating: math.NaN(), Reviews: 2, Evenings: -4, Last: at}, {Spent: math.Inf(1), Events: map[string]int{"view": -3}, First: at.AddDate(1, 0, 0), Last: at}} {
		for i, x := range odd.Features(at) {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				t.Errorf("%+v: %s is %v", odd, BehaviourFeatures()[i], x)
			}
		}
	}
}
