package worker

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weft/tasks"
)

// slow is a machine whose encoder takes a second for each photo, and tells of each before.
func slow(t *testing.T, runners int, tell func(photo string)) *Machine {
	t.Helper()
	m, err := NewMachine(MachineConfig{Texts: &textEncoder{}, Encoders: runners, Log: slog.New(slog.DiscardHandler), Images: &encoders{
		encode: func(_ context.Context, photo []byte) ([]float32, error) {
			tell(string(photo))
			time.Sleep(time.Second)
			return vectorOf(photo), nil
		}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// encode is what a worker does with a photo between the gate and the commit.
func (v visitor) encode(m *Machine) error {
	r, err := m.gate.enter(context.Background(), v.tenant, v.lane, v.weight)
	if err != nil {
		return err
	}
	defer r.leave()
	time.Sleep(10 * time.Millisecond) // it is fetched
	made, err := m.images.do(context.Background(), r, []byte(v.tenant+" "+tasks.Tenant(v.lane)), 1)
	r.spend(made.seconds)
	return err
}

// Whatever another tenant has queued or in memory: a photo of the small one is the next to be encoded.
func TestASmallTenantWaitsForOneCallAtMost(t *testing.T) {
	for _, runners := range []int{1, 2} {
		for _, lane := range tasks.Lanes() { // of the large one
			synctest.Test(t, func(t *testing.T) {
				m := slow(t, runners, func(string) {})
				defer m.Close()
				large, small := visitor{"large", lane, 1, 0}, visitor{"small", tasks.Bulk, 1, 0}
				for range 100 * runners {
					go func() { _ = large.encode(m) }()
				}
				for i := range 10 {
					time.Sleep(time.Duration(3000+i*137) * time.Millisecond)
					began := time.Now()
					if err := small.encode(m); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(began); took > 2*time.Second+10*time.Millisecond {
						t.Errorf("%d encoders, the large tenant %s: photo %d took %v, an encoder call takes 1s", runners, lane, i, took)
					}
				}
				time.Sleep(time.Hour) // the others are done
			})
		}
	}
}

// inTurn lets photos wait for an encoder at work, as many as there are room for, and returns the order in which they were
// encoded.
func inTurn(t *testing.T, all ...visitor) (order []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := slow(t, 1, func(photo string) { order = append(order, photo) })
		defer m.Close()
		for _, v := range append([]visitor{{"first", tasks.Live, 1, 0}}, all...) {
			go func() {
				if _, err := m.images.do(context.Background(), &room{tenant: v.tenant, lane: laneOf(v.lane), weight: v.weight}, []byte(v.tenant+" "+tasks.Tenant(v.lane)), 1); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(m.images.order.next); n > 2 {
			t.Errorf("%d tenants are remembered that have had their turns", n)
		}
	})
	return order[1:]
}

func TestTurnsAtTheEncoder(t *testing.T) {
	bulk, live := visitor{"a", tasks.Bulk, 1, 0}, visitor{"a", tasks.Live, 1, 0}
	for _, c := range []struct {
		what string
		in   []visitor
		want []string
	}{
		{"one tenant, as they came", []visitor{bulk, bulk, bulk}, []string{"a bulk", "a bulk", "a bulk"}},
		{"its live work passes what waits", []visitor{bulk, bulk, live}, []string{"a live", "a bulk", "a bulk"}},
		{"another tenant is next", []visitor{bulk, bulk, bulk, {"b", tasks.Bulk, 1, 0}}, []string{"a bulk", "b bulk", "a bulk", "a bulk"}},
		{"live work passes nobody else's bulk", []visitor{live, live, live, {"b", tasks.Bulk, 1, 0}}, []string{"a live", "b bulk", "a live", "a live"}},
		{"weights", append(repeat(4, visitor{"a", tasks.Bulk, 2, 0}), repeat(2, visitor{"b", tasks.Bulk, 1, 0})...),
			[]string{"a bulk", "b bulk", "a bulk", "a bulk", "b bulk", "a bulk"}},
	} {
		if got := inTurn(t, c.in...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}
