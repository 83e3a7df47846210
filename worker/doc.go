// Package worker turns tasks into features and vectors. Each task type is one
// file that reads as its list of steps:
//
//	image.go    fetch, screen, decode, batch and encode, settle
//	text.go     fetch, render, tokenize, batch and encode, settle
//	product.go  list, gather, read reviews, fuse, settle
//	user.go     read, clean, gather, fuse, settle
//
// What they share: a content is encoded once (feature.go), tenants take turns before
// memory and fusion (gate.go) and before each encoder (encoder_order.go), and a
// shopper's fusions run one at a time (user_runs.go).
//
// Every step either hands on a value, gives the item up with a reason (a dead
// letter), or returns an error that sends the task back to the queue. Batches
// form behind the encode step, so one bad item costs one item.
package worker
