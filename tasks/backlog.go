package tasks

// Load is what one queue holds now, and for how long.
type Load struct {
	Depth
	Due    int     `json:"due"`            // of scheduled and retry: their time has come, a worker may take them
	Oldest float64 `json:"oldest_seconds"` // how long the first of those that a worker may take has waited
	Paused bool    `json:"paused"`         // no worker takes anything until it is resumed
}

// Ready counts what a worker may take or has taken: what is put back until later is
// not in it.
func (l Load) Ready() int { return l.Pending + l.Active + l.Due }

// Delayed counts what is put back until later.
func (l Load) Delayed() int { return max(0, l.Scheduled+l.Retry-l.Due) }

// Pace is one worker process as it reports itself.
type Pace struct {
	Name     string `json:"name"`
	Started  int64  `json:"started"` // Unix ms
	At       int64  `json:"at"`      // Unix ms of this report
	InHand   int    `json:"in_hand"` // tasks it holds
	Done     int64  `json:"done"`    // tasks it has ended
	Draining bool   `json:"draining,omitempty"`
	// Encoded counts the items that went through an encoder since it started, Cached
	// those whose content was known, by modality.
	Encoded map[Modality]int64 `json:"encoded,omitempty"`
	Cached  map[Modality]int64 `json:"cached,omitempty"`
	// Room is how many tasks of one type and lane it is best given at once, half of what
	// it would take in hand.
	Room int `json:"room,omitempty"`
	// Spent is the encoder-seconds of each tenant since it started.
	Spent map[Tenant]float64 `json:"spent,omitempty"`
	// Seconds of this worker per item, by task type, measured while it had as much
	// to do as it can take; a type that was never measured is absent.
	Seconds map[Type]float64 `json:"seconds,omitempty"`
}

// Feed is what the scheduler tells of a tenant, every few seconds.
type Feed struct {
	At int64 `json:"at"` // Unix ms of this report
	// Items are counted in the bucket and not yet queued, because the queues are kept
	// short.
	Items  map[Type]int `json:"items,omitempty"`
	Since  int64        `json:"since,omitempty"` // Unix ms: when the count began
	Weight float64      `json:"weight,omitempty"`
	Quota  int          `json:"quota,omitempty"` // items that may wait in the queues; 0: no limit of its own
	Held   Held         `json:"held,omitempty"`  // why nothing more is queued just now
	Fault  string       `json:"fault,omitempty"` // why nothing is done for the tenant, or by defaults
}

// Held says what a tenant's sweep waits for.
type Held string

// What a sweep may wait for.
const (
	HeldByShare  Held = "share"  // its share of the queues is full
	HeldByQuota  Held = "quota"  // as much waits as the tenant's settings allow
	HeldByMemory Held = "memory" // the queue's server is short of it
)

// Signals is what the queue's server knows of the fleet's work.
type Signals struct {
	Tenants map[Tenant]Work
	Paused  []bool           // by queue, in the order of Depths
	Workers []Pace           // those that reported lately; they work for all tenants
	Known   map[Type]float64 // seconds per item as last measured by any worker, gone ones too
	Now     int64            // Unix ms by the server's clock
}

// Work is what waits for one tenant.
type Work struct {
	Loads []Load // of every queue, in the order of Depths; empty: nothing is queued
	Feed  Feed
}

// QueueBacklog is one queue's part of a Backlog.
type QueueBacklog struct {
	Queue       string  `json:"queue"`
	Waiting     int     `json:"waiting"` // pending, active and due
	Pending     int     `json:"pending"`
	Active      int     `json:"active"`
	Due         int     `json:"due"`
	Delayed     int     `json:"delayed"`
	Oldest      float64 `json:"oldest_seconds"`
	ItemSeconds float64 `json:"item_seconds"` // of one worker
	Work        float64 `json:"work_seconds"` // of one worker, for what waits
	Paused      bool    `json:"paused"`
}

// Backlog is what is still to be done for a tenant, or for several, in items and in time.
type Backlog struct {
	Tenant   Tenant  `json:"tenant,omitempty"` // empty: of several
	Waiting  int     `json:"waiting"`          // in the queues, ready for a worker or in one's hands
	Delayed  int     `json:"delayed"`          // in the queues, put back until later
	Unissued int     `json:"unissued"`         // counted in the bucket, not yet queued
	Oldest   float64 `json:"oldest_seconds"`   // how long the first of them has waited
	Work     float64 `json:"work_seconds"`     // one worker would take so long for all of it
	// Drain is how long the workers that run will take; absent while none runs and
	// something waits.
	Drain   *float64 `json:"drain_seconds,omitempty"`
	Workers int      `json:"workers"` // that report and are not draining; they work for all tenants
	Wanted  int      `json:"workers_wanted"`
	Target  float64  `json:"target_seconds"` // within which all of it is to be done
	// Measured tells that every item that waits is of a type whose seconds were
	// measured; else a stated default stands in.
	Measured bool           `json:"measured"`
	Queues   []QueueBacklog `json:"queues"`
	// Spent is the encoder-seconds that the workers which report have spent since each
	// started.
	Spent  float64 `json:"encoder_seconds"`
	Weight float64 `json:"weight,omitempty"` // of the tenant's share; 0: no scheduler has told
	Quota  int     `json:"quota,omitempty"`
	Held   Held    `json:"held,omitempty"`
	Fault  string  `json:"fault,omitempty"`
}

// Fleet is the backlog of several tenants: the sum, in which workers that serve all of
// them count once, and each.
type Fleet struct {
	Backlog
	Tenants []Backlog `json:"tenants"` // by name
}

// DefaultSeconds is what an item is taken to cost one worker until a worker has
// measured it: about twice what two cores took for the default encoders, so that a
// new fleet begins a little too large.
func DefaultSeconds(t Type) float64 {
	switch t {
	case ImageEmbed, TextEmbed:
		return 0.02
	default:
		return 0.005
	}
}
