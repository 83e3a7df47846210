package report

import (
	"fmt"
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// compact writes an integer in at most five characters or so.
func compact(n int64) string {
	switch {
	case n >= 10_000_000:
		return shortNumber(math.Round(float64(n)/1e6)) + "M"
	case n >= 10_000:
		return shortNumber(math.Round(float64(n)/1e3)) + "k"
	}
	return humanize.Comma(n)
}

// shortNumber writes a number with three significant digits.
func shortNumber(v float64) string {
	if a := math.Abs(v); a >= 1000 && a < 1e9 {
		return humanize.Comma(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// percentOf writes n of all as a percentage.
func percentOf(n, all int64) string {
	switch share := 100 * float64(n) / float64(max(1, all)); {
	case n == 0:
		return "0 %"
	case share < 0.1:
		return "< 0.1 %"
	case share < 10:
		return fmt.Sprintf("%.1f %%", share)
	default:
		return fmt.Sprintf("%.0f %%", share)
	}
}

func ellipsis(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
