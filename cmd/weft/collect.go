package main

import (
	"weft/behaviour"
	"weft/tasks"
)

// collect makes this process take shoppers' rows in. changed hears of what was stored.
func (n *node) collect(changed func(users []tasks.UserID, products []tasks.ProductID)) (err error) {
	n.collector, err = behaviour.NewCollector(behaviour.Config{
		Objects: n.bucket, Lake: n.lake, Tables: n.tables, Consent: profilingByDefault, Changed: changed, Name: n.name, Registry: n.registry,
	})
	return err
}
