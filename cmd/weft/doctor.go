package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"
)

type doctorCmd struct {
	place
	encoders
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (doctorCmd) Help() string {
	return `What is named is checked: the bucket by a real put, get, conditional put and delete below lake/v1/doctor/ of the
tenant, each Redis by its settings, memory and clock. Without flags it checks this machine alone. Exit code 1 tells that
something would not work.

Examples:
  weft doctor
  weft doctor --objects 's3://shop?endpoint=localhost:9000' --queue redis://localhost:6379/0 --vectors redis://localhost:6379/1 --json`
}

// How a check ended.
const (
	checkOK   = "ok"
	checkWarn = "warn" // works, and should not stay so
	checkFail = "fail" // would not work
)

// finding is one line of the report.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"`
}

// examination collects findings.
type examination struct{ findings []finding }

func (e *examination) add(check, status, do, found string, args ...any) {
	if len(args) > 0 {
		found = fmt.Sprintf(found, args...)
	}
	if status == checkOK {
		do = ""
	}
	e.findings = append(e.findings, finding{check, status, found, do})
}

// judge is add for what either works or does not.
func (e *examination) judge(check string, err error, do, found string, args ...any) bool {
	if err != nil {
		e.add(check, checkFail, do, "%s", oneLine(err.Error(), 300))
		return false
	}
	e.add(check, checkOK, "", found, args...)
	return true
}

// patienceOf bounds one part of the examination: a server that is away is a finding.
const patienceOf = 20 * time.Second

// Run is `weft doctor`.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	if _, err := c.tenant(); err != nil {
		return err
	}
	var e examination
	e.add("weft", checkOK, "", "%s, %s, %s/%s, %d cores", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	for _, part := range []func(context.Context, *examination, *app){c.models, c.redisServers, c.bucket, c.disks} {
		bounded, cancel := context.WithTimeout(ctx, patienceOf)
		part(bounded, &e, a)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	failed := 0
	for _, f := range e.findings {
		if f.Status == checkFail {
			failed++
		}
	}
	if err := c.print(a, e.findings); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(e.findings))
	}
	return nil
}

func (c *doctorCmd) print(a *app, findings []finding) error {
	if c.JSON {
		return json.NewEncoder(a.out).Encode(findings)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Status, f.Check, f.Found)
		if f.Do != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", f.Do)
		}
	}
	return w.Flush()
}

// errNotDone says that a server let through what it should have refused.
var errNotDone = errors.New("the condition was not enforced")
