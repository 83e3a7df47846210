package serve_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/client"
	"weft/fusion"
	"weft/fusion/towers"
	"weft/fusion/towers/towerstest"
	"weft/gather"
	"weft/onnx/onnxtest"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// made is a shop whose vectors are made by a fusion, as a rule the untrained one, from what lies in a lake.
type made struct {
	*serve.Recommender
	dir      *objects.Dir
	lake     *lake.Lake
	r        *rand.Rand
	n        int
	features []lake.Feature // to be stored
}

const madeProducts, madeUsers = 40, 25

func newMade(t testing.TB) *made {
	t.Helper()
	model, err := fusion.NewConcat(fusion.DefaultConfig(48, 24))
	if err != nil {
		t.Fatal(err)
	}
	return newMadeBy(t, model, 7)
}

// newMadeBy is the shop with vectors by another fusion, and another shop for each seed.
func newMadeBy(t testing.TB, model fusion.Model, seed uint64) *made {
	t.Helper()
	dir, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Open(t.Context(), lake.Config{Store: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	tables, err := behaviour.Open(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	m := &made{dir: dir, lake: l, r: rand.New(rand.NewPCG(5, seed))}
	m.Recommender = &serve.Recommender{Shelf: serve.NewShelf(gen), Behaviour: tables, Consent: true, Model: model,
		Parts: &gather.Reader{Objects: dir, Lake: l, Behaviour: tables, Generation: gen, Consent: true, Recipes: map[tasks.Modality]string{tasks.Image: "ri", tasks.Text: "rt"}}}
	m.UserVector = func(ctx context.Context, id tasks.UserID) (vectors.Record, error) {
		h, err := m.Parts.History(ctx, id)
		if err != nil {
			return vectors.Record{}, err
		}
		u, err := m.Parts.User(ctx, id, h)
		if err != nil {
			return vectors.Record{}, err
		}
		v, err := model.Users(ctx, []fusion.UserParts{u.Parts()})
		if err != nil || v[0].Vector == nil {
			return vectors.Record{}, errors.Join(err, vectors.ErrNotFound)
		}
		return vectors.OfUser(u.Row(gen, 1, v[0])), nil
	}
	m.stock(t)
	m.people(t)
	m.publish(t)
	return m
}

// feature of a content, which features of encoders are like: most values have one sign.
func (m *made) feature(dim int) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(math.Abs(m.r.NormFloat64()) + .1*m.r.NormFloat64())
	}
	return v
}

// words stores the feature of a text.
func (m *made) words(text string) string {
	w := gather.NewWords(text)
	m.features = append(m.features, lake.Feature{Row: lake.Row{Key: lake.FeatureKey(w.SHA256, "rt"), Version: 1}, ContentSHA256: w.SHA256, Recipe: "rt", Modality: "text", Vector: m.feature(24)})
	return text
}

func product(i int) string { return fmt.Sprintf("p%02d", i) }

func (m *made) stock(t testing.TB) {
	var stored []lake.Object
	for i := range madeProducts {
		listing := fmt.Sprintf(`{"title":"Thing %d","category":"c%d","price":%d}`, i, i%4, i+1)
		files := map[string]string{"product.json": listing}
		for j := range i % 3 {
			files[fmt.Sprintf("%d.jpg", j)] = fmt.Sprintf("photo %d of %d", j, i)
		}
		if i%5 == 1 {
			delete(files, "product.json")
		}
		for name, body := range files {
			key := tasks.ProductPrefix(tasks.ProductID(product(i))) + name
			info, err := m.dir.Put(t.Context(), key, []byte(body), objects.Condition{})
			if err != nil {
				t.Fatal(err)
			}
			modality, dim, recipe := tasks.Text, 24, "rt"
			if name != "product.json" {
				modality, dim, recipe = tasks.Image, 48, "ri"
			}
			sha := gather.NewWords(body).SHA256
			m.features = append(m.features, lake.Feature{Row: lake.Row{Key: lake.FeatureKey(sha, recipe), Version: 1}, ContentSHA256: sha, Recipe: recipe, Modality: string(modality), Vector: m.feature(dim)})
			stored = append(stored, lake.Object{Row: lake.Row{Key: key, Version: 1}, ETag: info.ETag, ContentSHA256: sha, Product: product(i), Modality: string(modality), Recipe: recipe})
		}
	}
	if err := m.lake.Objects.Append(t.Context(), stored...); err != nil {
		t.Fatal(err)
	}
}

// people do and write all sorts of things: shoppers u00 to u24, of whom u24 has declined
// and u23 has done nothing but be there.
func (m *made) people(t testing.TB) {
	var events []behaviour.Event
	var reviews []behaviour.Review
	var listed []behaviour.ProductReview
	var users []behaviour.User
	for u := range madeUsers {
		user := fmt.Sprintf("u%02d", u)
		row := func(id string) lake.Row {
			return lake.Row{Key: behaviour.RowKey(tasks.UserID(user), id), Version: int64(1_700_000_000_000)}
		}
		said := behaviour.User{Row: lake.Row{Key: user, Version: 1}, ID: user, Time: 1}
		if u%3 == 0 {
			said.Attributes = fmt.Sprintf(`{"city":"town %d"}`, u)
			m.words(parts.AttributesText(&said))
		}
		if u == 24 {
			said.Profiling = "no"
		}
		users = append(users, said)
		if u == 23 {
			continue
		}
		for range 1 + m.r.IntN(10) {
			m.n++
			e := behaviour.Event{ID: fmt.Sprint("e", m.n), User: user, Type: []string{"view", "click", "cart", "purchase", "wishlist", "search", "follow"}[m.r.IntN(7)],
				Time: 1_700_000_000_000 - int64(m.r.IntN(100))*86_400_000 + int64(m.n), Digest: fmt.Sprint(m.n)}
			switch e.Type {
			case "search":
				e.Query = m.words(fmt.Sprint("words ", m.n))
			case "follow":
				e.TargetUser = fmt.Sprintf("u%02d", m.r.IntN(madeUsers))
			default:
				e.Product = product(m.r.IntN(madeProducts))
			}
			e.Row = row(e.ID)
			events = append(events, e)
		}
		if u%2 == 0 {
			m.n++
			rating := float64(3 + m.r.IntN(3))
			r := behaviour.Review{Row: row(fmt.Sprint("r", m.n)), ID: fmt.Sprint("r", m.n), User: user, Product: product(m.r.IntN(madeProducts)), Rating: &rating,
				Text: m.words(fmt.Sprint("a review ", m.n)), Time: 1_700_000_000_000, Digest: fmt.Sprint(m.n)}
			reviews = append(reviews, r)
			listed = append(listed, behaviour.ProductReview{Row: lake.Row{Key: r.Product + "/" + r.Key, Version: 1}, Product: r.Product, User: user, Review: r.ID, Rating: &rating, Time: r.Time, Digest: r.Digest, Text: r.ReadText()})
		}
	}
	b := m.Behaviour
	if err := errors.Join(b.Events.Append(t.Context(), events...), b.Reviews.Append(t.Context(), reviews...), b.ProductReviews.Append(t.Context(), listed...), b.Users.Append(t.Context(), users...), m.lake.Features.Append(t.Context(), m.features...)); err != nil {
		t.Fatal(err)
	}
}

// publish makes every product's vector, as the worker does.
func (m *made) publish(t testing.TB) {
	t.Helper()
	var rows []lake.Product
	for i := range madeProducts {
		id := tasks.ProductID(product(i))
		media, err := m.Parts.Media(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(media) == 0 {
			if m.Shelf.Remove(string(id)); m.Snapshot != nil {
				gone := lake.Row{Key: lake.ProductKey(string(gen), string(id)), Version: time.Now().UnixMilli(), Deleted: true}
				rows = append(rows, lake.Product{Row: gone, ID: string(id)})
			}
			continue
		}
		p, err := m.Parts.Product(t.Context(), id, media)
		if err != nil || !p.Settled {
			t.Fatal(p.Settled, err)
		}
		if err := m.Parts.AddReviews(t.Context(), &p, 0); err != nil {
			t.Fatal(err)
		}
		v, err := m.Model.Products(t.Context(), []fusion.ProductParts{p.Parts()})
		if err != nil {
			t.Fatal(err)
		}
		row := p.Row(gen, time.Now().UnixMilli(), v[0])
		rows = append(rows, row)
		if err := m.Shelf.Set(vectors.OfProduct(row)); err != nil {
			t.Fatal(err)
		}
	}
	err := m.lake.Products.Append(t.Context(), rows...)
	if err != nil {
		t.Fatal(err)
	}
	if m.Snapshot, err = serve.TakeSnapshot(t.Context(), m.Shelf, m.Behaviour, true); err != nil {
		t.Fatal(err)
	}
}

// explained checks that the shares of a random pair add up to its score, which is that of
// the published vectors.
func (m *made) explained(t testing.TB) client.Explanation {
	user, id := tasks.UserID(fmt.Sprintf("u%02d", m.r.IntN(madeUsers-1))), product(m.r.IntN(madeProducts))
	for { // every third product has neither a listing nor a photo
		if _, known := m.Shelf.Content().Entry(id); known {
			break
		}
		id = product(m.r.IntN(madeProducts))
	}
	e, err := m.Explain(t.Context(), user, tasks.ProductID(id))
	if err != nil {
		t.Fatal(user, id, err)
	}
	if off := math.Abs(e.Shares.Sum() - (e.Score - e.Baseline)); off > 1e-4 || !e.Current || e.Sentence == "" {
		t.Errorf("%s, %s: the shares add up to %v, score %v less baseline %v: %+v", user, id, e.Shares.Sum(), e.Score, e.Baseline, e)
	}
	return e
}

func TestExplanationsAddUp(t *testing.T) {
	m := newMade(t)
	var seen client.Shares
	kinds := map[string]bool{}
	for range 60 {
		e := m.explained(t)
		for _, ev := range e.Evidence {
			kinds[ev.Kind] = true
		}
		if e.Road != client.RoadPersonal {
			continue
		}
		seen.Photo += math.Abs(e.Shares.Photo)
		seen.Text += math.Abs(e.Shares.Text)
		seen.Reviews += math.Abs(e.Shares.Reviews)
		seen.Behaviour += math.Abs(e.Shares.Behaviour)
		seen.Social += math.Abs(e.Shares.Social)
		if e.Shares.Popularity != 0 {
			t.Errorf("the untrained fusion knows no popularity: %+v", e.Shares)
		}
	}
	if min(seen.Photo, seen.Text, seen.Reviews, seen.Behaviour, seen.Social) == 0 {
		t.Errorf("a source that never counts: %+v", seen)
	}
	for _, kind := range []string{"event", "review", "follow", "photo", "listing"} {
		if !kinds[kind] {
			t.Errorf("no evidence of kind %s", kind)
		}
	}
}

// trained are towers for the shop's products.
func trained(t testing.TB) fusion.Model {
	t.Helper()
	dims := map[string]int{"image": 48, "text": 24}
	d := towerstest.Shop(60, madeProducts, dims)
	for i := range d.Items {
		d.Items[i] = product(i)
	}
	concat, err := fusion.NewConcat(fusion.DefaultConfig(dims["image"], dims["text"]))
	if err != nil {
		t.Fatal(err)
	}
	model, err := towers.Open(towers.Config{Runtime: onnxtest.Open(t), Dir: towerstest.Train(t, d), Concat: concat})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = model.Close() })
	return model
}

