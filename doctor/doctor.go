// Package doctor looks at what weft is to run on and says what would not work, and what to do: a bucket by doing there what
// weft does, a Redis by its settings, memory and clock, a disk by its room. What needs encoders or a catalogue's generation
// is looked at by the command, which adds what it found.
package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// How a check ended.
const (
	OK   = "ok"
	Warn = "warn" // works, and should not stay so
	Fail = "fail" // would not work
)

// Finding is one line of the report.
type Finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"` // about it; "" where all is well
}

// Examination collects findings. It is used by one goroutine at a time.
type Examination struct{ Findings []Finding }

// Add notes how a check ended, and what to do where that is not OK.
func (e *Examination) Add(check, status, do, found string, args ...any) {
	if len(args) > 0 {
		found = fmt.Sprintf(found, args...)
	}
	if status == OK {
		do = ""
	}
	e.Findings = append(e.Findings, Finding{check, status, found, do})
}

// Judge is Add for what either works or does not.
func (e *Examination) Judge(check string, err error, do, found string, args ...any) bool {
	if err != nil {
		e.Add(check, Fail, do, "%s", inOneLine(err))
		return false
	}
	e.Add(check, OK, "", found, args...)
	return true
}

// Failed is how many checks failed.
func (e *Examination) Failed() (n int) {
	for _, f := range e.Findings {
		if f.Status == Fail {
			n++
		}
	}
	return n
}

// JSON writes the findings as a list.
func (e *Examination) JSON(w io.Writer) error { return json.NewEncoder(w).Encode(e.Findings) }

// Print writes a line for each finding, and below it what to do.
func (e *Examination) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, f := range e.Findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Status, f.Check, f.Found)
		if f.Do != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", f.Do)
		}
	}
	return w.Flush()
}

// inOneLine is an error's text, cut off where a server's answer would fill the screen.
func inOneLine(err error) string {
	return fmt.Sprintf("%.300s", strings.Join(strings.Fields(err.Error()), " "))
}
