package behaviour

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weft/tasks"
)

// Bounds of the times of rows. What lies before is a clock that was never set (1970)
// or a number in another unit; what lies after is a clock that is wrong.
const (
	// MaxAhead is how far into the future a time may lie: a zone left out, no more.
	MaxAhead = 24 * time.Hour
	// secondsBelow divides numbers: below they are Unix seconds, from there on Unix
	// milliseconds. As seconds it is the year 5138, as milliseconds March 1973.
	secondsBelow = 1e11
)

// EarliestTime is the earliest time that a row may have: 2000-01-01 UTC.
func EarliestTime() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// millis reads a field of time: RFC 3339, or Unix seconds or milliseconds, as a
// number or in quotes. given is false where there is none.
func millis(raw json.RawMessage, now time.Time) (ms int64, given bool, f *Fault) {
	const want = "want RFC 3339 such as 2026-01-31T09:30:00Z, or Unix seconds or milliseconds; a CSV file's own format is named with --time-format"
	if raw == nil || string(raw) == `""` {
		return 0, false, nil
	}
	text := string(raw)
	if raw[0] == '"' {
		if json.Unmarshal(raw, &text) != nil {
			return 0, true, fault(tasks.ReasonBadTime, "time", string(raw), want)
		}
		text = strings.TrimSpace(text)
	}
	var at time.Time
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		switch {
		case !(v > -1e17 && v < 1e17): // not a number, too
			return 0, true, fault(tasks.ReasonBadTime, "time", string(raw), want)
		case v < secondsBelow && v > -secondsBelow:
			at = time.UnixMilli(int64(v * 1000))
		default:
			at = time.UnixMilli(int64(v))
		}
	} else if at, err = time.Parse(time.RFC3339, strings.Replace(text, " ", "T", 1)); err != nil {
		return 0, true, fault(tasks.ReasonBadTime, "time", string(raw), want)
	}
	return at.UnixMilli(), true, withinTime(at, string(raw), now)
}

func withinTime(at time.Time, shown string, now time.Time) *Fault {
	switch {
	case at.Before(EarliestTime()):
		return fault(tasks.ReasonBadTime, "time", shown, fmt.Sprintf("that is %s, before %s; was the clock set, and is the number in seconds or milliseconds?",
			at.UTC().Format("2006-01-02"), EarliestTime().Format("2006-01-02")))
	case at.After(now.Add(MaxAhead)):
		return fault(tasks.ReasonBadTime, "time", shown, fmt.Sprintf("that is %s, more than %v in the future; is the clock right, and the zone?",
			at.UTC().Format("2006-01-02T15:04Z"), MaxAhead))
	}
	return nil
}

// imputedTime is what a row without a time gets: when its file was last written, or
// when its request came; now, where that cannot be.
func imputedTime(at, now time.Time) int64 {
	if at.IsZero() || withinTime(at, "", now) != nil {
		at = now
	}
	return at.UnixMilli()
}
