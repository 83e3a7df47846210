package serve

import (
	"fmt"
	"slices"
	"strings"

	"weft/storage/objects"
)

// tags is an If-Match or If-None-Match header: any version, or these.
type tags struct {
	set bool
	any bool
	// strong and weak hold opaque tags without quotes.
	strong, weak []string
}

// parseTags reads `*` or a list of entity tags. "" sets nothing.
func parseTags(header, value string) (tags, error) {
	rest := strings.TrimSpace(value)
	if rest == "" {
		return tags{}, nil
	}
	if rest == "*" {
		return tags{set: true, any: true}, nil
	}
	t := tags{set: true}
	for {
		tag, weak := strings.CutPrefix(rest, "W/")
		body, quoted := strings.CutPrefix(tag, `"`)
		opaque, after, closed := strings.Cut(body, `"`)
		if !quoted || !closed {
			return tags{}, fmt.Errorf(`%s: want * or entity tags in double quotes, such as "5f2c"`, header)
		}
		if weak {
			t.weak = append(t.weak, opaque)
		} else {
			t.strong = append(t.strong, opaque)
		}
		after = strings.TrimLeft(after, " \t")
		if after == "" {
			return t, nil
		}
		next, comma := strings.CutPrefix(after, ",")
		if !comma {
			return tags{}, fmt.Errorf("%s: want a comma between entity tags", header)
		}
		rest = strings.TrimLeft(next, " \t")
	}
}

// matches compares strongly: a weak tag never matches.
func (t tags) matches(etag string) bool { return t.any || slices.Contains(t.strong, etag) }

// matchesWeakly is the comparison of a read.
func (t tags) matchesWeakly(etag string) bool {
	return t.matches(etag) || slices.Contains(t.weak, etag)
}

// conditions are the two headers of a write.
type conditions struct{ match, noneMatch tags }

// condition turns the headers into what the store checks atomically, given the
// object as it is now (nil if absent). It is ErrPrecondition when they already fail.
func (c conditions) condition(now *objects.Info) (objects.Condition, error) {
	if c.match.set && (now == nil || !c.match.matches(now.ETag)) {
		return objects.Condition{}, fmt.Errorf("%w: If-Match names another version", objects.ErrPrecondition)
	}
	if c.noneMatch.set && now != nil && c.noneMatch.matchesWeakly(now.ETag) {
		return objects.Condition{}, fmt.Errorf("%w: If-None-Match names the version that is there", objects.ErrPrecondition)
	}
	switch {
	case !c.match.set && !c.noneMatch.set:
		return objects.Condition{}, nil
	case now == nil:
		return objects.Condition{IfAbsent: true}, nil
	default:
		return objects.Condition{IfMatch: now.ETag}, nil
	}
}

func quoteTag(etag string) string { return `"` + strings.ReplaceAll(etag, `"`, "") + `"` }
