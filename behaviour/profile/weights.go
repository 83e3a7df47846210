package profile

import (
	"time"

	"weft/behaviour"
)

// HalfLife is how long it takes an event to count half.
const HalfLife = 60 * 24 * time.Hour

// Weight is how much an event of a type says of its user's taste, in views. It is
// below 0 for what speaks against the product, and 1 for types of the shop's own.
func Weight(kind string) float64 {
	switch kind {
	case behaviour.View:
		return 1
	case behaviour.Click, behaviour.Search:
		return 1.5
	case behaviour.Share, behaviour.Wishlist:
		return 3
	case behaviour.Cart:
		return 4
	case behaviour.Purchase:
		return 8
	case behaviour.Return:
		return -8
	case behaviour.Dislike:
		return -6
	case behaviour.Follow:
		return 0 // says something of people, not of products
	}
	return 1
}
