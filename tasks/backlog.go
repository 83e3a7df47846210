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
	// Seconds of this worker per item, by task type, measured while it had as much
	// to do as it can take; a type that was never measured is absent.
	Seconds map[Type]float64 `json:"seconds,omitempty"`
}

// Unissued is what the scheduler has counted in the bucket and not yet queued,
// because the queues are kept short.
type Unissued struct {
	Items map[Type]int `json:"items"`
	Since int64        `json:"since"` // Unix ms: when the count began
}

// Signals is what the queue's server knows of a tenant's work.
type Signals struct {
	Loads    []Load
	Workers  []Pace           // those that reported lately
	Known    map[Type]float64 // seconds per item as last measured by any worker, gone ones too
	Unissued Unissued
	Now      int64 // Unix ms by the server's clock
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

// Backlog is what is still to be done for a tenant, in items and in time.
type Backlog struct {
	Tenant   Tenant  `json:"tenant"`
	Waiting  int     `json:"waiting"`        // in the queues, ready for a worker or in one's hands
	Delayed  int     `json:"delayed"`        // in the queues, put back until later
	Unissued int     `json:"unissued"`       // counted in the bucket, not yet queued
	Oldest   float64 `json:"oldest_seconds"` // how long the first of them has waited
	Work     float64 `json:"work_seconds"`   // one worker would take so long for all of it
	// Drain is how long the workers that run will take; absent while none runs and
	// something waits.
	Drain   *float64 `json:"drain_seconds,omitempty"`
	Workers int      `json:"workers"` // that report and are not draining
	Wanted  int      `json:"workers_wanted"`
	Target  float64  `json:"target_seconds"` // within which all of it is to be done
	// Measured tells that every item that waits is of a type whose seconds were
	// measured; else a stated default stands in.
	Measured bool           `json:"measured"`
	Queues   []QueueBacklog `json:"queues"`
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
