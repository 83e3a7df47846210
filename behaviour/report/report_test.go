package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/behaviour/clean"
)

// Counts are read by people.
func TestShortNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.1234: "0.123", 12.345: "12.3", 1234.6: "1,235", -1e6: "-1,000,000", 1e12: "1e+12"} {
		if got := shortNumber(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	if got := []string{percentOf(0, 0), percentOf(1, 100_000), percentOf(1, 30), percentOf(29, 30)}; !slices.Equal(got, []string{"0 %", "< 0.1 %", "3.3 %", "97 %"}) {
		t.Errorf("%q", got)
	}
}

// Every event is in one column, whatever span of time there is, and the columns fit.
func TestEventsOverTime(t *testing.T) {
	for _, span := range []int{1, 100, 400, 2_000, 20_000, 70_000} {
		var days []clean.Day
		total := int64(0)
		for d := 0; d < span; d += 1 + span/50 {
			days = append(days, clean.Day{Date: time.Date(2026, 3, 2+d-span/2, 9, 0, 0, 0, time.UTC).Format(time.DateOnly), Pair: clean.Pair{Before: 3, After: 2}})
			total += 3
		}
		c := overTime(days)
		n := int64(0)
		for i, b := range c.Bars {
			if i%2 == 0 {
				var before, after int64
				if _, err := fmt.Sscanf(b.Tip[strings.Index(b.Tip, ":")+1:], "%d before, %d after", &before, &after); err != nil {
					t.Fatalf("%q: %v", b.Tip, err)
				}
				n += before
			}
		}
		if n != total || len(c.Bars)/2 > 2*mostColumns {
			t.Errorf("%d days: %d of %d events in %d columns", span, n, total, len(c.Bars)/2)
		}
	}
}
