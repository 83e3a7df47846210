package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/reports"
)

// GenerationsAnswer lists the generations of a tenant, the live one first, then the
// newest.
type GenerationsAnswer struct {
	Body struct {
		Generations []GenerationAbout `json:"generations" nullable:"false"`
	}
}

// GenerationAbout is what a generation pins.
type GenerationAbout struct {
	ID     string         `json:"id"`
	Live   bool           `json:"live"`
	Since  *time.Time     `json:"live_since,omitempty" doc:"Of the live one: when it became so"`
	Stored time.Time      `json:"stored"`
	Spec   map[string]any `json:"spec" doc:"All that it pins; its id is made of this"`
}

// mostGenerations bounds the list.
const mostGenerations = 100

func (s *Server) generations(ctx context.Context, _ *StatusQuery) (*GenerationsAnswer, error) {
	l, err := s.lakeOf(ctx)
	if err != nil {
		return nil, err
	}
	live, since, err := l.Generations.LiveSince(ctx)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	stored, err := l.Generations.List(ctx)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	slices.SortFunc(stored, func(a, b lake.StoredGeneration) int {
		if (a.ID == live) != (b.ID == live) {
			if a.ID == live {
				return -1
			}
			return 1
		}
		return b.Stored.Compare(a.Stored)
	})
	var out GenerationsAnswer
	out.Body.Generations = []GenerationAbout{}
	for _, g := range stored[:min(mostGenerations, len(stored))] {
		about := GenerationAbout{ID: g.ID, Live: g.ID == live, Stored: g.Stored.UTC()}
		spec, err := l.Generations.Get(ctx, g.ID)
		if err == nil {
			err = json.Unmarshal(spec, &about.Spec)
		}
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		if about.Live {
			about.Since = &since
		}
		out.Body.Generations = append(out.Body.Generations, about)
	}
	return &out, nil
}

// ReportsAnswer lists the reports of a tenant, the newest first.
type ReportsAnswer struct {
	Body struct {
		Reports []KeptReport `json:"reports" nullable:"false"`
	}
}

// KeptReport is a page that a command has drawn.
type KeptReport struct {
	Name    string    `json:"name"`
	Kind    string    `json:"kind" enum:"data,training,evaluation,profile"`
	Bytes   int64     `json:"bytes"`
	Written time.Time `json:"written"`
}

const mostReports = 500

func (s *Server) reports(ctx context.Context, _ *StatusQuery) (*ReportsAnswer, error) {
	found, err := reports.List(ctx, tenantOf(ctx).Objects, mostReports)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	var out ReportsAnswer
	out.Body.Reports = []KeptReport{}
	for _, r := range found {
		out.Body.Reports = append(out.Body.Reports, KeptReport(r))
	}
	return &out, nil
}

// ReportPath is one report.
type ReportPath struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	Name   string `path:"name" doc:"As the list has it" example:"20260102t030405z-data"`
}

// ReportAnswer is a page. It is drawn from a shop's data: a browser that is led to it runs
// nothing of it.
type ReportAnswer struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

func (s *Server) report(ctx context.Context, in *ReportPath) (*ReportAnswer, error) {
	page, err := reports.Get(ctx, tenantOf(ctx).Objects, in.Name)
	switch {
	case errors.Is(err, reports.ErrName), errors.Is(err, objects.ErrNotExist):
		return nil, problem(http.StatusNotFound, fmt.Sprintf("there is no report %.80q", in.Name))
	case err != nil:
		return nil, s.explain(ctx, err)
	}
	return &ReportAnswer{ContentType: "text/html; charset=utf-8", Policy: "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox", Body: page}, nil
}
