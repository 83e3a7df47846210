package main

import (
	"errors"
	"fmt"

	"weft/behaviour"
	"weft/behaviour/files"
)

// columns says how a CSV or Parquet file is read as rows.
type columns struct {
	Column     map[string]string `help:"FIELD=COLUMN: which column a field is read from; FIELD=A*B is the product of two." placeholder:"FIELD=COLUMN" group:"CSV and Parquet" mapsep:"none"`
	Type       string            `help:"Type of events without a column of types, such as purchase." placeholder:"TYPE" group:"CSV and Parquet"`
	TimeFormat string            `help:"Format of times: as of strptime ('%d/%m/%Y %H:%M'), or as Go writes 2006-01-02 15:04:05." placeholder:"FORMAT" group:"CSV and Parquet"`
	Zone       string            `help:"Zone of times without one, such as Europe/London." default:"UTC" placeholder:"NAME" group:"CSV and Parquet"`
}

// mapping checks the flags.
func (c columns) mapping(k behaviour.Kind) (files.Mapping, error) {
	m, err := files.Columns{Fields: c.Column, Type: c.Type, TimeFormat: c.TimeFormat, Zone: c.Zone}.Mapping(k)
	return m, mistaken(err)
}

// mistaken makes what the files or their columns are not a wrong usage.
func mistaken(err error) error {
	if m := (files.MistakeError{}); errors.As(err, &m) {
		return usageError{fmt.Errorf("import: %w", err)}
	}
	return err
}
