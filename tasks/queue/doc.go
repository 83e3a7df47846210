// Package queue carries tasks over asynq on Redis. It is the only place that
// knows asynq: eight fixed queues (each task type live and bulk), one server per
// task type, so that a flood of photos cannot hold the slots of fusion.
//
// What asynq v0.26 leaves open is closed here: the waiting mark coalesces fuse
// tasks without losing the last one, a newer payload is put back instead of
// failing, and an outage does not use up a task's attempts.
package queue
