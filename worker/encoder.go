package worker

import (
	"context"
	"time"

	"weft/extractors"
	"weft/tasks"
)

// encoder is the batches of one encoder, which mix tenants, and the order in which they are served there.
type encoder[In any] struct {
	*extractors.Batcher[queued[In], encoded]
	order *encoderOrder
}

// queued is an item in the line before an encoder.
type queued[In any] struct {
	in   In
	turn float64
	live bool
}

// encoded is a feature and the seconds of an encoder that it took: a call's time is
// shared by its items.
type encoded struct {
	vector  []float32
	seconds float64
}

// newEncoder starts the runners of encode; cfg is all but the order of service.
func newEncoder[In any](cfg extractors.BatchConfig[queued[In]], encode func(context.Context, []In) ([][]float32, error)) (e encoder[In], err error) {
	e.order = newEncoderOrder()
	cfg.First = func(a, b queued[In]) bool {
		if a.turn != b.turn {
			return a.turn < b.turn
		}
		return a.live && !b.live
	}
	e.Batcher, err = extractors.NewBatcher(cfg, e.timed(encode))
	return e, err
}

// do encodes an item of whoever holds the room, when its turn comes. cost is what it takes, beside other items of this encoder.
func (e encoder[In]) do(ctx context.Context, r *room, in In, cost float64) (encoded, error) {
	live := r.lane == laneOf(tasks.Live)
	return e.Do(ctx, queued[In]{in, e.order.turn(r.tenant, live, cost/r.weight), live})
}

// timed shares the time of a call among its items.
func (e encoder[In]) timed(encode func(context.Context, []In) ([][]float32, error)) func(context.Context, []queued[In]) ([]encoded, error) {
	return func(ctx context.Context, items []queued[In]) ([]encoded, error) {
		ins, first := make([]In, len(items)), items[0].turn
		for i, it := range items {
			ins[i], first = it.in, min(first, it.turn)
		}
		e.order.served(first)
		began := time.Now()
		vectors, err := encode(ctx, ins)
		if err != nil {
			return nil, err
		}
		seconds := time.Since(began).Seconds() / float64(max(1, len(vectors)))
		out := make([]encoded, len(vectors))
		for i, v := range vectors {
			out[i] = encoded{v, seconds}
		}
		return out, nil
	}
}
