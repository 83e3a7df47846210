// Package gather reads from the lake what a vector is made of: of a product its photos, its listing and its reviews, of
// a shopper the acts, words and attributes. The worker makes vectors of it, training learns from it, promotion makes
// everything anew from it, and explanations say what stood behind a vector, all from the same reading.
//
// It reads and nothing else, so that it can be done where no encoder is loaded: a text whose feature is not stored is
// reported as missing (Product.Missing, User.Missing), and whoever has an encoder may fill it in.
package gather
