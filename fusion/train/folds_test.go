package train

import "testing"

// An earlier cut knows nothing of what came after it, and asks for about as much as the validation part.
func TestEarlierCut(t *testing.T) {
	d := shop(80, 60, true)
	for i := range d.Train {
		d.Train[i].Last += 40 * day // bought again later
	}
	e := earlier(d)
	if e == nil {
		t.Fatal("no earlier cut")
	}
	if len(e.Train)+len(e.Val) != len(d.Train) || len(e.Val) < len(d.Val) || len(e.Val) > len(d.Val)+5 {
		t.Errorf("%d to learn and %d to find of %d; validation has %d", len(e.Train), len(e.Val), len(d.Train), len(d.Val))
	}
	from := e.Val[0].Time
	for _, r := range e.Val {
		from = min(from, r.Time)
	}
	for _, r := range e.Train {
		if r.Time >= from || r.Last >= from {
			t.Fatalf("%+v is known at %d", r, from)
		}
	}
	if len(e.Test) != 0 {
		t.Error("the test part is in it")
	}
	if earlier(shop(80, 60, false)) != nil {
		t.Error("a cut in time without times")
	}
}
