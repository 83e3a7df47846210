package main

type dataCmd struct {
	Report dataReportCmd `cmd:"" help:"Draw what shoppers' rows hold, before and after each step of cleaning."`
	Split  dataSplitCmd  `cmd:"" help:"Cut shoppers' events into train, val and test, as Parquet."`
}

// Help is shown by --help.
func (dataCmd) Help() string {
	return `Rows stay in the bucket as they came. Both commands clean what they read, by the same rules as the worker does.

Examples:
  weft data report --data shop --out report.html
  weft data split --data shop --out tables`
}
