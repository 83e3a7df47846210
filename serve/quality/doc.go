// Package quality measures, while the shop runs, whether the lists it serves are any
// good and whether what they are made from changes its nature: how often shoppers act
// on what was listed (judge.go), how much of the catalogue is ever shown (coverage.go),
// and how the newest vectors differ from the older ones (drift.go).
//
// Its figures are counted, not learned from: nothing here changes a list.
package quality
