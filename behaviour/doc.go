// Package behaviour is what shoppers do and say: events, reviews and the users
// themselves, as rows of the lake.
//
// Rows are kept as they came, once each is whole and checked by itself. What is
// judged by looking at many rows (bots, outliers, missing values, rare
// categories) is computed from the stored rows whenever it is needed, and can be
// computed otherwise tomorrow.
//
// The tables are ordered by user, so that a shopper's rows lie together in every
// segment: they are read, and one day erased, by one range of keys. Reviews are
// also listed by product, since they join the product's vector.
package behaviour
