package split

import "time"

// Facts says from which part on a product's facts may be used. A fact that was
// stated at a moment is known from then on, and in training what was stated after
// the training's end is from the future.
type Facts struct {
	// ValFrom and TestFrom (Unix ms) bound the parts; a fact from ValFrom on is not
	// train's. Both math.MaxInt64: parts have no order in time, every fact is train's.
	ValFrom, TestFrom int64
}

// From is the first part that may know a fact of that time, and false for a fact
// without a time: nobody can tell.
func (f Facts) From(at time.Time) (Part, bool) {
	if at.IsZero() {
		return "", false
	}
	return cut(at.UnixMilli(), f.ValFrom, f.TestFrom), true
}
