// Package tasks is weft's vocabulary: the ids, the task types and their payload,
// the reasons for which an input is given up, and the Queue that carries tasks.
// Read it first. It imports nothing of weft.
package tasks
