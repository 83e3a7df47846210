package shoppers

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

// Genders, AgeBands and Interests are the values that the hidden attributes take, in the order of Posterior.
func Genders() []string { return names(genders()) }

// AgeBands are the bands of Truth.AgeBand, youngest first.
func AgeBands() []string { return names(ageOptions()) }

// Interests are the tags of Truth.Interests.
func Interests() []string {
	list := []string{}
	for _, in := range interests() {
		list = append(list, in.Name)
	}
	return list
}

// AgeEdges are the youngest ages of the bands after the first; see AgeBands.
func AgeEdges() []int {
	edges := []int{}
	for _, b := range ageBands()[1:] {
		edges = append(edges, b.From)
	}
	return edges
}

// Posterior is what can be known of a shopper from its shopping before the cut: probabilities, for each value in the
// order of Genders, AgeBands and Interests. The first two sum to 1; interests are apart from each other.
type Posterior struct {
	User      string
	Gender    []float64
	AgeBand   []float64
	Interests []float64
}

// Oracle knows the tables, but not the shoppers. It sums over every combination of gender, age band, interests, price
// level and archetype: 83,160 of them. Making one takes about a second, an answer a millisecond or two. It is safe for
// concurrent use.
type Oracle struct {
	sim     *Simulation
	sets    []uint16
	prior   []float32            // log probability of each combination
	logZ    [kinds][]float32     // log of the sum that a choice of the kind is divided by, for each combination
	appeals map[uint16][]float64 // of each interest set
}

// NewOracle prepares for the shoppers of s.
func NewOracle(s *Simulation) *Oracle {
	o := &Oracle{sim: s, sets: interestSets(), appeals: map[uint16][]float64{}}
	t := s.tastes
	for _, set := range o.sets {
		u := make([]float64, len(t.products))
		for j, row := range t.interest {
			if set&(1<<j) != 0 {
				for i, x := range row {
					u[i] += x
				}
			}
		}
		o.appeals[set] = u
	}
	size := o.combinations()
	o.prior = make([]float32, size)
	for k := range kinds {
		o.logZ[k] = make([]float32, size)
	}
	var wait sync.WaitGroup
	queue := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for g := range queue {
				o.prepare(g/len(t.age), g%len(t.age))
			}
		})
	}
	for g := range len(t.gender) * len(t.age) {
		queue <- g
	}
	close(queue)
	wait.Wait()
	return o
}

func (o *Oracle) combinations() int {
	t := o.sim.tastes
	return len(t.gender) * len(t.age) * len(o.sets) * len(t.price) * len(t.archetype)
}

// block is where the combinations of a gender and an age band begin; within it come sets, price levels, archetypes.
func (o *Oracle) block(gender, age int) (from, size int) {
	t := o.sim.tastes
	size = len(o.sets) * len(t.price) * len(t.archetype)
	return (gender*len(t.age) + age) * size, size
}

// prepare fills in the combinations of one gender and age band.
func (o *Oracle) prepare(gender, age int) {
	t := o.sim.tastes
	shares := setShares(o.sets, gender, age)
	at, _ := o.block(gender, age)
	// Factors of exp(u/2), so that one combination costs multiplications instead of an exponential for each product.
	half := func(row []float64) []float64 {
		e := make([]float64, len(row))
		for i, x := range row {
			e[i] = math.Exp(x / 2)
		}
		return e
	}
	person := half(t.gender[gender])
	for i, e := range half(t.age[age]) {
		person[i] *= e
	}
	var priced, archetypes [][]float64
	for _, row := range t.price {
		priced = append(priced, half(row))
	}
	for _, row := range t.archetype {
		archetypes = append(archetypes, half(row))
	}
	base := make([]float64, len(t.products))
	for s, set := range o.sets {
		liked := half(o.appeals[set])
		for l := range priced {
			for i := range base {
				base[i] = person[i] * liked[i] * priced[l][i]
			}
			logPrior := math.Log(genders()[gender].Share * ageBands()[age].Share * shares[s] * priceByAge[age][l] / archetypeCount)
			for _, own := range archetypes {
				var z [kinds]float64
				for i, q := range t.popularity {
					e := base[i] * own[i] // exp(u/2)
					z[browse] += q * e
					z[consider] += q * e * e
					z[buy] += q * e * e * e
					z[dislike] += q / e
				}
				for k := range kinds {
					o.logZ[k][at] = float32(math.Log(z[k]))
				}
				o.prior[at] = float32(logPrior)
				at++
			}
		}
	}
}

