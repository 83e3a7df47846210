package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/client"
	"weft/serve"
)

// TestRecommend has shoppers come to a small shop through the import, and reads what
// they get from the lake at rest, then from the running process.
func TestRecommend(t *testing.T) {
	s := newShop(t)
	all := samples(t, 40)
	dresses := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !strings.HasPrefix(id, "dress-") })
	rest := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return strings.HasPrefix(id, "dress-") })
	stocked := append(slices.Clone(dresses), rest[:8]...)
	s.stock(stocked...)
	if len(dresses) < 3 {
		t.Fatalf("%d dresses in the sample, want 3", len(dresses))
	}

	bought, sentBack := dresses[0], dresses[1]
	events, users := filepath.Join(t.TempDir(), "events.jsonl"), filepath.Join(t.TempDir(), "users.jsonl")
	act := func(id, user, kind, product string) fields {
		return fields{"id": id, "user": user, "type": kind, "product": product, "time": "2026-04-0" + id + "T08:00:00Z"}
	}
	write(t, events, lines([]fields{
		act("1", "ann", "purchase", bought), act("2", "ann", "view", bought), act("3", "ann", "purchase", sentBack), act("4", "ann", "return", sentBack),
		act("5", "bob", "purchase", rest[0]), act("6", "shy", "purchase", rest[0]), act("7", "cat", "view", rest[1]),
	}))
	write(t, users, lines([]fields{{"id": "shy", "consent": fields{"profiling": false}}, {"id": "ann", "attributes": fields{"city": "Turku"}}}))
	done(t, "import", "--data", s.dir, "--kind", "users", users)
	done(t, "import", "--data", s.dir, "--kind", "events", events)
	s.up()

	recommend := func(t *testing.T, args ...string) client.Recommendations {
		t.Helper()
		return answer[client.Recommendations](t, append([]string{"recommend", "--data", s.dir, "--json"}, args...)...)
	}
	names := func(r client.Recommendations) (ids []string) {
		for _, item := range r.Items {
			ids = append(ids, item.ID)
		}
		return ids
	}
	check := func(t *testing.T) {
		list := recommend(t, "ann", "-k", "100")
		if got := names(list); list.Road != client.RoadPersonal || len(got) != len(stocked)-2 || slices.Contains(got, bought) || slices.Contains(got, sentBack) {
			t.Fatalf("ann gets %s: %v; bought %s and %s of %v", list.Road, got, bought, sentBack, stocked)
		}
		ann := answer[client.Shopper](t, "get", "user", "ann", "--data", s.dir, "--json")
		if ann.Vector == nil || ann.Profile.Value.Baskets != 2 || len(ann.Profile.Attributes) != 1 {
			t.Errorf("ann: %+v", ann)
		}
		for i, item := range list.Items {
			if want := serve.Score(ann.Vector.Values, nil, s.product(item.ID).Vector); item.Score < want-1e-5 || item.Score > want+1e-5 || item.Image == "" || item.Category == "" {
				t.Errorf("item %d, %+v: scores %v", i, item, want)
			}
		}
		if !strings.HasPrefix(list.Items[0].ID, "dress-") {
			t.Errorf("one who bought a dress is shown %s first", list.Items[0].ID)
		}
		beside := recommend(t, "ann", "-k", "3", "--anchor", rest[2])
		near := answer[[]client.Neighbour](t, "similar", rest[2], "-k", "3", "--data", s.dir, "--json")
		for i, item := range beside.Items {
			if beside.Road != client.RoadAnchor || item.ID != near[i].ID || item.Score > float64(near[i].Score) {
				t.Errorf("beside %s: %+v, its neighbours are %+v", rest[2], beside, near)
			}
		}
		for _, user := range []string{"nobody", "shy"} {
			list := recommend(t, user, "-k", "4")
			if list.Road != client.RoadPopular || list.Why == "" || list.AsOf == nil || len(list.Items) != 4 || list.Excluded != 0 {
				t.Errorf("%s gets %+v", user, list)
			}
		}
		if o := weft(t, "get", "user", "shy", "--data", s.dir); o.code != exitFailed || !strings.Contains(o.err, "has not agreed") || o.out != "" {
			t.Errorf("get of one who declined: exit %d, %s%s", o.code, o.out, o.err)
		}
		if screen := done(t, "get", "user", "ann", "--data", s.dir); !strings.Contains(screen, "Turku") || !strings.Contains(screen, "2 baskets") || strings.Count(screen, "\n") > 30 {
			t.Errorf("one screen:\n%s", screen)
		}
		why := answer[client.Explanation](t, "explain", "ann", list.Items[0].ID, "--data", s.dir, "--json")
		if off := why.Shares.Sum() - why.Score; why.Score < list.Items[0].Score-1e-4 || why.Score > list.Items[0].Score+1e-4 || off > 1e-4 || off < -1e-4 || !why.Current ||
			why.Shares.Photo <= 0 || why.Shares.Behaviour <= 0 || len(why.Evidence) == 0 || why.Evidence[0].Drop <= 0 {
			t.Errorf("%+v of %+v", why, list.Items[0])
		}
		if said := done(t, "explain", "ann", list.Items[0].ID, "--data", s.dir); !strings.HasPrefix(said, why.Sentence+"\n") {
			t.Errorf("%q, want %q first", said, why.Sentence)
		}
		for user, says := range map[string]string{"shy": "has not agreed", "nobody": "not known"} {
			if o := weft(t, "explain", user, list.Items[0].ID, "--data", s.dir); o.code != exitFailed || !strings.Contains(o.err, says) || o.out != "" {
				t.Errorf("explaining to %s: exit %d, %s%s", user, o.code, o.out, o.err)
			}
		}
		if turned := recommend(t, "ann", "-k", "5", "--filter", "category:"+list.Items[0].Category, "--boost", "id:"+list.Items[3].ID+"*3", "--context", `{"season":"winter"}`, "--social", "off"); len(turned.Items) == 0 ||
			turned.Context == nil || turned.Filter == nil || len(turned.Boosts) != 1 || turned.Items[0].Category != list.Items[0].Category {
			t.Errorf("%+v", turned)
		}
		for code, args := range map[int][][]string{
			exitUsage: {{"-k", "0", "ann"}, {"-k", "1000000000", "ann"}, {"{ann}"}, {"a\x01b"}, {"ann", "--anchor", "{p}"}, {"ann", "--per-category", "-1"},
				{"ann", "--filter", "price<cheap"}, {"ann", "--boost", "x"}, {"ann", "--context", "{"}, {"ann", "--diversity", "2"}, {"ann", "--diversity", "NaN"},
				{"ann", "--tenant", "No Such"}},
			exitFailed: {{"ann", "--anchor", "absent"}, {"ann", "--tenant", "another"}},
		} {
			for _, bad := range args {
				if o := weft(t, append([]string{"recommend", "--data", s.dir}, bad...)...); o.code != code || o.out != "" {
					t.Errorf("recommend %q: exit %d, want %d\n%s%s", bad, o.code, code, o.out, o.err)
				}
			}
		}
	}
	t.Run("at rest", check)
	rested := recommend(t, "ann", "-k", "100")
	r := s.open()
	t.Run("running", check)
	t.Run("the same", func(t *testing.T) {
		if now := recommend(t, "ann", "-k", "100"); !slices.Equal(names(now), names(rested)) {
			t.Errorf("over HTTP %v, from the lake %v", names(now), names(rested))
		}
	})
	t.Run("a stranger's script makes the same", func(t *testing.T) {
		script := string(read(t, "../../examples/reading/recommend.py"))
		info, _ := runningAt(s.dir)
		for _, k := range []string{"5", "10", "100"} {
			list := recommend(t, "ann", "-k", k)
			made := strings.Split(python(t, script, info.Redis, "ann", k, bought+","+sentBack), "\n")
			if list.Road != client.RoadPersonal || len(made) != len(list.Items) {
				t.Fatalf("-k %s: the script makes %v, the API %+v", k, made, list)
			}
			for i, item := range list.Items {
				var id string
				var score float64
				if _, err := fmt.Sscan(made[i], &id, &score); err != nil || id != item.ID || math.Abs(score-item.Score) > 2e-6 {
					t.Errorf("-k %s, item %d: the script makes %q, the API %s %.6f", k, i, made[i], item.ID, item.Score)
				}
			}
		}
	})
	t.Run("a purchase", func(t *testing.T) {
		next := recommend(t, "ann", "-k", "1").Items[0].ID
		write(t, events, lines([]fields{act("9", "ann", "purchase", next)}))
		done(t, "import", "--data", s.dir, "--kind", "events", events)
		if got := names(recommend(t, "ann", "-k", "100")); slices.Contains(got, next) {
			t.Errorf("%s was bought and is shown again: %v", next, got)
		}
	})
	r.alive()
}

func TestGuess(t *testing.T) {
	hit := func(category string) serve.Hit { return serve.Hit{Entry: serve.Entry{Category: category}} }
	for _, tc := range []struct {
		near []string
		want string
	}{{nil, ""}, {[]string{"", ""}, ""}, {[]string{"", "a"}, "a"}, {[]string{"a", "b", "b"}, "b"}, {[]string{"b", "a"}, "b"}, {[]string{"", "", "", "c", "a", "a"}, "a"}} {
		var near []serve.Hit
		for _, c := range tc.near {
			near = append(near, hit(c))
		}
		if got := guess(near); got != tc.want {
			t.Errorf("guess(%q) = %q, want %q", tc.near, got, tc.want)
		}
	}
}
