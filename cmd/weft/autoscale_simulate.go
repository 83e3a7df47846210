package main

import (
	"encoding/json"
	"fmt"
	"math"
	"text/tabwriter"

	"weft/scheduler"
)

// simulatedFleet is one line of a simulated day.
type simulatedFleet struct {
	Fleet string `json:"fleet"`
	scheduler.DayResult
}

// simulate prints a day under the policy beside fixed fleets: one that costs as
// much, and one as large as the scaled one ever was.
func (c *autoscaleCmd) simulate(a *app, policy scheduler.Policy) error {
	day := scheduler.DefaultDay(c.Seed, c.DrainTarget)
	scaled := day.Scaled(policy)
	same := max(1, int(math.Ceil(scaled.WorkerHours/24)))
	fleets := []simulatedFleet{
		{"scaled", scaled},
		{fmt.Sprintf("fixed at %d, as dear", same), day.Fixed(same)},
		{fmt.Sprintf("fixed at %d, the most", scaled.Most), day.Fixed(scaled.Most)},
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(fleets)
	}
	fmt.Fprintf(a.out, "a day of %d items, %.0f ms of a worker each, target %v, cool-down %v, seed %d\n", scaled.Items, 1000*day.ItemSeconds, c.DrainTarget, c.CoolDown, c.Seed)
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fleet\twait p50\tp95\tmost\tlate\tworker-hours\tmost workers\tchanges\tflaps\t")
	for _, f := range fleets {
		fmt.Fprintf(w, "%s\t%.0f s\t%.0f s\t%.0f s\t%.1f %%\t%.1f\t%d\t%d\t%d\t\n", f.Fleet, f.WaitP50, f.WaitP95, f.WaitMax, 100*f.Late, f.WorkerHours, f.Most, f.Changes, f.Flaps)
	}
	return w.Flush()
}
