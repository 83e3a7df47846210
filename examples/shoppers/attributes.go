package shoppers

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// option is one value of an attribute and how likely it is.
type option struct {
	Name  string
	Share float64
}

func names(options []option) []string {
	list := make([]string, len(options))
	for i, o := range options {
		list[i] = o.Name
	}
	return list
}

// Genders, in the order of the tables.
func genders() []option { return []option{{"female", 0.50}, {"male", 0.42}, {"other", 0.08}} }

// ageBand is a range of whole years, both ends included.
type ageBand struct {
	option
	From, To int
}

func ageBands() []ageBand {
	return []ageBand{
		{option{"18-24", 0.20}, 18, 24}, {option{"25-34", 0.27}, 25, 34}, {option{"35-49", 0.25}, 35, 49},
		{option{"50-64", 0.18}, 50, 64}, {option{"65+", 0.10}, 65, 84},
	}
}

func cities() []option {
	return []option{
		{"Hamburg", 0.20}, {"Lyon", 0.17}, {"Turin", 0.15}, {"Porto", 0.13},
		{"Ghent", 0.11}, {"Graz", 0.10}, {"Malmö", 0.08}, {"Gdańsk", 0.06},
	}
}

// interest is a tag with its odds: relative weights for each gender and age band, multiplied.
type interest struct {
	Name     string
	ByGender [3]float64
	ByAge    [5]float64
}

func interests() []interest {
	return []interest{
		{"running", [3]float64{1.0, 1.2, 1.0}, [5]float64{1.0, 1.4, 1.2, 0.7, 0.3}},
		{"hiking", [3]float64{0.9, 1.1, 1.2}, [5]float64{0.4, 0.8, 1.2, 1.6, 1.5}},
		{"tailoring", [3]float64{0.9, 1.2, 0.7}, [5]float64{0.3, 0.9, 1.4, 1.3, 1.0}},
		{"festivals", [3]float64{1.2, 0.9, 1.5}, [5]float64{2.2, 1.4, 0.6, 0.3, 0.1}},
		{"beach", [3]float64{1.2, 0.9, 1.0}, [5]float64{1.2, 1.2, 1.0, 0.9, 0.8}},
		{"streetwear", [3]float64{0.7, 1.3, 1.4}, [5]float64{2.0, 1.5, 0.7, 0.3, 0.1}},
		{"vintage", [3]float64{1.3, 0.7, 1.5}, [5]float64{1.1, 1.1, 0.9, 1.1, 1.4}},
		{"minimalism", [3]float64{1.0, 1.0, 0.9}, [5]float64{0.7, 1.3, 1.3, 1.0, 1.0}},
	}
}

// howMany is the chance of 2, 3 and 4 interests.
var howMany = [...]float64{2: 0.4, 3: 0.4, 4: 0.2}

// priceLevels are low, mid and high; priceByAge holds their chances for each age band.
func priceLevels() []string { return []string{"low", "mid", "high"} }

var priceByAge = [5][3]float64{{0.60, 0.32, 0.08}, {0.38, 0.44, 0.18}, {0.22, 0.48, 0.30}, {0.20, 0.45, 0.35}, {0.30, 0.45, 0.25}}

// activity is how much a shopper does: sessions in a whole window of 60 days.
type activity struct {
	option
	Sessions float64
}

func activities() []activity {
	return []activity{{option{"low", 0.40}, 5}, {option{"mid", 0.40}, 12}, {option{"high", 0.20}, 30}}
}

func activityShares() []float64 {
	var list []float64
	for _, a := range activities() {
		list = append(list, a.Share)
	}
	return list
}

// archetypeCount is the number of tastes that no attribute explains; each is as likely as another.
const archetypeCount = 12

// interestSets lists every set of two to four interests as a bit mask.
func interestSets() []uint16 {
	var sets []uint16
	for set := range uint16(1 << len(interests())) {
		if n := bits.OnesCount16(set); n >= 2 && n <= 4 {
			sets = append(sets, set)
		}
	}
	return sets
}

// setShares is the chance of each interest set for a gender and an age band: the number first, then sets of that size by
// the product of their members' odds.
func setShares(sets []uint16, gender, age int) []float64 {
	all := interests()
	shares := make([]float64, len(sets))
	var total [len(howMany)]float64
	for i, set := range sets {
		shares[i] = 1
		for j, in := range all {
			if set&(1<<j) != 0 {
				shares[i] *= in.ByGender[gender] * in.ByAge[age]
			}
		}
		total[bits.OnesCount16(set)] += shares[i]
	}
	for i, set := range sets {
		n := bits.OnesCount16(set)
		shares[i] *= howMany[n] / total[n]
	}
	return shares
}

// draw picks an index by weights, which need not sum to 1.
func draw(rng *rand.Rand, weights []float64) int {
	var total float64
	for _, w := range weights {
		total += w
	}
	x := rng.Float64() * total
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func drawOption(rng *rand.Rand, options []option) int {
	weights := make([]float64, len(options))
	for i, o := range options {
		weights[i] = o.Share
	}
	return draw(rng, weights)
}

func ageOptions() []option {
	var list []option
	for _, b := range ageBands() {
		list = append(list, b.option)
	}
	return list
}

func interestNames(set uint16) []string {
	list := []string{}
	for j, in := range interests() {
		if set&(1<<j) != 0 {
			list = append(list, in.Name)
		}
	}
	slices.Sort(list)
	return list
}
