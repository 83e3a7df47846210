package worker

import (
	"errors"
	"testing"

	"weft/tasks"
	"weft/tasks/queue"
)

// A photo whose feature is known waits for the commit of its object only: in its room it would hold up those that
// are still to be encoded.
func TestAKnownContentGivesItsRoomBack(t *testing.T) {
	b := newBench(t, nil)
	b.must(b.run(b.put("media/p1/a.jpg", "a photo"), queue.Attempt{}))
	r, err := b.enter(t.Context(), tasks.Live)
	b.must(err)
	known := content{sha: sha("a photo"), body: []byte("a photo")}
	b.must(b.featureOnce(t.Context(), r, known, tasks.Image, func() ([]float32, error) { return nil, errors.New("encoded again") }))
	if all := (ahead + 1) * b.Encoders; b.gate.free != all {
		t.Errorf("%d places of %d are free", b.gate.free, all)
	}
}
