// Package parts says which rows a shopper's vector is made of, which reviews take part
// in a product's, how much each of them says, and by what digest ("sources") one tells
// that a stored vector was made of just these.
//
// The worker, which makes the vectors, and the scheduler, which looks for those that
// are missing or stale, both ask here: what they agree on is current.
//
//	Of(user, events, reviews, …)   one shopper's rows → History: what counts of them
//	History.Sources                the digest of all that the vector depends on
//	Reviews                        a product's reviews → those with most to say
package parts
