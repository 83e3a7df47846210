package profile

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Training tells how a training went.
type Training struct {
	Counts  Counts            `json:"counts"`
	Heads   []HeadTraining    `json:"heads"`
	Skipped map[string]string `json:"skipped"` // heads that could not be learned, and why
}

// HeadTraining is how one head was learned. The figures are over folds: each user scored by a network that had not seen it.
type HeadTraining struct {
	Name       string         `json:"name"`
	Users      int            `json:"users"`     // with a label
	Ambiguous  int            `json:"ambiguous"` // with more than one class, or none; left out
	Rare       map[string]int `json:"rare"`      // values left out, with their users
	Tried      []Candidate    `json:"tried"`
	Chosen     Candidate      `json:"chosen"`
	Calibrated float64        `json:"calibrated"` // log loss of the chosen one after calibration
}

// Candidate is one way to train, with what it reached.
type Candidate struct {
	L2      float64 `json:"l2"`
	LogLoss float64 `json:"log_loss"`
}

// Train learns the heads that c asks for from the examples whose users consented; the others are refused and counted.
// The same examples and Config give the same model. A head that cannot be learned (one value only, too few users) is
// left out with a reason in Training.Skipped; if none is left the error is ErrNothing, and Training still tells why.
func Train(ctx context.Context, examples []Example, c Config) (*Model, *Training, error) {
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	c.withDefaults()
	vector, features := 0, len(c.FeatureNames)
	if i := slices.IndexFunc(examples, func(e Example) bool { return e.Consent }); i >= 0 {
		vector = len(examples[i].Vector)
	}
	users, counts, err := usable(examples, vector, features)
	if err != nil {
		return nil, nil, err
	}
	if vector+features == 0 && len(users) > 0 {
		return nil, nil, fmt.Errorf("%w: user %q has neither a vector nor features", ErrExample, users[0].User)
	}
	users = sampled(users, c.MaxExamples, c.Seed)
	counts.Left, counts.Used = counts.Used-len(users), len(users)
	training := &Training{Counts: counts, Skipped: map[string]string{}}
	model := &Model{card: Card{Version: Version, VectorDim: vector, FeatureNames: slices.Clone(c.FeatureNames), Users: len(users), Seed: c.Seed}}
	if len(users) > 0 {
		model.inputs = standardising(inputs(users))
	}
	for _, spec := range c.Heads {
		l, why := labelled(users, spec, c)
		if why != "" {
			training.Skipped[spec.Name] = why
			continue
		}
		net, calibration, head, told, err := l.learn(ctx, model.inputs, c)
		if err != nil {
			return nil, training, fmt.Errorf("head %q: %w", spec.Name, err)
		}
		model.nets, model.scales, model.card.Heads = append(model.nets, net), append(model.scales, calibration), append(model.card.Heads, head)
		training.Heads = append(training.Heads, told)
	}
	if len(model.nets) == 0 {
		return nil, training, fmt.Errorf("%w: %d users, %d of them without consent; %v", ErrNothing, counts.Given, counts.NoConsent, training.Skipped)
	}
	return model, training, nil
}

// lesson is what one head learns from.
type lesson struct {
	spec      Spec // with values
	users     []Example
	truth     *mat.Dense // by user and value: 0 or 1
	ambiguous int
	rare      map[string]int
}

