// Package queue carries tasks over asynq on Redis. It is the only place that
// knows asynq: eight fixed queues (each task type live and bulk), each with a server
// of its own, so that a flood of photos holds up neither fusion nor live work.
//
// What asynq v0.26 leaves open is closed here: the waiting mark coalesces fuse
// tasks without losing the last one, a newer payload is put back instead of
// failing, and an outage does not use up a task's attempts. The Reaper issues the
// work of dead workers again and clears what asynq would never look at again.
package queue
