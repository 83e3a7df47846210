// Package report draws what a shop's rows hold, before and after each step of cleaning (package clean): one HTML page that
// needs nothing else.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"

	"github.com/dustin/go-humanize"

	"weft/behaviour/clean"
)

//go:embed page.html
var pageText string

// Data is what the page is made of.
type Data struct {
	*clean.Survey
	Tenant     string
	Unreadable int    // listings that cannot be read
	Version    string // of weft
}

// Draw makes the page.
func Draw(d Data) ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"count": humanize.Comma, "number": shortNumber, "part": percentOf, "day": func(t time.Time) string { return t.Format(time.DateOnly) }, "add": func(a, b int) int { return a + b },
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, struct {
		Data
		Charts []section
	}{d, sections(d.Survey)}); err != nil {
		return nil, fmt.Errorf("drawing the report: %w", err)
	}
	return b.Bytes(), nil
}
