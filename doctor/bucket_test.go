package doctor

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

// lax is a store that does not keep one of its promises.
type lax struct {
	objects.Store
	unconditional, blind, keeping bool
}

func (l lax) Put(ctx context.Context, key string, body []byte, cond objects.Condition) (objects.Info, error) {
	if l.unconditional {
		cond = objects.Condition{}
	}
	return l.Store.Put(ctx, key, body, cond)
}

func (l lax) List(ctx context.Context, prefix, after string) iter.Seq2[objects.Info, error] {
	if l.blind {
		return func(func(objects.Info, error) bool) {}
	}
	return l.Store.List(ctx, prefix, after)
}

func (l lax) Delete(ctx context.Context, key string) error {
	if l.keeping {
		return errors.New("AccessDenied")
	}
	return l.Store.Delete(ctx, key)
}

func TestBucketThatBreaksAPromise(t *testing.T) {
	for what, c := range map[string]struct {
		store lax
		wrong map[string]string // check → its end; all others are well
	}{
		"a good one":          {lax{}, nil},
		"without conditions":  {lax{unconditional: true}, map[string]string{"bucket if-none-match": Fail, "bucket if-match": Fail}},
		"a listing that lags": {lax{blind: true}, map[string]string{"bucket list": Fail}},
		"no right to delete":  {lax{keeping: true}, map[string]string{"bucket delete": Fail, "bucket tidy": Warn}},
	} {
		t.Run(what, func(t *testing.T) {
			memory := &objecttest.Memory{}
			c.store.Store = memory
			var e Examination
			if whole := e.Bucket(t.Context(), c.store); whole == c.store.keeping {
				t.Errorf("all could be done: %v", whole)
			}
			seen := map[string]bool{}
			for _, f := range e.Findings {
				want := c.wrong[f.Check]
				if want == "" {
					want = OK
				}
				if seen[f.Check] = true; f.Status != want || (f.Status == OK) != (f.Do == "") || f.Found == "" {
					t.Errorf("%+v, want %s", f, want)
				}
			}
			for _, check := range []string{"put", "get", "list", "if-none-match", "if-match", "if-match again", "delete"} {
				if !seen["bucket "+check] {
					t.Errorf("%s is not checked", check)
				}
			}
			for info := range memory.List(t.Context(), "", "") {
				if !c.store.keeping {
					t.Errorf("%s is left", info.Key)
				}
			}
		})
	}
}

func TestReport(t *testing.T) {
	var e Examination
	e.Judge("disk", errors.New("no\nroom"), "make room", "")
	e.Add("bucket", OK, "never said", "%d objects", 3)
	var text, list strings.Builder
	if err := errors.Join(e.Print(&text), e.JSON(&list)); err != nil {
		t.Fatal(err)
	}
	if want := "fail  disk    no room\n              → make room\nok    bucket  3 objects\n"; text.String() != want || e.Failed() != 1 {
		t.Errorf("%d failed:\n%s", e.Failed(), text.String())
	}
	if want := `[{"check":"disk","status":"fail","found":"no room","do":"make room"},{"check":"bucket","status":"ok","found":"3 objects"}]` + "\n"; list.String() != want {
		t.Errorf("%s", list.String())
	}
}
