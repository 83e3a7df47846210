package gather

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// ErrGone tells that an object was changed or deleted after it was listed.
var ErrGone = errors.New("the object is no longer what was listed")

// Reader reads the parts of one tenant's vectors. It is safe for concurrent use, and closes nothing.
type Reader struct {
	Objects objects.Store // below the tenant
	Lake    *lake.Lake
	// Behaviour is what shoppers do and say; nil: reviews take no part in products, and there are no shoppers.
	Behaviour *behaviour.Tables
	// Generation is whose product vectors those of shoppers are made of.
	Generation tasks.Generation
	Recipes    map[tasks.Modality]string // of the generation
	// Consent is what shoppers who said nothing are taken to have said about profiling.
	Consent bool
	// Before, Unix ms, is when the reader stands: reviews written then or later are not there yet. 0: it stands now.
	Before int64
	// Shared: other processes write to the lake, so a miss is believed only after another look.
	Shared bool
}

// RepeatAge is how long another process may have stored a row of which a miss costs no more than repeated work, without
// the table being looked at again.
const RepeatAge = time.Second

// Find reads a row that satisfies want. Where other processes write to the lake (shared), a row that is not there, or not
// as wanted, is looked for again after a refresh: a miss is believed only then.
func Find[R any](ctx context.Context, t *lake.Table[R], shared bool, key string, want func(R) bool) (R, bool, error) {
	row, ok, err := t.Get(ctx, key)
	if err == nil && !(ok && want(row)) && shared {
		if err = t.Refresh(ctx); err == nil {
			row, ok, err = t.Get(ctx, key)
		}
	}
	if err != nil {
		return row, false, fmt.Errorf("looking up %s: %w", key, err)
	}
	return row, ok && want(row), nil
}

// Any wants whatever row there is.
func Any[R any](R) bool { return true }