// labelled gathers the users with a label of the head, or says why it cannot be learned.
func labelled(users []Example, spec Spec, c Config) (l lesson, why string) {
	l = lesson{spec: spec, rare: map[string]int{}}
	count := map[string]int{}
	for _, u := range users {
		labels, known := u.Labels[spec.Name]
		if !known {
			continue
		}
		if spec.Kind == Classes && len(labels) != 1 || slices.Contains(labels, "") {
			l.ambiguous++
			continue
		}
		l.users = append(l.users, u)
		for _, v := range distinct(labels) {
			count[v]++
		}
	}
	if len(l.users) < c.MinUsers {
		return l, fmt.Sprintf("%d users have a label; %d are needed", len(l.users), c.MinUsers)
	}
	l.chooseValues(count, c.MinPerValue)
	if spec.Kind == Classes {
		// Users whose class is too rare to be learned have no place in a distribution over the others.
		l.users = slices.DeleteFunc(l.users, func(u Example) bool { return !slices.Contains(l.spec.Values, u.Labels[spec.Name][0]) })
	}
	// A tag that everybody has is as little to learn as one that nobody has.
	if spec.Kind == Tags {
		l.spec.Values = slices.DeleteFunc(l.spec.Values, func(v string) bool { return len(l.users)-count[v] < c.MinPerValue })
	}
	least := 2
	if spec.Kind == Tags {
		least = 1
	}
	switch {
	case len(l.spec.Values) < least:
		return l, fmt.Sprintf("%d values have at least %d users with and without them; %d are needed", len(l.spec.Values), c.MinPerValue, least)
	case len(l.spec.Values) > maxValues:
		return l, fmt.Sprintf("%d values; at most %d can be learned", len(l.spec.Values), maxValues)
	case len(l.users) < c.MinUsers:
		return l, fmt.Sprintf("%d users have a value that is common enough; %d are needed", len(l.users), c.MinUsers)
	}
	l.truth = mat.NewDense(len(l.users), len(l.spec.Values), nil)
	for i, u := range l.users {
		for _, v := range u.Labels[spec.Name] {
			if j := slices.Index(l.spec.Values, v); j >= 0 {
				l.truth.Set(i, j, 1)
			}
		}
	}
	return l, ""
}

// chooseValues keeps the values that enough users have, in the order of the spec or else sorted.
func (l *lesson) chooseValues(count map[string]int, least int) {
	values := slices.Clone(l.spec.Values)
	if values == nil {
		for v := range count {
			values = append(values, v)
		}
		slices.Sort(values)
	}
	l.spec.Values = slices.DeleteFunc(values, func(v string) bool { return count[v] < least })
	for v, n := range count {
		if !slices.Contains(l.spec.Values, v) {
			l.rare[v] = n
		}
	}
}

func distinct(values []string) []string { return slices.Compact(slices.Sorted(slices.Values(values))) }

// learn tries the candidates over folds, calibrates the best one, chooses its thresholds, and trains it on all users.
func (l lesson) learn(ctx context.Context, standard scale, c Config) (*network, scale, Head, HeadTraining, error) {
	told := HeadTraining{Name: l.spec.Name, Users: len(l.users), Ambiguous: l.ambiguous, Rare: l.rare}
	x := inputs(l.users)
	standard.applyAll(x)
	decays := slices.SortedFunc(slices.Values(c.L2), func(a, b float64) int { return cmp.Compare(b, a) })
	out := make([][][]float64, len(decays)) // by decay and user
	for d := range decays {
		out[d] = make([][]float64, len(l.users))
	}
	folds := l.folds(c)
	for f := range c.Folds {
		tried, err := l.fold(ctx, x, folds, f, decays, out)
		if err != nil {
			return nil, scale{}, Head{}, told, err
		}
		decays = decays[:tried]
		c.Progress(f+1, c.Folds+1, l.spec.Name)
	}
	var best [][]float64
	for d, l2 := range decays {
		tried := Candidate{L2: l2, LogLoss: l.logLoss(out[d])}
		told.Tried = append(told.Tried, tried)
		if best == nil || tried.LogLoss < told.Chosen.LogLoss {
			told.Chosen, best = tried, out[d]
		}
	}
	head, calibration := l.settle(best, c.Precision)
	for _, row := range best {
		calibration.apply(row)
	}
	told.Calibrated = l.logLoss(best)
	net := l.network()
	if err := net.fit(ctx, l.spec.Kind, x, l.truth, told.Chosen.L2); err != nil {
		return nil, scale{}, Head{}, told, err
	}
	c.Progress(c.Folds+1, c.Folds+1, l.spec.Name)
	return net, calibration, head, told, nil
}

func (l lesson) network() *network {
	return newNetwork(len(l.users[0].Vector), len(l.users[0].Features), len(l.spec.Values))
}

// folds deals the users out, by a number of their own so that a fold does not depend on the order of the list.
func (l lesson) folds(c Config) []int {
	order := make([]int, len(l.users))
	places := make([]float64, len(l.users))
	for i, u := range l.users {
		order[i], places[i] = i, place(c.Seed, "fold", u.User)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(places[a], places[b]) })
	folds := make([]int, len(order))
	for n, i := range order {
		folds[i] = n % c.Folds
	}
	return folds
}

