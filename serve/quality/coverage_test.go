package quality

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestCoverageCountsDifferentProducts(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCoverage(now)
	if n := c.count(now); n != 0 {
		t.Errorf("nothing was shown, and %v are counted", n)
	}
	show := func(from, to int) {
		ids := make([]string, 0, to-from)
		for i := from; i < to; i++ {
			ids = append(ids, fmt.Sprint("product-", i))
		}
		c.show(now, ids)
		c.show(now, ids)
	}
	near := func(want float64) {
		t.Helper()
		if n := c.count(now); math.Abs(n-want) > 0.015*want {
			t.Errorf("%.0f are counted, want %.0f", n, want)
		}
	}
	show(0, 300_000)
	near(300_000)
	now = now.Add(time.Hour)
	show(200_000, 400_000)
	near(400_000)
	now = now.Add(time.Hour) // those of the first hour are forgotten
	near(200_000)
	now = now.Add(3 * time.Hour)
	near(0)
}
