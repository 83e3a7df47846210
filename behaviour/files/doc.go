// Package files reads rows out of files that others wrote: lines of JSON, CSV and Parquet, packed with gzip or not. Columns
// are mapped onto the fields of a kind of rows; what a file holds beyond them is kept as attributes.
//
// A row that cannot be read is given on with its fault, so that it is counted and buried like any other; only a file that
// cannot be read at all, or columns that are not there, are errors.
package files
