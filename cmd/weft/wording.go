package main

import (
	"strings"
	"time"
)

// words joins names as a sentence does.
func words[T ~string](names []T) string {
	var all []string
	for _, name := range names {
		all = append(all, string(name))
	}
	return strings.Join(all, " and ")
}

// when shows Unix milliseconds.
func when(ms int64) string { return time.UnixMilli(ms).Local().Format(time.DateTime) }

// oneLine is text of elsewhere in a line of a table: at most limit characters.
func oneLine(s string, limit int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return string(r)
}
