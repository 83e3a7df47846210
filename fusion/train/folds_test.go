package train

import (
	"testing"

	"weft/fusion/dataset"
)

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

// What was looked at before an earlier cut and taken after it is asked for, and known as a look until then.
func TestEarlierCutOfKinds(t *testing.T) {
	d := shop(80, 60, true)
	for i := range d.Train {
		r := &d.Train[i]
		r.Weight, r.Wait, r.Look = 10, 30*day, 1
		if i%5 == 0 {
			r.Seen, r.Weight, r.Wait, r.Look = true, 1, 0, 0
		}
	}
	e := earlier(d)
	if e == nil {
		t.Fatal("no earlier cut")
	}
	known := map[[2]int32]dataset.Interaction{}
	for _, r := range e.Train {
		known[[2]int32{r.User, r.Item}] = r
	}
	both := 0
	for _, v := range e.Val {
		if v.Wait != 0 || v.Seen {
			t.Fatalf("%+v is to be found", v)
		}
		r, looked := known[[2]int32{v.User, v.Item}]
		if !looked {
			continue
		}
		both++
		if _, taken := r.Taken(); taken || r.Weight != 1 {
			t.Fatalf("%+v is known, and is to be found as %+v", r, v)
		}
	}
	if both == 0 {
		t.Error("nothing that was looked at is to be found")
	}
}
