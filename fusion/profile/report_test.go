package profile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	train, test := Split(made(1, 600), 1, 0.3)
	for i := range test[:30] {
		test[i].Labels["colour"] = []string{`<b>"mauve"|</b>`}
	}
	for i := range train[:40] {
		train[i].Labels["colour"] = []string{`<b>"mauve"|</b>`}
	}
	test[50].Consent = false
	m, _ := trained(t, train, config())
	e, err := Evaluate(t.Context(), m, test, EvalConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := e.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	tags := map[string]int{}
	for d := xml.NewDecoder(bytes.NewReader(page.Bytes())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the section is not well formed: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			tags[start.Name.Local]++
		}
	}
	if tags["svg"] != 2 || tags["circle"] < 8 || tags["section"] != 1 || tags["b"] != 0 {
		t.Errorf("elements %v", tags)
	}
	for _, want := range []string{"colour", "hobbies", fmt.Sprintf("%.3f", e.Heads[0].Accuracy), fmt.Sprintf("%.3f", e.Heads[1].F1), "&lt;b&gt;", "1 without it were passed over"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the section lacks %q", want)
		}
	}
	if strings.Contains(page.String(), "ZgotmplZ") {
		t.Error("html/template refused a value")
	}
	text := e.Markdown()
	for _, want := range []string{fmt.Sprintf("| colour | %d |", e.Heads[0].Users), `\|`, "| hobbies | colour |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the tables lack %q:\n%s", want, text)
		}
	}
	columns := 0
	for _, line := range strings.Split(strings.ReplaceAll(text, `\|`, ""), "\n") {
		n := strings.Count(line, "|")
		if n > 0 && columns > 0 && n != columns {
			t.Errorf("a row of %d columns below one of %d: %s", n-1, columns-1, line)
		}
		columns = n
	}
}

func TestLearn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var rows []map[string]any
	vectors := map[string][]float32{}
	for i := range 600 {
		user := fmt.Sprint("u", i)
		age := 18 + rng.IntN(60)
		vectors[user] = []float32{float32(age)/20 + 0.3*float32(rng.NormFloat64()), float32(rng.NormFloat64())}
		rows = append(rows, map[string]any{"user": user, "age": age, "consent": i%10 > 0, "name": fmt.Sprint("name ", i)})
	}
	delete(vectors, "u5")
	table, err := ReadTable(rows, true)
	if err != nil {
		t.Fatal(err)
	}
	study, err := Learn(t.Context(), table, vectors, nil, TableConfig{}, Config{Seed: 1}, 0.25)
	if err != nil {
		t.Fatal(err)
	}
	if study.Bare != 1 || study.Training.Counts.NoConsent+study.Evaluation.Counts.NoConsent != 60 || study.Training.Counts.Used+study.Evaluation.Counts.Used != 539 {
		t.Errorf("bare %d, training %+v, test %+v", study.Bare, study.Training.Counts, study.Evaluation.Counts)
	}
	if age := study.Evaluation.Heads[0]; len(study.Evaluation.Heads) != 1 || age.Head != "age" || age.Accuracy < age.Constant.Accuracy+0.2 {
		t.Errorf("%+v", study.Evaluation.Heads)
	}
	if _, err := Learn(t.Context(), table, vectors, nil, TableConfig{}, Config{}, 0); !errors.Is(err, ErrConfig) {
		t.Errorf("nothing kept for testing: %v", err)
	}
	table.Columns = table.Columns[1:] // the names
	if _, err := Learn(t.Context(), table, vectors, nil, TableConfig{}, Config{}, 0.2); !errors.Is(err, ErrNothing) {
		t.Errorf("only names: %v", err)
	}
}
