// Package campaign breaks a fleet on purpose, in its tests: faults from a seeded
// schedule under load, against a real redis-server, a real versitygw and several
// real weft processes with their real encoders.
//
// Nothing may be lost. After each batch of faults the fleet has to converge: every
// product's vector in Redis is made of exactly what the bucket holds, every bad file
// is dead for its own reason, and `weft audit` balances. In the end all vectors are
// compared with those of an undisturbed `weft up` over the same files, encoder calls
// with the number of distinct contents, and the exits of all processes with what was
// done to them.
//
//	fleet_test.go     weft processes: started, killed, started again
//	shop_test.go      the catalogue, the load, and what must come of it
//	contents_test.go  photos, listings and poison
//	kinds_*_test.go   the kinds of faults
//	schedule_test.go  when which fault begins and ends
//	converge_test.go  waiting until nothing is lost
//	report_test.go    one line per kind
//
// `make campaign` runs the long version; `go test` the short one, under two minutes
// and without long freezes.
package campaign
