package lake

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// A segment is named
//
//	<time>-<writer>-<instance>-<counter>-l<level>-<part>.parquet
//
// time: Unix ms of the writer's clock, 13 digits, so that listing order is time
// order. writer: the configured id. instance: 8 random hex digits for each opened
// Lake, so that a restarted writer does not meet its former names. counter: 8 hex
// digits. level: how many merges the rows have been through. part: position in the
// run, that is the key-ordered series of segments that one merge writes.
type segmentName struct {
	ms       int64
	writer   string
	instance string
	counter  uint32
	level    int
	part     int
}

var (
	segmentPattern = regexp.MustCompile(`^([0-9]{13})-([a-z0-9][a-z0-9-]*)-([0-9a-f]{8})-([0-9a-f]{8})-l([0-9]{2})-([0-9]{4})\.parquet$`)
	writerPattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

const (
	maxLevel = 99
	maxPart  = 9999
)

func (n segmentName) String() string {
	return fmt.Sprintf("%s-%04d.parquet", n.run(), n.part)
}

// run names the run that the segment is a part of.
func (n segmentName) run() string {
	return fmt.Sprintf("%013d-%s-%s-%08x-l%02d", n.ms, n.writer, n.instance, n.counter, n.level)
}

func parseSegmentName(s string) (segmentName, bool) {
	m := segmentPattern.FindStringSubmatch(s)
	if m == nil {
		return segmentName{}, false
	}
	ms, _ := strconv.ParseInt(m[1], 10, 64)
	counter, _ := strconv.ParseUint(m[4], 16, 32)
	level, _ := strconv.Atoi(m[5])
	part, _ := strconv.Atoi(m[6])
	return segmentName{ms: ms, writer: m[2], instance: m[3], counter: uint32(counter), level: level, part: part}, true
}

// namesSince is a string after which, in listing order, all names of time t or
// later lie.
func namesSince(t time.Time) string {
	return fmt.Sprintf("%013d", max(0, t.UnixMilli()))
}
