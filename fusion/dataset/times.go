package dataset

import (
	"fmt"
	"strconv"
	"time"
)

// layouts are the usual written forms of a time, tried in this order.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly}

const (
	// Numbers up to this are Unix seconds, above it milliseconds: as seconds it is the year 5138, as milliseconds 1973.
	newestSecond = 100_000_000_000
	oldestMilli  = 1                 // 0 stands for "no time"
	newestMilli  = 7_258_118_400_000 // the year 2200
)

// times reads the times of one column. It remembers which form fitted last, since a column keeps to one.
type times struct {
	layout string // the only form allowed; "" tries the usual ones
	zone   *time.Location
	last   string
}

// parse returns Unix milliseconds.
func (t *times) parse(text string) (int64, error) {
	if t.layout != "" {
		at, err := time.ParseInLocation(t.layout, text, t.zone)
		if err != nil {
			return 0, fmt.Errorf("is not a time of the form %q", t.layout)
		}
		return checked(at.UnixMilli())
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n > newestSecond {
			return checked(int64(min(n, newestMilli+1)))
		}
		if n < newestSecond && n > -newestSecond {
			return checked(int64(n * 1000))
		}
	}
	if t.last != "" {
		if at, err := time.ParseInLocation(t.last, text, t.zone); err == nil {
			return checked(at.UnixMilli())
		}
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, text, t.zone); err == nil {
			t.last = layout
			return checked(at.UnixMilli())
		}
	}
	return 0, fmt.Errorf("is not a time: want RFC 3339, %q, or Unix seconds or milliseconds; name another form as the time layout", layouts[1])
}

func checked(ms int64) (int64, error) {
	if ms < oldestMilli {
		return 0, fmt.Errorf("is before 1970: remove the row or correct its time")
	}
	if ms > newestMilli {
		return 0, fmt.Errorf("is after the year 2200: want Unix seconds or milliseconds, not micro- or nanoseconds; remove the row or correct its time")
	}
	return ms, nil
}
