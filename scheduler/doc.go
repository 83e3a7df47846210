// Package scheduler finds what is missing or stale and enqueues it.
//
// One decision (plan.go) serves three occasions: the sweep, which compares the
// whole bucket with the lake and is the truth; the watch on a directory bucket
// and the hints of serve, which only make the sweep's findings arrive sooner.
// Repair and Rebuild hold Redis against the lake and load what is missing there,
// encoding nothing. Running two schedulers is harmless: everything they enqueue is idempotent.
package scheduler
