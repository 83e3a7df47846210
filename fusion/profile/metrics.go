package profile

import "math"

// Metrics are one head's figures on users it has not learned from. Answers are forced: the likeliest class, and the tags
// of at least Head.Decision; Told says what remains when the head may say unknown. Names are those of `weft evaluate`.
type Metrics struct {
	Head      string  `json:"head"`
	Kind      Kind    `json:"kind"`
	Users     int     `json:"users"`       // with a label
	Unseen    int     `json:"unseen"`      // labels whose value was never learned; they count as missed
	Accuracy  float64 `json:"accuracy"`    // share of users (of user and tag pairs) that are right
	Precision float64 `json:"precision"`   // macro: mean over values; a value never said counts 0
	Recall    float64 `json:"recall"`      // macro
	F1        float64 `json:"f1_macro"`    // macro
	MicroF1   float64 `json:"f1_micro"`    // over all users and values together
	LogLoss   float64 `json:"log_loss"`    // mean over users whose labels were learned; of tags, over pairs
	ECE       float64 `json:"ece"`         // expected calibration error over ten bins
	Error     float64 `json:"accuracy_se"` // standard error of Accuracy over users

	// Constant is the best answer that does not look at the user: for classes the commonest of the learned ones, for tags
	// those commoner than a share chosen for the best micro F1 among the users learned from.
	Constant struct {
		Accuracy float64 `json:"accuracy"`
		F1       float64 `json:"f1_macro"`
		MicroF1  float64 `json:"f1_micro"`
	} `json:"constant"`

	Values    []ValueMetrics `json:"values"`
	Confusion [][]int        `json:"confusion,omitempty"` // of classes: rows truth, columns said, both in the order of Values
	Bins      []Bin          `json:"reliability"`
	Told      Told           `json:"told"`
	Groups    []GroupGap     `json:"groups,omitempty"`
}

// ValueMetrics are those of one value.
type ValueMetrics struct {
	Value     string  `json:"value"`
	Support   int     `json:"support"` // users that have it
	Said      int     `json:"said"`
	Right     int     `json:"right"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Bin is one line of a reliability table: of what was held likely with From to To, how much was so.
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int     `json:"count"`
	Said  float64 `json:"said"` // mean probability
	Was   float64 `json:"was"`  // share that was right
}

// Told is how the head does when it may say unknown.
type Told struct {
	Share     float64 `json:"share"`     // of users with a known class; of tags held, the share that is told
	Precision float64 `json:"precision"` // of what is told, the share that is right; 0 if nothing is
	Wanted    float64 `json:"wanted"`    // precision that the thresholds were chosen for
}

// GroupGap compares users of different groups.
type GroupGap struct {
	By     string  `json:"by"`
	Groups []Group `json:"groups"` // sorted by name
	// Gap is the largest difference of accuracy between two groups of at least 20 users, and Error its standard error.
	Gap   float64 `json:"gap"`
	Error float64 `json:"gap_se"`
}

// Group is one group's figures.
type Group struct {
	Name     string  `json:"name"`
	Users    int     `json:"users"`
	Accuracy float64 `json:"accuracy"`
	Error    float64 `json:"accuracy_se"`
	MicroF1  float64 `json:"f1_micro"`
	Told     float64 `json:"told"` // share of users about whom anything is told
}

// counts are sums from which precision, recall and F1 follow.
type counts struct{ support, said, right int }

func (c counts) metrics(value string) ValueMetrics {
	v := ValueMetrics{Value: value, Support: c.support, Said: c.said, Right: c.right}
	if c.said > 0 {
		v.Precision = float64(c.right) / float64(c.said)
	}
	if c.support > 0 {
		v.Recall = float64(c.right) / float64(c.support)
	}
	v.F1 = c.f1()
	return v
}

// f1 is 0 where nothing was said and nothing held.
func (c counts) f1() float64 {
	if c.support+c.said == 0 {
		return 0
	}
	return 2 * float64(c.right) / float64(c.support+c.said)
}

// tally sums forced answers of a head: for each value, and for each user the share of right decisions.
type tally struct {
	values []counts
	scores []float64 // 0 or 1 for classes, the share of tags decided rightly
	micro  counts
}

// add counts one user; said and held are by value. Held values outside of the head are only in missed.
func (t *tally) add(kind Kind, said, held []bool, missed int) {
	var wrong, user counts
	for j := range t.values {
		c := &t.values[j]
		if held[j] {
			c.support++
			user.support++
		}
		if said[j] {
			c.said++
			user.said++
		}
		if said[j] && held[j] {
			c.right++
			user.right++
		}
		if said[j] != held[j] {
			wrong.said++
		}
	}
	user.support += missed
	t.micro.support += user.support
	t.micro.said += user.said
	t.micro.right += user.right
	score := float64(user.right)
	if kind == Tags {
		score = 1 - float64(wrong.said+missed)/float64(len(t.values)+missed)
	}
	t.scores = append(t.scores, score)
}

// macro is the mean over values that are held or said; a value that no user of the test has says nothing.
func (t *tally) macro(names []string) (values []ValueMetrics, precision, recall, f1 float64) {
	n := 0
	for j, c := range t.values {
		v := c.metrics(names[j])
		values = append(values, v)
		if c.support+c.said == 0 {
			continue
		}
		n++
		precision, recall, f1 = precision+v.Precision, recall+v.Recall, f1+v.F1
	}
	if n > 0 {
		precision, recall, f1 = precision/float64(n), recall/float64(n), f1/float64(n)
	}
	return values, precision, recall, f1
}

// meanError is the mean and its standard error; 0 and 0 of nothing.
func meanError(list []float64) (mean, se float64) {
	n := float64(len(list))
	if n == 0 {
		return 0, 0
	}
	for _, x := range list {
		mean += x / n
	}
	var squares float64
	for _, x := range list {
		squares += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(squares) / n
}

// reliability fills ten bins of equal width and returns the expected calibration error: the mean distance between what
// was said and what was, weighted by counts.
func reliability(guesses []guess) (bins []Bin, ece float64) {
	const width = 10
	bins = make([]Bin, width)
	for i := range bins {
		bins[i].From, bins[i].To = float64(i)/width, float64(i+1)/width
	}
	for _, g := range guesses {
		b := &bins[min(width-1, max(0, int(width*g.sure)))]
		b.Count++
		b.Said += g.sure
		if g.right {
			b.Was++
		}
	}
	for i := range bins {
		b := &bins[i]
		if b.Count == 0 {
			continue
		}
		n := float64(b.Count)
		b.Said, b.Was = b.Said/n, b.Was/n
		ece += n / float64(len(guesses)) * math.Abs(b.Said-b.Was)
	}
	return bins, ece
}
