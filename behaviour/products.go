package behaviour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"weft/storage/objects"
	"weft/tasks"
)

// productWriters is how many listings are written at once: each waits for the store.
const productWriters = 16

// acceptProducts makes every row the product.json of its id, unless the bucket holds
// the very same already. Rows of one id are taken in their order: the last one stays.
func (c *Collector) acceptProducts(ctx context.Context, b Batch) (Report, error) {
	o := c.origin(b)
	r := Report{Results: make([]Result, len(b.Rows))}
	of := map[tasks.ProductID][]int{}
	var keys []string
	for i, raw := range b.Rows {
		id, bad := parseProduct(raw, &r.Steps)
		r.Results[i] = Result{Line: raw.Line, ID: string(id)}
		if bad != nil {
			r.Results[i].die(bad)
			continue
		}
		if of[id] == nil {
			keys = append(keys, string(id))
		}
		of[id] = append(of[id], i)
	}
	release, err := c.inFlight[Products].hold(ctx, keys)
	if err != nil {
		return r, err
	}
	defer release()
	group, writing := errgroup.WithContext(ctx)
	group.SetLimit(productWriters)
	for id, rows := range of {
		group.Go(func() error {
			for _, i := range rows {
				fresh, err := PutIfNew(writing, c.cfg.Objects, tasks.ProductPrefix(id)+tasks.ListingName, b.Rows[i].JSON)
				if err != nil {
					return err
				}
				r.Results[i].Outcome = Duplicate
				if fresh {
					r.Results[i].Outcome = Accepted
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return r, err
	}
	changed := map[tasks.ProductID]bool{}
	for _, result := range r.Results {
		switch result.Outcome {
		case Duplicate:
			r.Steps.refuse(StepIdentity)
		case Accepted:
			changed[tasks.ProductID(result.ID)] = true
		}
	}
	if c.cfg.Changed != nil && len(changed) > 0 {
		c.cfg.Changed(nil, keysOf(changed))
	}
	return r, c.store(ctx, b, &r, o.Now, func(context.Context) error { return nil })
}

// parseProduct checks a listing with its id.
func parseProduct(raw RawRow, t *Tally) (tasks.ProductID, *Fault) {
	if _, bad := open(raw, tasks.MaxListingBytes, t); bad != nil {
		return "", bad
	}
	_, err := tasks.ParseListing(raw.JSON)
	var wrong *tasks.ListingError
	if errors.As(err, &wrong) {
		return "", refused(t, StepSchema, fault(wrong.Reason, wrong.Field, "", wrong.Msg))
	}
	var head struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw.JSON, &head); err != nil {
		return "", refused(t, StepSchema, fault(tasks.ReasonBadListing, "id", "", "want a string in double quotes"))
	}
	id, err := tasks.ParseProductID(head.ID)
	if err != nil {
		return "", refused(t, StepID, fault(tasks.ReasonBadID, "id", strconv.Quote(clip(head.ID, maxShown)), err.Error()))
	}
	return id, nil
}

// PutIfNew stores body unless the object under key is the very same; it tells whether
// it did.
func PutIfNew(ctx context.Context, to objects.Store, key string, body []byte) (bool, error) {
	if st, err := to.Stat(ctx, key); err == nil && st.Size == int64(len(body)) {
		old, _, err := to.Get(ctx, key, objects.GetOptions{MaxBytes: st.Size})
		if err == nil && bytes.Equal(old, body) {
			return false, nil
		}
	}
	if _, err := to.Put(ctx, key, body, objects.Condition{}); err != nil {
		return false, fmt.Errorf("storing %s: %w", key, err)
	}
	return true, nil
}
