package objects_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

type record []string

func (r *record) Observe(op objects.Operation, took time.Duration, n int64, err error) {
	*r = append(*r, fmt.Sprintf("%s %d absent=%t", op, n, errors.Is(err, objects.ErrNotExist)))
	if took < 0 {
		*r = append(*r, "took less than no time")
	}
}

type forget struct{}

func (forget) Observe(objects.Operation, time.Duration, int64, error) {}

func TestObserve(t *testing.T) {
	objecttest.Run(t, func(*testing.T) objects.Store { return objects.Observe(new(objecttest.Memory), forget{}) })
	var seen record
	s := objects.Observe(new(objecttest.Memory), &seen)
	ctx := t.Context()
	_, putErr := s.Put(ctx, "a", []byte("12345"), objects.Condition{})
	_, emptyErr := s.Put(ctx, "b", nil, objects.Condition{})
	_, _, getErr := s.Get(ctx, "a", objects.GetOptions{})
	_, rangeErr := s.ReadRange(ctx, "a", 1, 3, "")
	if err := errors.Join(putErr, emptyErr, getErr, rangeErr, s.Delete(ctx, "c")); err != nil {
		t.Fatal(err)
	}
	_, _, _ = s.Get(ctx, "c", objects.GetOptions{})
	_, _ = s.Stat(ctx, "c")
	for range s.List(ctx, "", "") {
	}
	for range s.List(ctx, "", "") {
		break
	}
	want := []string{
		"put 5 absent=false", "put 0 absent=false", "get 5 absent=false", "read_range 3 absent=false", "delete 0 absent=false",
		"get 0 absent=true", "stat 0 absent=true", "list 2 absent=false", "list 1 absent=false",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("observed %q\nwant     %q", seen, want)
	}
}