// fold trains without fold f and writes the outputs for its users, by decay and user. Decays fall, and each network
// begins where the one before it ended. It stops once the fold's own loss has risen twice in a row, and says how many
// decays were tried.
func (l lesson) fold(ctx context.Context, x *mat.Dense, folds []int, f int, decays []float64, out [][][]float64) (tried int, err error) {
	learnX, askX := dealt(x, folds, f)
	learnTruth, askTruth := dealt(l.truth, folds, f)
	net := l.network()
	best, rises := math.Inf(1), 0
	for d, l2 := range decays {
		if err := net.fit(ctx, l.spec.Kind, learnX, learnTruth, l2); err != nil {
			return 0, err
		}
		got := net.forward(net.weights, askX).out
		at := 0
		for i, fold := range folds {
			if fold == f {
				out[d][i] = slices.Clone(got.RawRowView(at))
				at++
			}
		}
		value := loss(l.spec.Kind, got, askTruth)
		if rises++; value < best {
			best, rises = value, 0
		}
		if rises == 2 {
			return d + 1, nil
		}
	}
	return len(decays), nil
}

// dealt copies the rows that are not in fold f, and those that are.
func dealt(m *mat.Dense, folds []int, f int) (others, own *mat.Dense) {
	inside := 0
	for _, fold := range folds {
		if fold == f {
			inside++
		}
	}
	_, columns := m.Dims()
	others, own = mat.NewDense(len(folds)-inside, columns, nil), mat.NewDense(inside, columns, nil)
	a, b := 0, 0
	for i, fold := range folds {
		if fold == f {
			own.SetRow(b, m.RawRowView(i))
			b++
		} else {
			others.SetRow(a, m.RawRowView(i))
			a++
		}
	}
	return others, own
}

// logLoss is the mean over users; for tags, of the sum over tags.
func (l lesson) logLoss(out [][]float64) float64 {
	flat := mat.NewDense(len(out), len(out[0]), slices.Concat(out...))
	return loss(l.spec.Kind, flat, l.truth)
}

// settle calibrates the outputs of users that were not learned from, and chooses when the head answers.
func (l lesson) settle(out [][]float64, precision float64) (Head, scale) {
	h := Head{Name: l.spec.Name, Kind: l.spec.Kind, Values: l.spec.Values, Precision: precision}
	n, values := l.truth.Dims()
	classes, tags := make([]int, n), make([][]bool, n)
	h.Prior = make([]float64, values)
	for i := range n {
		tags[i] = make([]bool, values)
		for j, t := range l.truth.RawRowView(i) {
			if t > 0 {
				classes[i], tags[i][j] = j, true
				h.Prior[j] += 1 / float64(n)
			}
		}
	}
	var s scale
	if h.Kind == Classes {
		s = temperature(out, classes)
	} else {
		s = platt(out, tags)
	}
	probabilities := make([][]float64, n)
	for i, row := range out {
		scaled := slices.Clone(row)
		s.apply(scaled)
		probabilities[i] = distribution(h.Kind, scaled)
	}
	if h.Kind == Classes {
		guesses := make([]guess, n)
		for i, p := range probabilities {
			best := likeliest(p)
			guesses[i] = guess{p[best], classes[i] == best}
		}
		h.Answer = []float64{max(likely, threshold(guesses, precision))}
		return h, s
	}
	h.Decision = decision(probabilities, tags)
	for j := range values {
		guesses := make([]guess, n)
		for i, p := range probabilities {
			guesses[i] = guess{p[j], tags[i][j]}
		}
		h.Answer = append(h.Answer, max(likely, threshold(guesses, precision)))
	}
	return h, s
}

// likely is the least probability at which anything is told, whatever the precision: what is rather not so is not told.
const likely = 0.5

// likeliest is the index of the largest number, the first of equals.
func likeliest(p []float64) int {
	best := 0
	for j, x := range p {
		if x > p[best] && !math.IsNaN(x) {
			best = j
		}
	}
	return best
}