// Trained towers are explained as the untrained fusion is, and know popularity.
func TestExplanationsOfTrainedTowersAddUp(t *testing.T) {
	m := newMadeBy(t, trained(t), 7)
	var seen client.Shares
	for range 25 {
		if e := m.explained(t); e.Road == client.RoadPersonal {
			seen.Photo += math.Abs(e.Shares.Photo)
			seen.Text += math.Abs(e.Shares.Text)
			seen.Behaviour += math.Abs(e.Shares.Behaviour)
			seen.Popularity += math.Abs(e.Shares.Popularity)
		}
	}
	if min(seen.Photo, seen.Text, seen.Behaviour, seen.Popularity) == 0 {
		t.Errorf("a source that never counts: %+v", seen)
	}
}

var (
	explainPairs   = flag.Int("explain-pairs", 32, "pairs whose top evidence is taken away: 1000 for figures to publish")
	explainTrained = flag.Bool("explain-trained", false, "with trained towers in the place of the untrained fusion")
)

// BenchmarkExplain checks as many random pairs as it is told: -benchtime 1000x.
func BenchmarkExplain(b *testing.B) {
	m := newMade(b)
	for b.Loop() {
		m.explained(b)
	}
}

// What is named as the strongest evidence is taken away, where it lies, and the score
// falls.
func TestWithoutItsTopEvidenceAScoreFalls(t *testing.T) {
	m := newMade(t)
	model := m.Model
	if *explainTrained {
		model = trained(t)
		m = newMadeBy(t, model, 7)
	}
	tried, fell, off := 0, 0, 0.0
	for pair := range *explainPairs {
		if pair > 0 && pair%100 == 0 { // much has been taken away by now
			m = newMadeBy(t, model, 7+uint64(pair))
		}
		e := m.explained(t)
		off = max(off, math.Abs(e.Shares.Sum()-(e.Score-e.Baseline)))
		if len(e.Evidence) == 0 {
			continue
		}
		tried++
		m.takeAway(t, e)
		m.publish(t)
		after := 0.0
		if now, err := m.Explain(t.Context(), tasks.UserID(e.User), tasks.ProductID(e.Product)); err == nil && now.Road == client.RoadPersonal {
			after = now.Score
		} else if err != nil && !errors.Is(err, serve.ErrProduct) && !errors.Is(err, serve.ErrUnknownUser) {
			t.Fatal(err)
		}
		if after < e.Score {
			fell++
		} else {
			t.Logf("%+v: %v, before %v", e.Evidence[0], after, e.Score)
		}
	}
	t.Logf("%d pairs: shares add up within %.1e; without the top evidence %d of %d scores fell", *explainPairs, off, fell, tried)
	if tried < 20 || float64(fell) < .95*float64(tried) {
		t.Errorf("of %d, %d fell", tried, fell)
	}
}

