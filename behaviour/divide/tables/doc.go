// Package tables writes a divided shop as files that others learn from: interactions and product facts as Parquet, profiles
// as CSV, the train part's statistics, and a manifest with counts and digests. Package fusion/dataset reads them back.
package tables
