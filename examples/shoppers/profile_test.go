package shoppers_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"weft/examples/shoppers"
	"weft/fusion/profile"
	"weft/onnx/onnxtest"
)

// A profile model that learns from what simulated shoppers did, labelled by what they told the shop, comes near to what
// can be known of them at all. It takes the whole way: rows as imported, a table of attributes, features of behaviour,
// training, the file, and a test through ONNX Runtime on shoppers kept apart.
func TestProfilesComeNearCeiling(t *testing.T) {
	products, err := shoppers.ReadCatalogue("../catalogue")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := shoppers.Generate(shoppers.Config{Seed: 1, Shoppers: 4000, Products: products})
	if err != nil {
		t.Fatal(err)
	}
	examples, specs := examplesOf(t, sim, products)
	train, test := profile.Split(examples, 1, 0.25)
	model, told, err := profile.Train(t.Context(), train, profile.Config{
		Seed: 1, Heads: specs, FeatureNames: profile.BehaviourFeatures(), L2: []float64{0.03, 0.01, 0.003},
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := model.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	session, err := profile.Open(onnxtest.Open(t), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	activity := map[string]string{}
	for _, truth := range sim.Truth {
		activity[truth.User] = truth.Activity
		if truth.Cold {
			activity[truth.User] = "cold"
		}
	}
	found, err := profile.Evaluate(t.Context(), session, test, profile.EvalConfig{
		Groups: map[string]func(profile.Example) string{"activity": func(e profile.Example) string { return activity[e.User] }},
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i, u := range sim.Users {
		if !u.Consent.Profiling {
			refused++
			if examples[i].Labels != nil || examples[i].Vector != nil {
				t.Fatalf("%s refuses profiling, but its example carries data", u.ID)
			}
		}
	}
	if got := told.Counts.NoConsent + found.Counts.NoConsent; refused == 0 || got != refused {
		t.Errorf("%d shoppers were passed over, %d refuse", got, refused)
	}

	ceiling := ceilings(t, sim, test, session.Card())
	t.Logf("%d simulated shoppers learned from, %d tested; %d KiB of ONNX", told.Counts.Used, found.Counts.Used, len(file)>>10)
	for i, got := range found.Heads {
		best := ceiling[i]
		t.Logf("%-9s  accuracy %.3f ± %.3f  precision %.3f  recall %.3f  F1 %.3f  micro F1 %.3f  log loss %.3f  ECE %.3f", got.Head, got.Accuracy, got.Error, got.Precision, got.Recall, got.F1, got.MicroF1, got.LogLoss, got.ECE)
		t.Logf("%-9s  accuracy %.3f          precision %.3f  recall %.3f  F1 %.3f  micro F1 %.3f  log loss %.3f  ECE %.3f", "  ceiling", best.Accuracy, best.Precision, best.Recall, best.F1, best.MicroF1, best.LogLoss, best.ECE)
		t.Logf("%-9s  accuracy %.3f                                          F1 %.3f  micro F1 %.3f", "  constant", got.Constant.Accuracy, got.Constant.F1, got.Constant.MicroF1)
		t.Logf("%-9s  %.3f told at a precision of %.3f (wanted %.2f); chosen %+v", "", got.Told.Share, got.Told.Precision, got.Told.Wanted, told.Heads[i].Chosen)
		for _, gap := range got.Groups {
			t.Logf("%-9s  by %s: gap %.3f ± %.3f %+v", "", gap.By, gap.Gap, gap.Error, gap.Groups)
		}
		if best.Users != got.Users {
			t.Fatalf("%s: %d users tested, %d by the oracle", got.Head, got.Users, best.Users)
		}
		if best.ECE > 0.05 {
			t.Errorf("%s: the oracle itself is off by %.3f", got.Head, best.ECE)
		}
		// Three quarters of the way from a constant answer to what can be known, and calibrated.
		for _, figure := range []struct {
			name                  string
			got, constant, atBest float64
		}{{"accuracy", got.Accuracy, got.Constant.Accuracy, best.Accuracy}, {"macro F1", got.F1, got.Constant.F1, best.F1}, {"micro F1", got.MicroF1, got.Constant.MicroF1, best.MicroF1}} {
			if way := (figure.got - figure.constant) / (figure.atBest - figure.constant); way < 0.7 || figure.got > figure.atBest+0.03 {
				t.Errorf("%s: %s of %.3f lies %.2f of the way from a constant's %.3f to the ceiling of %.3f", got.Head, figure.name, figure.got, way, figure.constant, figure.atBest)
			}
		}
		if got.ECE > 0.06 || got.Told.Precision < got.Told.Wanted-0.05 {
			t.Errorf("%s: ECE %.3f, told at a precision of %.3f, wanted %.2f", got.Head, got.ECE, got.Told.Precision, got.Told.Wanted)
		}
	}
}

// ceilings measures the oracle on the same shoppers and labels by the same arithmetic.
func ceilings(t *testing.T, sim *shoppers.Simulation, test []profile.Example, card profile.Card) []profile.Metrics {
	t.Helper()
	var asked []profile.Example
	var users []string
	for _, e := range test {
		if e.Consent {
			asked, users = append(asked, e), append(users, e.User)
		}
	}
	c, err := shoppers.NewOracle(sim).Ceiling(users)
	if err != nil {
		t.Fatal(err)
	}
	var list []profile.Metrics
	for _, head := range card.Heads {
		var values []string
		pick := map[string]func(shoppers.Posterior) []float64{
			"gender":    func(p shoppers.Posterior) []float64 { values = shoppers.Genders(); return p.Gender },
			"age":       func(p shoppers.Posterior) []float64 { values = shoppers.AgeBands(); return p.AgeBand },
			"interests": func(p shoppers.Posterior) []float64 { values = shoppers.Interests(); return p.Interests },
		}[head.Name]
		probabilities := make([][]float64, len(asked))
		for i, p := range c.Posteriors {
			row := pick(p)
			for _, v := range head.Values {
				probabilities[i] = append(probabilities[i], row[slices.Index(values, v)])
			}
		}
		head.Decision = 0.4 // half of the F1 that is reached, the best place for it
		list = append(list, profile.Measure(head, asked, probabilities, nil))
	}
	return list
}

// weights of events in a shopper's vector.
func weight(event string) float32 {
	switch event {
	case "view", "click":
		return 1
	case "cart", "wishlist", "purchase":
		return 2
	case "dislike":
		return -2
	}
	return 0
}

// examplesOf are the shoppers as the shop knows them: of those without consent, nothing but the name.
func examplesOf(t *testing.T, sim *shoppers.Simulation, products []shoppers.Product) ([]profile.Example, []profile.Spec) {
	t.Helper()
	var rows []map[string]any
	body, err := json.Marshal(sim.Users)
	if err == nil {
		err = json.Unmarshal(body, &rows)
	}
	if err != nil {
		t.Fatal(err)
	}
	table, err := profile.ReadTable(rows, false)
	if err != nil {
		t.Fatal(err)
	}
	table.Columns = slices.DeleteFunc(table.Columns, func(c profile.Column) bool { return c.Name == "city" }) // tied to nothing they do
	found, err := profile.Infer(table, profile.TableConfig{})
	if err != nil {
		t.Fatal(err)
	}
	vectors, features := vectorsOf(sim, products), featuresOf(sim, products)
	examples, bare := table.Examples(found.Labels, vectors, features)
	if bare != 0 {
		t.Fatalf("%d shoppers without a vector", bare)
	}
	return examples, found.Specs
}

// vectorsOf adds up, for each shopper, one-hots of category, colour and style of what it touched, to unit length.
func vectorsOf(sim *shoppers.Simulation, products []shoppers.Product) map[string][]float32 {
	var words []string
	wordsOf := map[string][]string{}
	for _, p := range products {
		if p.Category != "" {
			wordsOf[p.ID] = []string{"category " + p.Category, "colour " + p.Colour, "style " + p.Style}
			words = append(words, wordsOf[p.ID]...)
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	vectors := map[string][]float32{}
	for _, u := range sim.Users {
		vectors[u.ID] = make([]float32, len(words))
	}
	for _, e := range sim.Events {
		for _, w := range wordsOf[e.Product] {
			at, _ := slices.BinarySearch(words, w)
			vectors[e.User][at] += weight(e.Type)
		}
	}
	for _, v := range vectors {
		var squares float64
		for _, x := range v {
			squares += float64(x * x)
		}
		if squares > 0 {
			for i := range v {
				v[i] /= float32(math.Sqrt(squares))
			}
		}
	}
	return vectors
}

func featuresOf(sim *shoppers.Simulation, products []shoppers.Product) map[string][]float32 {
	price := map[string]float64{}
	for _, p := range products {
		price[p.ID] = p.Price
	}
	by := map[string]*profile.Behaviour{}
	touched := map[[2]string]bool{}
	for _, u := range sim.Users {
		by[u.ID] = &profile.Behaviour{Events: map[string]int{}}
	}
	for _, e := range sim.Events {
		b := by[e.User]
		b.Events[e.Type]++
		if b.First.IsZero() {
			b.First = e.Time
		}
		b.Last = e.Time
		if e.Time.Hour() >= 18 {
			b.Evenings++
		}
		if e.Type == "purchase" {
			b.Spent += e.Value
		}
		if e.Product == "" {
			continue
		}
		if pair := [2]string{e.User, e.Product}; !touched[pair] {
			touched[pair] = true
			b.Products++
		}
		if price[e.Product] > 0 {
			b.Prices = append(b.Prices, price[e.Product])
		}
	}
	features := map[string][]float32{}
	for user, b := range by {
		features[user] = b.Features(sim.Cut.Add(time.Second))
	}
	return features
}
