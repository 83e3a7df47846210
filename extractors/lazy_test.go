package extractors

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type closer struct{ closed int }

func (c *closer) Close() error {
	c.closed++
	return nil
}

func TestLazyCallersShareOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, loads := errors.New("broken"), 0
		value := &closer{}
		l := newLazy(func(context.Context) (*closer, error) {
			loads++
			time.Sleep(time.Second)
			if loads == 1 {
				return nil, broken
			}
			return value, nil
		})
		all := func(want error) {
			t.Helper()
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					if v, err := l.get(context.Background()); err != want || (err == nil && v != value) {
						t.Errorf("got %v, %v, want %v", v, err, want)
					}
				})
			}
			wg.Wait()
		}
		all(broken)
		all(nil) // asked again, it loads again
		all(nil)
		if loads != 2 {
			t.Errorf("%d loads, want 2", loads)
		}
		if err := l.Close(); err != nil || value.closed != 1 {
			t.Errorf("close: %v, closed %d times", err, value.closed)
		}
		if _, err := l.get(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("after close: %v", err)
		}
		if err := l.Close(); !errors.Is(err, ErrClosed) || value.closed != 1 {
			t.Errorf("second close: %v, closed %d times", err, value.closed)
		}
	})
}

func TestLazyLoadOutlivesTheCallerThatBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loads := 0
		l := newLazy(func(context.Context) (*closer, error) {
			loads++
			time.Sleep(time.Second)
			return &closer{}, nil
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := l.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if _, err := l.get(context.Background()); err != nil || loads != 1 {
			t.Errorf("%d loads, %v", loads, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestLazyCloseJoinsALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := &closer{}
		l := newLazy(func(ctx context.Context) (*closer, error) {
			<-ctx.Done() // a load that is stopped, and succeeds all the same
			time.Sleep(time.Second)
			return value, nil
		})
		got := make(chan error, 1)
		go func() {
			_, err := l.get(context.Background())
			got <- err
		}()
		synctest.Wait()
		begin := time.Now()
		if err := l.Close(); err != nil || time.Since(begin) != time.Second || value.closed != 1 {
			t.Errorf("close after %v: %v, closed %d times", time.Since(begin), err, value.closed)
		}
		<-got
		if err := newLazy(func(context.Context) (*closer, error) { return nil, nil }).Close(); err != nil {
			t.Errorf("close without a load: %v", err)
		}
	})
}
