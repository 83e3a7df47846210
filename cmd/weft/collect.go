package main

import (
	"weft/behaviour"
	"weft/scheduler"
	"weft/tasks"
)

// collect makes this process take shoppers' rows in. changed hears of what was stored.
func (n *node) collect(changed func(users []tasks.UserID, products []tasks.ProductID)) (err error) {
	n.collector, err = behaviour.NewCollector(behaviour.Config{
		Objects: n.bucket, Lake: n.lake, Tables: n.tables, Consent: profilingByDefault, Changed: changed, Name: n.name, Registry: n.registry,
	})
	return err
}

// startInbox takes dropped files in until stop.
func (n *node) startInbox() (err error) {
	n.inbox, err = scheduler.NewInbox(scheduler.InboxConfig{
		Objects: n.bucket, Lake: n.lake, Rows: n.collector, Name: n.name, Lead: n.lead, Took: n.scheduler.SweepSoon, Log: n.log,
	})
	if err == nil {
		n.inbox.Start()
	}
	return err
}
