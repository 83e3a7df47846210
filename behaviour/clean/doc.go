// Package clean judges rows by looking at many of them: who is a bot, what came
// faster than a hand can, what repeats, which numbers lie far out, what is missing.
//
// Nothing here is stored and nothing is taken away from what is stored: the rows
// of package behaviour stay as they came, and cleaning is computed from them
// whenever it is needed. It depends on the rows alone, not on the clock, the
// machine or the order in which they are read, so that the worker, the report,
// the split and a rebuild a year later agree.
//
// UserEvents is what one shopper's events need, for those who hold just these.
package clean
