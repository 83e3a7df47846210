package behaviour

import (
	_ "embed"
)

//go:embed views.sql
var views string

// Views is a DuckDB script that defines a view for each of the tables; it is read
// after [lake.Views].
func Views() string { return views }
