package objecttest_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

func TestMemory(t *testing.T) {
	objecttest.Run(t, func(*testing.T) objects.Store { return new(objecttest.Memory) })
}

func TestFaultyWithoutFaults(t *testing.T) {
	objecttest.Run(t, func(*testing.T) objects.Store {
		return objecttest.NewFaulty(new(objecttest.Memory), 1, objecttest.Faults{})
	})
}

func TestFaulty(t *testing.T) {
	m := new(objecttest.Memory)
	f := objecttest.NewFaulty(m, 1, objecttest.Faults{})
	put := func(key string, cond objects.Condition) error {
		_, err := f.Put(t.Context(), key, []byte("x"), cond)
		return err
	}
	want := func(what string, err, sentinel error) {
		t.Helper()
		if !errors.Is(err, sentinel) {
			t.Errorf("%s: %v, want %v", what, err, sentinel)
		}
	}
	f.Set(objecttest.Faults{Lost: 1})
	want("lost put", put("k", objects.Condition{}), objects.ErrUnavailable)
	if _, err := m.Stat(t.Context(), "k"); err != nil {
		t.Errorf("a lost put did not happen: %v", err)
	}
	f.Set(objecttest.Faults{Changed: 1})
	_, _, err := f.Get(t.Context(), "k", objects.GetOptions{})
	want("changed get", err, objects.ErrChanged)
	_, err = f.ReadRange(t.Context(), "k", 0, 1, "")
	want("changed range", err, objects.ErrChanged)
	f.Set(objecttest.Faults{Conflict: 1})
	want("conflict", put("new", objects.Condition{IfAbsent: true}), objects.ErrPrecondition)
	want("no condition, no conflict", put("k", objects.Condition{}), nil)
	f.Set(objecttest.Faults{Refused: 1})
	want("refused put", put("k2", objects.Condition{}), objects.ErrUnavailable)
	want("refused delete", f.Delete(t.Context(), "k"), objects.ErrUnavailable)
	for i := range 50 {
		if _, err := m.Put(t.Context(), fmt.Sprint(i), nil, objects.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		var last error
		n := 0
		for _, last = range f.List(t.Context(), "", "") {
			n++
		}
		if want("refused list", last, objects.ErrUnavailable); n > 21 {
			t.Errorf("a refused list yielded %d objects", n)
		}
	}
	if _, err := m.Stat(t.Context(), "k"); err != nil {
		t.Errorf("a refused deletion happened: %v", err)
	}
	if n := f.Injected(); n != 26 {
		t.Errorf("%d faults counted, want 26", n)
	}
	f.Set(objecttest.Faults{Refused: 0.5})
	failed := 0
	for range 1000 {
		if put("k", objects.Condition{}) != nil {
			failed++
		}
	}
	if failed < 400 || failed > 600 {
		t.Errorf("%d of 1000 calls failed, want about half", failed)
	}
}

func TestFaultySlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := objecttest.NewFaulty(new(objecttest.Memory), 1, objecttest.Faults{Slow: 1, Delay: time.Minute})
		start := time.Now()
		if _, err := f.Put(t.Context(), "k", nil, objects.Condition{}); err != nil || time.Since(start) != time.Minute {
			t.Errorf("a slow put took %v, %v", time.Since(start), err)
		}
	})
}
