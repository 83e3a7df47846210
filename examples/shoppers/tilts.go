package shoppers

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
)

// tilt is what one value of an attribute adds to the appeal of products, by the words of their listings. A word that is
// absent adds nothing.
type tilt map[string]float64

// The tables below are invented. Keys are the sample catalogue's categories, colour families and styles.

func genderTilts() []tilt {
	return []tilt{
		{ // female
			"Dresses": 1.5, "Skirts": 1.4, "Long-sleeve tops": 0.4, "Shirts": -0.6, "Shorts": -0.3,
			"pink": 0.9, "red": 0.4, "flowing": 0.5, "fitted": 0.3, "feminine": 0.6,
		},
		{ // male
			"Dresses": -2.0, "Skirts": -1.8, "Shirts": 0.9, "Trousers": 0.6, "Shorts": 0.6, "T-shirts": 0.4, "Outerwear": 0.2,
			"denim": 0.4, "grey": 0.3, "pink": -1.0, "straight": 0.3,
		},
		{ // other
			"Hats": 0.9, "Outerwear": 0.7, "Shoes": 0.6, "Dresses": -0.3, "Shirts": 0.2,
			"bright": 1.0, "black": 0.5, "relaxed": 0.4,
		},
	}
}

func ageTilts() []tilt {
	return []tilt{
		{"T-shirts": 0.8, "Shorts": 0.7, "Skirts": 0.5, "Outerwear": -0.4, "Shirts": -0.6, "bright": 0.6, "black": 0.5, "earth": -0.8, "short": 0.5, "classic": -0.7},
		{"Shoes": 0.7, "Dresses": 0.4, "T-shirts": 0.3, "white": 0.6, "denim": 0.5, "slim": 0.6, "earth": -0.3},
		{"Trousers": 0.6, "Shirts": 0.5, "Long-sleeve tops": 0.3, "grey": 0.6, "blue": 0.3, "regular": 0.5, "smart": 0.4, "bright": -0.4},
		{"Outerwear": 0.8, "Trousers": 0.5, "Shirts": 0.3, "T-shirts": -0.5, "Shorts": -0.6, "denim": 0.4, "red": 0.6, "classic": 0.7, "comfortable": 0.4, "black": -0.3},
		{"Outerwear": 0.6, "Hats": 1.0, "Long-sleeve tops": 0.7, "T-shirts": -0.9, "Shorts": -1.2, "Skirts": -0.4, "earth": 1.2, "pink": 0.3, "warm": 0.8, "comfortable": 0.7, "cosy": 0.6, "slim": -0.8},
	}
}

func interestTilts() []tilt {
	return []tilt{
		{"Shoes": 1.2, "Shorts": 1.1, "bright": 0.7, "sporty": 1.4, "lightweight": 0.7, "light": 0.4},                         // running
		{"Outerwear": 1.3, "Trousers": 0.5, "Hats": 0.7, "earth": 1.1, "padded": 0.9, "warm": 0.8},                            // hiking
		{"Shirts": 1.5, "Trousers": 1.0, "T-shirts": -0.6, "white": 0.7, "denim": 0.5, "slim": 0.5, "smart": 1, "classic": 1}, // tailoring
		{"Hats": 0.9, "Skirts": 0.7, "Dresses": 0.4, "red": 0.8, "bright": 1.2, "flowing": 0.9, "short": 0.6},                 // festivals
		{"Shorts": 1.4, "Dresses": 0.5, "Hats": 0.6, "Outerwear": -1, "blue": 1.2, "light": 0.6, "flowing": 0.4},              // beach
		{"T-shirts": 1.4, "Shoes": 0.9, "Hats": 0.6, "black": 1.1, "relaxed": 0.8, "casual": 0.6, "Dresses": -0.6},            // streetwear
		{"Dresses": 0.6, "Skirts": 0.6, "Shirts": 0.3, "red": 0.9, "earth": 0.6, "pink": 0.7, "A-line": 0.9, "flared": 1, "high-waisted": 0.9},
		{"Long-sleeve tops": 1.2, "T-shirts": 0.6, "Trousers": 0.3, "white": 1.0, "grey": 1.0, "black": 0.5, "bright": -1, "basic": 1, "straight": 0.7},
	}
}

// priceTilts[level][tier].
func priceTilts() [3][3]float64 {
	return [3][3]float64{{1.0, 0, -1.2}, {-0.3, 0.6, -0.3}, {-1.2, 0, 1.0}}
}

// archetypeTilts gives each archetype two favourite categories, two favourite colour families and one of each that it
// would rather not see, drawn from the seed.
func archetypeTilts(seed uint64, categories, colours []string) []tilt {
	list := make([]tilt, archetypeCount)
	for i := range list {
		rng := stream(seed, "archetype "+strconv.Itoa(i))
		list[i] = tilt{}
		for _, words := range [][]string{categories, colours} {
			for j, k := range rng.Perm(len(words)) {
				switch j {
				case 0, 1:
					list[i][words[k]] = 0.8
				case 2:
					list[i][words[k]] = -0.6
				}
			}
		}
	}
	return list
}

// drawn completes the tables for a word that they do not have, so that any catalogue has tastes: a category, or an
// unknown colour word taken for a family of its own. Spread is the size of what is added.
func drawn(seed uint64, tables []tilt, table, word string, spread float64) {
	for _, t := range tables {
		if _, known := t[word]; known {
			return
		}
	}
	rng := stream(seed, table+" "+word)
	for _, t := range tables {
		t[word] = spread * rng.NormFloat64()
	}
}

// stream is a source of chance for one purpose: what is drawn for it does not depend on what is drawn for others.
func stream(seed uint64, purpose string) *rand.Rand {
	h := fnv.New128a()
	_ = binary.Write(h, binary.LittleEndian, seed) // a hash takes everything
	h.Write([]byte(purpose))
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))
}
