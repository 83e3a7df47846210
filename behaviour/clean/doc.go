// Package clean judges rows by looking at many of them: who is a bot, what came
// faster than a hand can, what repeats, which numbers lie far out, what is missing.
//
// Nothing here is stored and nothing is taken away from what is stored: the rows
// of package behaviour stay as they came, and cleaning is computed from them
// whenever it is needed. It depends on the rows alone, not on the clock, the
// machine or the order in which they are read, so that the worker, the report,
// the split and a rebuild a year later agree.
//
// Steps is the whole list, in the order in which the steps run.
//
//	kept, counts := clean.UserEvents(events)          one shopper's, the newest, for a vector
//	for s, err := range clean.Shoppers(scan) { … }    a whole table, shopper by shopper
//	f := clean.NewFit(); f.Until(boundary); f.Event(…); f.User(…); f.Product(…)
//	stats := f.Statistics()                           what values are filled and normalised with
//	values, err := stats.User(&user)                  the same in training and in serving
//	s := clean.NewSurveyor(known); …; s.Survey()      what each step found, before and after
package clean
