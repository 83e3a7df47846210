package lake

import (
	_ "embed"
)

//go:embed views.sql
var views string

// Views is a DuckDB script that defines one view for each table that every Lake has;
// its head says how to use it.
func Views() string { return views }