func (m *made) takeAway(t *testing.T, e client.Explanation) {
	t.Helper()
	top, b, later := e.Evidence[0], m.Behaviour, time.Now().UnixMilli()
	owner := e.User
	if top.Followed != "" {
		owner = top.Followed
	}
	key := behaviour.RowKey(tasks.UserID(owner), top.ID)
	var err error
	switch top.Kind {
	case "event", "follow":
		err = b.Events.Delete(t.Context(), key, later)
	case "review":
		err = errors.Join(b.Reviews.Delete(t.Context(), key, later), b.ProductReviews.Delete(t.Context(), top.Product+"/"+key, later))
	case "photo", "listing":
		err = m.dir.Delete(t.Context(), top.ID)
	case "attributes":
		err = b.Users.Append(t.Context(), behaviour.User{Row: lake.Row{Key: e.User, Version: later}, ID: e.User, Time: later})
	case "product_review":
		var rows []behaviour.ProductReview
		if rows, _, err = b.ProductReviews.Within(t.Context(), top.Product+"/", 100); err == nil {
			for _, r := range rows {
				if r.Review == top.ID {
					err = b.ProductReviews.Delete(t.Context(), r.Key, later)
				}
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhoAndWhatIsNotExplained(t *testing.T) {
	m := newMade(t)
	known := product(2)
	if e, err := m.Explain(t.Context(), "u24", tasks.ProductID(known)); !errors.Is(err, serve.ErrDeclined) || len(e.Evidence) != 0 || e.Shares != (client.Shares{}) {
		t.Errorf("one who declined: %+v, %v", e, err)
	}
	if _, err := m.Explain(t.Context(), "nobody", tasks.ProductID(known)); !errors.Is(err, serve.ErrUnknownUser) {
		t.Errorf("one who is not known: %v", err)
	}
	if _, err := m.Explain(t.Context(), "u01", "absent"); !errors.Is(err, serve.ErrProduct) {
		t.Errorf("a product that is not known: %v", err)
	}
	e, err := m.Explain(t.Context(), "u23", tasks.ProductID(known))
	if err != nil || e.Road != client.RoadPopular || math.Abs(e.Shares.Sum()-e.Score) > 1e-9 || e.Why == "" {
		t.Errorf("one without a vector: %+v, %v", e, err)
	}
	// Nothing of one who declined stands behind another's score.
	for u := range madeUsers - 1 {
		e, err := m.Explain(t.Context(), tasks.UserID(fmt.Sprintf("u%02d", u)), tasks.ProductID(known))
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range e.Evidence {
			if ev.Followed == "u24" {
				t.Errorf("%+v", ev)
			}
		}
	}
	// Without those followed, a list is that of the vector of everything else.
	for u := range 20 {
		list, err := m.Recommend(t.Context(), serve.Ask{User: tasks.UserID(fmt.Sprintf("u%02d", u)), K: 5, Social: client.SocialOff})
		if err != nil || list.Social != client.SocialOff || len(list.Items) != 5 {
			t.Fatalf("%+v, %v", list, err)
		}
	}
	m.Model = nil
	if _, err := m.Explain(t.Context(), "u01", tasks.ProductID(known)); !errors.Is(err, serve.ErrNoModel) {
		t.Error(err)
	}
}
