// Package objects is weft's contract with the object store: whole objects under
// slash-separated keys, written atomically, conditionally and durably.
//
// Two implementations exist, [Dir] (a directory tree) and [S3]; [Open] chooses by
// URL. [WithPrefix] and [Observe] wrap any of them. Every implementation, and the
// fakes in objecttest, runs the one conformance suite of objecttest.
package objects

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Errors of every implementation, recognised with errors.Is. Any other error
// (permission, input/output) is wrapped as it came and is not specific to weft.
var (
	// ErrNotExist: there is no object under the key.
	ErrNotExist = errors.New("object does not exist")
	// ErrPrecondition: the object is not in the state the caller required. The
	// store was not changed.
	ErrPrecondition = errors.New("object is not in the required state")
	// ErrTooLarge: the object is larger than GetOptions.MaxBytes, or the body larger
	// than the store accepts in one put.
	ErrTooLarge = errors.New("object is too large")
	// ErrChanged: the object was rewritten while it was being read. Reading again helps.
	ErrChanged = errors.New("object changed while it was being read")
	// ErrRange: the range asked for does not lie within the object.
	ErrRange = errors.New("range is not within the object")
	// ErrKey: the key cannot name an object in this store, see [ValidateKey].
	ErrKey = errors.New("invalid object key")
	// ErrFull: the store has no room left. Nothing was written.
	ErrFull = errors.New("store is full")
	// ErrUnavailable: the store could not be reached or kept failing for as long as
	// the implementation retries. Trying later helps; a write may have happened.
	ErrUnavailable = errors.New("object store is unavailable")
)

// Info describes one object.
type Info struct {
	// Key is the full key, as given to the store that returned this Info.
	Key string
	// ETag changes whenever the object does, and is the same in Put, Get, Stat and
	// List. It is opaque: no hash of the content may be read out of it.
	ETag string
	// Size in bytes.
	Size int64
	// Modified is when the object was last written, by the store's clock. Zero in
	// the Info of a Put to a store that does not report it there.
	Modified time.Time
}

// Condition limits a Put. The zero Condition always writes. Setting both fields
// is an error.
type Condition struct {
	// IfAbsent writes only if there is no object under the key.
	IfAbsent bool
	// IfMatch writes only if the object exists and has this ETag.
	IfMatch string
}

// GetOptions limits a Get.
type GetOptions struct {
	// IfMatch, if set, is the ETag the object must have.
	IfMatch string
	// MaxBytes, if positive, is the largest object worth having; a larger one is
	// ErrTooLarge and its body is not read.
	MaxBytes int64
}

// Store holds objects. Implementations are safe for concurrent use by goroutines,
// and by any number of processes on the same bucket. All methods honour ctx.
// A Store needs no closing.
//
// Names: keys pass [ValidateKey]. A key with a segment that begins with a dot is
// hidden: it cannot be written or read, and List passes over it.
type Store interface {
	// Put writes body under key, replacing what was there, if cond holds. It is
	// atomic: readers see the old object or the new one, never a mixture. When it
	// returns nil the object survives a crash of the process and of the machine.
	// After ErrUnavailable, or when ctx ended during the call, it may have been written;
	// after any other error nothing was. The caller keeps body and must not change it
	// during the call. Errors: ErrPrecondition, ErrKey,
	// ErrFull, ErrTooLarge, ErrUnavailable.
	Put(ctx context.Context, key string, body []byte, cond Condition) (Info, error)

	// Get reads the whole object. The bytes returned are exactly those of the
	// version that Info describes: a short or changed body is an error, not data.
	// The caller owns the bytes. Errors: ErrNotExist, ErrPrecondition (IfMatch names
	// another version), ErrTooLarge, ErrChanged, ErrKey, ErrUnavailable.
	Get(ctx context.Context, key string, opt GetOptions) ([]byte, Info, error)

	// ReadRange reads exactly n bytes (n ≥ 1) from offset off (off ≥ 0); a range
	// that is not wholly inside the object is ErrRange. ifMatch, if not empty, is
	// the ETag the object must have. Errors otherwise as for Get.
	ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error)

	// Stat describes the object without reading it. Errors: ErrNotExist, ErrKey,
	// ErrUnavailable.
	Stat(ctx context.Context, key string) (Info, error)

	// List yields every object whose key begins with prefix (any string, not only
	// whole segments) and is greater than after, in ascending order of the bytes of
	// the full key. It reads in pages and holds little memory, however many objects
	// there are. Objects written or deleted meanwhile may or may not appear; all
	// others appear exactly once. An error is yielded last, after which nothing may
	// be concluded about greater keys; to go on, call List again with the last key
	// as after. It yields what is there: a foreign writer may have left a key that
	// ValidateKey refuses, and Get on it returns ErrKey.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]

	// Delete removes the object; that it is absent already is not an error. When it
	// returns nil the deletion is durable. Errors: ErrKey, ErrUnavailable.
	Delete(ctx context.Context, key string) error
}
