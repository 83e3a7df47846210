package quality

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// shop is a judge over a real lake, with a clock of its own.
type shop struct {
	*Judge
	t      *testing.T
	m      *Metrics
	tables *behaviour.Tables
	now    time.Time
	rows   int
	broken error
}

func open(t *testing.T) *shop {
	t.Helper()
	store, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Open(t.Context(), lake.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	s := &shop{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if s.tables, err = behaviour.Open(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if s.m, err = NewMetrics(prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	s.Judge = NewJudge(Config{Tenant: "shop", Metrics: s.m, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
		Events: func(ctx context.Context, id tasks.UserID) ([]behaviour.Event, error) {
			rows, _, err := s.tables.Events.Within(ctx, behaviour.UserPrefix(id), 1000)
			return rows, errors.Join(err, s.broken)
		}})
	return s
}

// valueOf a counter or a gauge.
func valueOf(m prometheus.Metric) float64 {
	var d dto.Metric
	_ = m.Write(&d) // these two cannot fail
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}

// series counts those of a figure.
func series(c prometheus.Collector) (n int) {
	all := make(chan prometheus.Metric)
	go func() { c.Collect(all); close(all) }()
	for range all {
		n++
	}
	return n
}

// list serves two products to somebody while p8 and p9 are the popular ones.
func (s *shop) list(user, first, second string) {
	s.Served(List{User: tasks.UserID(user), Road: "personal", Items: []string{first, second}, Popular: []string{"p8", "p9"}})
}

// did is an event some time after now.
func (s *shop) did(user, kind, product string, after time.Duration) {
	s.t.Helper()
	s.rows++
	id, at := fmt.Sprint(s.rows), s.now.Add(after).UnixMilli()
	if err := s.tables.Events.Append(s.t.Context(), behaviour.Event{Row: lake.Row{Key: behaviour.RowKey(tasks.UserID(user), id), Version: at},
		ID: id, User: user, Product: product, Type: kind, Time: at}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) wait(d time.Duration) {
	s.now = s.now.Add(d)
	s.judge(s.t.Context())
}

func (s *shop) outcomes(want map[string]float64) {
	s.t.Helper()
	for _, o := range []string{Bought, Clicked, Elsewhere, Nothing} {
		if got := valueOf(s.m.judged.WithLabelValues("shop", "personal", o)); got != want[o] {
			s.t.Errorf("%s: %v, want %v", o, got, want[o])
		}
	}
}

func TestListsAreJudgedByWhatFollowed(t *testing.T) {
	s := open(t)
	for _, user := range []string{"buyer", "viewer", "other", "idle", "early", "tardy", "angry"} {
		s.list(user, "p1", "p2")
	}
	s.did("buyer", "view", "p1", time.Minute)
	s.did("buyer", "purchase", "p1", 2*time.Minute)
	s.did("viewer", "click", "p2", 29*time.Minute)
	s.did("viewer", "purchase", "p9", 29*time.Minute)
	s.did("other", "cart", "p9", time.Minute)
	s.did("early", "view", "p1", -time.Second)
	s.did("tardy", "view", "p1", 31*time.Minute)
	s.did("angry", "dislike", "p1", time.Minute)
	s.did("idle", "search", "", time.Minute)
	s.wait(30 * time.Minute)
	s.outcomes(nil)
	s.wait(time.Minute)
	s.outcomes(map[string]float64{Bought: 1, Clicked: 1, Elsewhere: 1, Nothing: 4})
	// The popular products would have had the viewer's purchase, and the other's look.
	for o, want := range map[string]float64{Bought: 1, Clicked: 1, Elsewhere: 1, Nothing: 4} {
		if got := valueOf(s.m.baseline.WithLabelValues("shop", o)); got != want {
			t.Errorf("popular products, %s: %v, want %v", o, got, want)
		}
	}
	if n := valueOf(s.m.followed.WithLabelValues("shop")); n != 0 || len(s.last) != 0 {
		t.Errorf("%v lists and %d shoppers are still followed", n, len(s.last))
	}
	if n := valueOf(s.m.shown.WithLabelValues("shop")); n < 1.9 || n > 2.1 {
		t.Errorf("%v products were shown, want 2", n)
	}
}

// A page that is loaded again shows the same list: that is one list.
func TestTheSameListCountsOnceWhileItIsFollowed(t *testing.T) {
	s := open(t)
	s.list("a", "p1", "p2")
	s.list("a", "p1", "p2")
	s.list("b", "p1", "p2")
	s.list("a", "p2", "p1")
	s.wait(window + late)
	s.outcomes(map[string]float64{Nothing: 3})
	s.list("a", "p2", "p1")
	s.wait(window + late)
	s.outcomes(map[string]float64{Nothing: 4})
}

func TestWhatCannotBeJudgedIsSaid(t *testing.T) {
	s := open(t)
	for i := range mostWaiting + 3 {
		s.list(fmt.Sprint("u", i), "p1", "p2")
	}
	if n := valueOf(s.m.unjudged.WithLabelValues("shop")); n != 3 || len(s.waiting) != mostWaiting {
		t.Errorf("%v of %d lists are left out, %d are followed", n, mostWaiting+3, len(s.waiting))
	}
	s.waiting = s.waiting[:2]
	s.broken = errors.New("the lake is away")
	s.wait(window + late)
	s.outcomes(nil)
	if n := valueOf(s.m.unjudged.WithLabelValues("shop")); n != 5 {
		t.Errorf("%v are unjudged, want 5", n)
	}
}

func TestOnlyTheFirstTenOfAListAreJudged(t *testing.T) {
	s := open(t)
	var items []string
	for i := range 30 {
		items = append(items, fmt.Sprint("p", i))
	}
	s.Served(List{User: "deep", Road: "personal", Items: items})
	s.Served(List{User: "top", Road: "personal", Items: items})
	s.did("deep", "view", "p10", time.Minute)
	s.did("top", "view", "p9", time.Minute)
	s.wait(window + late)
	s.outcomes(map[string]float64{Clicked: 1, Elsewhere: 1})
}
