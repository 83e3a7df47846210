// Package profile says in plain words what is known of one shopper: interests,
// favourite categories, price band, activity, recency, frequency and money,
// reviews, and what the shopper has told. It is made by rules that a person can
// check, no model has a part in it, and each value names the events, reviews and
// products behind it.
//
//	p, err := profile.Of(profile.Input{User: row, Events: events, Reviews: reviews, Facts: lookup, Catalogue: c, Now: time.Now()})
//	if errors.Is(err, profile.ErrDeclined) { … } // p names the user and the refusal, nothing else
//	err = p.WriteText(os.Stdout)
//
// The rules, all in UTC unless a zone is given:
//
//   - Rows are cleaned first (package clean); a bot has no profile but the finding.
//   - An event weighs by its type (parts.Weight, as in vectors) and half as much for each HalfLife it is
//     older than the user's newest event. A product counts log(1 + the sum of its
//     events' weights): the hundredth view says little. What was disliked or sent
//     back counts against.
//   - A category's weight is its share of all that counts for a category.
//   - A tag is a word of titles or searches. It weighs the sum of its products and
//     searches, times how rare it is in the catalogue (log(N/n)/log N), as a part of
//     the strongest. It takes two products, or a search, to make one. What the user
//     has named as an interest is there in any case.
//   - The price band is the quartiles of the prices of what was bought, or else put
//     into the cart or wished for, or else looked at; its name is the third of the
//     catalogue's prices that the median falls into.
//   - Recency is days since the newest event, frequency the number of baskets
//     (moments with a purchase), money what was paid less what was sent back. The
//     limits of their grades are in Limits.
package profile
