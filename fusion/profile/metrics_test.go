package profile

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// Figures worked out by hand.
func TestMeasureClasses(t *testing.T) {
	h := Head{Name: "size", Kind: Classes, Values: []string{"S", "M", "L"}, Answer: []float64{0.7}, Prior: []float64{0.2, 0.5, 0.3}, Precision: 0.8}
	truth := []string{"S", "S", "M", "M", "L", "XL"}
	p := [][]float64{{0.8, 0.1, 0.1}, {0.3, 0.6, 0.1}, {0.1, 0.8, 0.1}, {0.2, 0.7, 0.1}, {0.5, 0.3, 0.2}, {0.1, 0.1, 0.8}}
	var users []Example
	for _, v := range truth {
		users = append(users, Example{Labels: map[string][]string{"size": {v}}})
	}
	users, p = append(users, Example{}), append(p, []float64{1, 0, 0}) // not known
	m := Measure(h, users, p, nil)
	if m.Users != 6 || m.Unseen != 1 {
		t.Errorf("%d users, %d unseen", m.Users, m.Unseen)
	}
	near(t, "accuracy", m.Accuracy, 3.0/6)
	near(t, "constant accuracy", m.Constant.Accuracy, 2.0/6)
	// S: said 2, right 1 of 2. M: said 3, right 2 of 2. L: said 1, right 0 of 1.
	near(t, "precision", m.Precision, (1.0/2+2.0/3+0)/3)
	near(t, "recall", m.Recall, (1.0/2+1+0)/3)
	near(t, "F1", m.F1, (1.0/2+4.0/5+0)/3)
	near(t, "micro F1", m.MicroF1, 3.0/6)
	near(t, "constant F1", m.Constant.F1, 2*2/(2+6.0)/3)
	near(t, "log loss", m.LogLoss, -(math.Log(0.8)+math.Log(0.3)+math.Log(0.8)+math.Log(0.7)+math.Log(0.2))/5)
	// At .7: users 1, 3, 4 rightly, the XL wrongly.
	near(t, "told", m.Told.Share, 4.0/6)
	near(t, "precision of what is told", m.Told.Precision, 3.0/4)
	if m.Confusion[0][0] != 1 || m.Confusion[0][1] != 1 || m.Confusion[1][1] != 2 || m.Confusion[2][0] != 1 {
		t.Errorf("confusion %v", m.Confusion)
	}
}

func TestMeasureTags(t *testing.T) {
	h := Head{Name: "tags", Kind: Tags, Values: []string{"a", "b"}, Answer: []float64{0.9, never}, Prior: []float64{0.6, 0.2}, Decision: 0.5}
	users := []Example{
		{Labels: map[string][]string{"tags": {"a", "a"}}}, {Labels: map[string][]string{"tags": {"a", "b"}}},
		{Labels: map[string][]string{"tags": {}}}, {Labels: map[string][]string{"tags": {"b", "c"}}},
	}
	p := [][]float64{{0.95, 0.1}, {0.6, 0.4}, {0.2, 0.7}, {0.3, 0.8}}
	m := Measure(h, users, p, nil)
	// Decided rightly: 2 of 2, 1 of 2, 1 of 2, and of the last 2 of 3 (c is missed).
	near(t, "accuracy", m.Accuracy, (1+0.5+0.5+2.0/3)/4)
	// a: said 2, right 2 of 2; b: said 2, right 1 of 2.
	near(t, "precision", m.Precision, (1+0.5)/2)
	near(t, "recall", m.Recall, (1+0.5)/2)
	near(t, "micro F1", m.MicroF1, 2*3/(5+4.0))
	// Always saying a (F1 2·.6/(.8+1)) beats saying both (2·.8/(.8+2)): right 2 of 4 said, 5 held.
	near(t, "constant micro F1", m.Constant.MicroF1, 2*2/(5+4.0))
	near(t, "told", m.Told.Share, 1.0/5)
	near(t, "precision of what is told", m.Told.Precision, 1)
	if m.Unseen != 1 || m.Confusion != nil {
		t.Errorf("%+v", m)
	}
}

func TestAnswers(t *testing.T) {
	classes := Head{Name: "c", Kind: Classes, Values: []string{"x", "y"}, Answer: []float64{0.6}}
	if a := classes.answer([]float64{0.3, 0.7}); a.Value != "y" || a.Confidence != 0.7 {
		t.Errorf("%+v", a)
	}
	if a := classes.answer([]float64{0.55, 0.45}); a.Value != "" || a.Confidence != 0.55 {
		t.Errorf("unsure: %+v", a)
	}
	tags := Head{Name: "t", Kind: Tags, Values: []string{"x", "y", "z"}, Answer: []float64{0.5, 0.5, never}}
	if a := tags.answer([]float64{0.6, 0.9, 1}); len(a.Tags) != 2 || a.Tags[0] != (Tag{"y", 0.9}) || a.Tags[1] != (Tag{"x", 0.6}) {
		t.Errorf("%+v", a)
	}
}
