package report

import (
	"fmt"
	"time"

	"weft/behaviour/clean"
)

// mostColumns is how many days, weeks or months one chart of time shows.
const mostColumns = 110

// overTime joins days to weeks, months or years so that the chart has room, and puts
// in those without rows.
func overTime(days []clean.Day) chart {
	if len(days) == 0 {
		return columnChart("Events over time", "there are none", nil, "")
	}
	at := func(i int) time.Time {
		t, err := time.Parse(time.DateOnly, days[i].Date)
		if err != nil {
			return time.Unix(0, 0).UTC() // a Survey has no other dates than its own
		}
		return t
	}
	first, last := at(0), at(len(days)-1)
	span := last.Sub(first).Hours()/24 + 1
	name, begin, next := "day", func(t time.Time) time.Time { return t }, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	switch {
	case span > mostColumns*30:
		name, begin, next = "year", func(t time.Time) time.Time { return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC) }, func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
	case span > mostColumns*7:
		name, begin, next = "month", func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	case span > mostColumns:
		name, begin, next = "week", func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }, func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	}
	var cs []chartColumn
	i := 0
	for t := begin(first); !t.After(last); t = next(t) {
		c := chartColumn{Label: t.Format("2 Jan 06"), Tip: name + " from " + t.Format(time.DateOnly)}
		for ; i < len(days) && at(i).Before(next(t)); i++ {
			c.Before += days[i].Before
			c.After += days[i].After
		}
		cs = append(cs, c)
	}
	return columnChart("Events by "+name, fmt.Sprintf("%s to %s, UTC; weeks begin on Monday", days[0].Date, days[len(days)-1].Date), cs, "")
}
