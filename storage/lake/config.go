package lake

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"weft/storage/objects"
)

// Config says where a lake lies and how it commits, caches and compacts. Zero
// fields take the defaults below.
type Config struct {
	// Store is the tenant's bucket; the lake keeps to keys below "lake/v1/".
	Store objects.Store
	// Writer names this process in segment names, for people who look at them:
	// lower-case letters, digits and dashes, at most 63. Default "weft". It need not
	// be unique: each opened Lake adds random digits.
	Writer string
	// ReadOnly refuses Append and never compacts.
	ReadOnly bool

	// CommitDelay is the least time between two commits of one table, and so about
	// the longest a row waits for its PUT to start. Default 100 ms.
	CommitDelay time.Duration
	// IdleDelay is how long the first row waits for company in a table that was
	// idle. Default 2 ms; negative: none.
	IdleDelay time.Duration
	// CommitBytes and CommitRows, in memory before compression, let a commit start
	// at once. Defaults 8 MiB and 10,000.
	CommitBytes int64
	CommitRows  int
	// CommitTimeout bounds one commit, retries of the store included. Default 60 s.
	// It must stay below Slack.
	CommitTimeout time.Duration
	// Uploads is how many commits of one table may be under way at once. Default 4.
	Uploads int
	// PendingBytes holds Append back while so many bytes of one table are not yet
	// durable. Default 64 MiB.
	PendingBytes int64

	// CacheBytes bounds what all tables together keep decoded in memory. Default
	// 128 MiB.
	CacheBytes int64
	// Slack is how far into the past Refresh lists again, for segments that took long
	// to upload or whose writer's clock is behind. Default 2 min. What is later
	// still is found by the full listing every FullListing (default 10 min).
	Slack       time.Duration
	FullListing time.Duration

	// GroupBytes and GroupRows bound a row group. Defaults 4 MiB and 4,096.
	GroupBytes int64
	GroupRows  int
	// SegmentBytes is where compaction starts the next segment; it holds one in
	// memory. Default 64 MiB.
	SegmentBytes int64
	// Fanout is how many runs of one level are merged into one of the next. Default
	// 10. A merge reads at most MergeRuns at a time. Default 32.
	Fanout    int
	MergeRuns int
	// ScanRuns is how many runs Scan merges before it asks for a compaction first.
	// Default 64.
	ScanRuns int
	// TombstoneHorizon is how old a tombstone's version must be before compaction
	// may drop it: longer than any task or frozen worker lives. Default 30 days.
	TombstoneHorizon time.Duration
	// CompactionTimeout bounds one merge. Default 1 h.
	CompactionTimeout time.Duration

	// Clock is the time for segment names and for Written. Default time.Now.
	Clock func() time.Time
	// Log receives warnings and errors. Default: none.
	Log *slog.Logger
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// withDefaults fills what was left zero.
func (c Config) withDefaults() Config {
	orDefault(&c.Writer, "weft")
	orDefault(&c.CommitDelay, 100*time.Millisecond)
	orDefault(&c.IdleDelay, 2*time.Millisecond)
	orDefault(&c.CommitBytes, 8<<20)
	orDefault(&c.CommitRows, 10_000)
	orDefault(&c.CommitTimeout, time.Minute)
	orDefault(&c.Uploads, 4)
	orDefault(&c.PendingBytes, 64<<20)
	orDefault(&c.CacheBytes, 128<<20)
	orDefault(&c.Slack, 2*time.Minute)
	orDefault(&c.FullListing, 10*time.Minute)
	orDefault(&c.GroupBytes, 4<<20)
	orDefault(&c.GroupRows, 4096)
	orDefault(&c.SegmentBytes, 64<<20)
	orDefault(&c.Fanout, 10)
	orDefault(&c.MergeRuns, 32)
	orDefault(&c.ScanRuns, 64)
	orDefault(&c.TombstoneHorizon, 30*24*time.Hour)
	orDefault(&c.CompactionTimeout, time.Hour)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate names the fields that cannot work. It judges the defaults in place of
// zero fields.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field string, value any, want string) {
		errs = append(errs, fmt.Errorf("lake: %s is %v; %s", field, value, want))
	}
	if c.Store == nil {
		bad("Store", "nil", "give the tenant's object store")
	}
	if !writerPattern.MatchString(c.Writer) {
		bad("Writer", fmt.Sprintf("%q", c.Writer), "use lower-case letters, digits and dashes, at most 63, not starting with a dash")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"CommitDelay", c.CommitDelay}, {"CommitTimeout", c.CommitTimeout}, {"Slack", c.Slack}, {"FullListing", c.FullListing},
		{"TombstoneHorizon", c.TombstoneHorizon}, {"CompactionTimeout", c.CompactionTimeout},
	} {
		if d.value < 0 {
			bad(d.field, d.value, "it cannot be negative")
		}
	}
	for _, n := range []struct {
		field      string
		value, min int64
	}{
		{"CommitBytes", c.CommitBytes, 1}, {"CommitRows", int64(c.CommitRows), 1}, {"Uploads", int64(c.Uploads), 1},
		{"PendingBytes", c.PendingBytes, 1}, {"CacheBytes", c.CacheBytes, 1}, {"GroupBytes", c.GroupBytes, 1},
		{"GroupRows", int64(c.GroupRows), 1}, {"SegmentBytes", c.SegmentBytes, 1}, {"Fanout", int64(c.Fanout), 2},
		{"MergeRuns", int64(c.MergeRuns), 2}, {"ScanRuns", int64(c.ScanRuns), 1},
	} {
		if n.value < n.min {
			bad(n.field, n.value, fmt.Sprintf("it must be at least %d", n.min))
		}
	}
	if c.CommitTimeout >= c.Slack {
		bad("CommitTimeout", c.CommitTimeout, fmt.Sprintf("it must be below Slack, %v, or Refresh may overlook late segments", c.Slack))
	}
	if c.MergeRuns < c.Fanout {
		bad("MergeRuns", c.MergeRuns, fmt.Sprintf("it must be at least Fanout, %d", c.Fanout))
	}
	return errors.Join(errs...)
}

// newInstance returns 8 random hex digits.
func newInstance() string {
	var b [4]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