// Posterior answers for one shopper. It fails for a user that is not of the simulation.
func (o *Oracle) Posterior(user string) (Posterior, error) {
	i, ok := o.sim.index[user]
	if !ok {
		return Posterior{}, fmt.Errorf("%w: no user %q in this simulation", ErrConfig, user)
	}
	t := o.sim.tastes
	seen := o.sim.seen[i]
	// What is said for a row of the tables: the sum of β·row over the products chosen.
	said := func(row []float64) (sum float64) {
		for k, chosen := range seen {
			for _, p := range chosen {
				sum += sharpness[k] * row[p]
			}
		}
		return sum
	}
	all := func(rows [][]float64) []float64 {
		list := make([]float64, len(rows))
		for j, row := range rows {
			list[j] = said(row)
		}
		return list
	}
	gender, age, interest, price, archetype := all(t.gender), all(t.age), all(t.interest), all(t.price), all(t.archetype)
	log := make([]float64, 0, o.combinations())
	for g := range gender {
		for a := range age {
			for _, set := range o.sets {
				person := gender[g] + age[a]
				for j, x := range interest {
					if set&(1<<j) != 0 {
						person += x
					}
				}
				for _, x := range price {
					for _, y := range archetype {
						c := len(log)
						l := float64(o.prior[c]) + person + x + y
						for k, chosen := range seen {
							l -= float64(len(chosen)) * float64(o.logZ[k][c])
						}
						log = append(log, l)
					}
				}
			}
		}
	}
	return o.marginals(user, log), nil
}

// marginals sums the posterior of combinations, given by its logarithm up to a constant.
func (o *Oracle) marginals(user string, log []float64) Posterior {
	t := o.sim.tastes
	p := Posterior{User: user, Gender: make([]float64, len(t.gender)), AgeBand: make([]float64, len(t.age)), Interests: make([]float64, len(t.interest))}
	top := slices.Max(log)
	var total float64
	perSet := len(t.price) * len(t.archetype)
	for g := range t.gender {
		for a := range t.age {
			at, _ := o.block(g, a)
			for _, set := range o.sets {
				var sum float64
				for _, l := range log[at : at+perSet] {
					if l > top-40 { // less is nothing
						sum += math.Exp(l - top)
					}
				}
				at += perSet
				p.Gender[g] += sum
				p.AgeBand[a] += sum
				for j := range t.interest {
					if set&(1<<j) != 0 {
						p.Interests[j] += sum
					}
				}
				total += sum
			}
		}
	}
	for _, list := range [][]float64{p.Gender, p.AgeBand, p.Interests} {
		for i := range list {
			list[i] /= total
		}
	}
	return p
}

// Ceiling is how well the oracle does on some shoppers against the truth: what a model could reach at best.
type Ceiling struct {
	Users      int
	Gender     float64 // share of right guesses
	AgeBand    float64
	Interests  float64 // micro F1 of the tags held more likely than not
	Posteriors []Posterior
}

// Ceiling asks for each of users.
func (o *Oracle) Ceiling(users []string) (Ceiling, error) {
	c := Ceiling{Users: len(users), Posteriors: make([]Posterior, len(users))}
	errs := make([]error, len(users))
	var wait sync.WaitGroup
	queue := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range queue {
				c.Posteriors[i], errs[i] = o.Posterior(users[i])
			}
		})
	}
	for i := range users {
		queue <- i
	}
	close(queue)
	wait.Wait()
	if err := firstError(errs...); err != nil {
		return Ceiling{}, err
	}
	var gender, age, hit, guessed, held float64
	for i, p := range c.Posteriors {
		truth := o.sim.Truth[o.sim.index[users[i]]]
		if Genders()[argmax(p.Gender)] == truth.Gender {
			gender++
		}
		if AgeBands()[argmax(p.AgeBand)] == truth.AgeBand {
			age++
		}
		for j, name := range Interests() {
			has, says := slices.Contains(truth.Interests, name), p.Interests[j] > 0.5
			if has {
				held++
			}
			if says {
				guessed++
			}
			if has && says {
				hit++
			}
		}
	}
	if n := float64(len(users)); n > 0 {
		c.Gender, c.AgeBand = gender/n, age/n
	}
	if held+guessed > 0 {
		c.Interests = 2 * hit / (held + guessed)
	}
	return c, nil
}

func argmax(list []float64) int {
	best := 0
	for i, x := range list {
		if x > list[best] {
			best = i
		}
	}
	return best
}
