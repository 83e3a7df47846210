// Package reports keeps the HTML pages that commands have drawn of a tenant's data and
// models, in the bucket, where the console finds them.
package reports

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"weft/storage/lake"
	"weft/storage/objects"
)

// Prefix is where reports lie below a tenant, each a <name>.html.
const Prefix = lake.Root + "reports/"

// MaxBytes bounds one report.
const MaxBytes = 32 << 20

// Errors of this package.
var (
	// ErrName: the name of a report has other characters than a-z, 0-9, '-' and 't', 'z' of its time.
	ErrName = errors.New("not the name of a report")
	// ErrNotHTML: what is to be kept is no HTML page, or larger than MaxBytes.
	ErrNotHTML = errors.New("not an HTML page that can be kept")
)

// Kinds are what reports are about.
func Kinds() []string { return []string{"data", "training", "evaluation", "profile"} }

// Report is one that is kept.
type Report struct {
	Name    string // unique: when it was written, its kind, and a word of the writer's
	Kind    string // one of Kinds
	Bytes   int64
	Written time.Time
}

var namePattern = regexp.MustCompile(`^\d{8}t\d{6}z-([a-z]+)(-[a-z0-9-]{1,60})?$`)

var others = regexp.MustCompile(`[^a-z0-9]+`)

// Put keeps a page. word is the writer's own, may be empty and is cut to what a name may
// hold. Errors: ErrNotHTML, the store's.
func Put(ctx context.Context, to objects.Store, kind, word string, page []byte, now time.Time) (Report, error) {
	if !slices.Contains(Kinds(), kind) {
		return Report{}, fmt.Errorf("reports: kind %q: want one of %v", kind, Kinds())
	}
	head := strings.ToLower(string(page[:min(len(page), 512)]))
	if len(page) > MaxBytes || !strings.Contains(head, "<!doctype html") && !strings.Contains(head, "<html") {
		return Report{}, fmt.Errorf("reports: %w: %d bytes that begin with %.40q; want a page that says so at its beginning, of at most %d bytes", ErrNotHTML, len(page), page, MaxBytes)
	}
	r := Report{Kind: kind, Bytes: int64(len(page)), Written: now.UTC()}
	r.Name = strings.ToLower(r.Written.Format("20060102T150405Z")) + "-" + kind
	if word = strings.Trim(others.ReplaceAllString(strings.ToLower(word), "-"), "-"); word != "" {
		r.Name += "-" + strings.TrimRight(word[:min(len(word), 60)], "-")
	}
	_, err := to.Put(ctx, Prefix+r.Name+".html", page, objects.Condition{})
	return r, err
}

// List yields the reports, the newest first, at most limit.
func List(ctx context.Context, from objects.Store, limit int) ([]Report, error) {
	found := []Report{}
	for info, err := range from.List(ctx, Prefix, "") {
		if err != nil {
			return nil, err
		}
		name, ok := strings.CutSuffix(strings.TrimPrefix(info.Key, Prefix), ".html")
		if m := namePattern.FindStringSubmatch(name); ok && m != nil {
			found = append(found, Report{Name: name, Kind: m[1], Bytes: info.Size, Written: info.Modified.UTC()})
		}
	}
	slices.Reverse(found)
	return found[:min(limit, len(found))], nil
}

// Get reads one. Errors: ErrName, those of the store.
func Get(ctx context.Context, from objects.Store, name string) ([]byte, error) {
	if !namePattern.MatchString(name) {
		return nil, fmt.Errorf("reports: %w: %.80q: List names them", ErrName, name)
	}
	page, _, err := from.Get(ctx, Prefix+name+".html", objects.GetOptions{MaxBytes: MaxBytes})
	return page, err
}
