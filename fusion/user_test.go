package fusion_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"weft/fusion"
)

func act(weight float64, age time.Duration, v ...float32) fusion.UserPart {
	return fusion.UserPart{Group: fusion.Acts, Weight: weight, Age: age, Vector: v}
}

func in(g fusion.UserGroup, v ...float32) fusion.UserPart {
	return fusion.UserPart{Group: g, Weight: 1, Vector: v}
}

func TestUser(t *testing.T) {
	h := fusion.UserHalfLife
	for _, c := range []struct {
		name   string
		parts  []fusion.UserPart
		want   []float64
		groups []string
	}{
		{"one act, whatever its weight and length", []fusion.UserPart{act(5, 0, 0, 3, 4)}, []float64{0, .6, .8}, []string{"events"}},
		{"weights", []fusion.UserPart{act(3, 0, 2, 0, 0), act(4, 0, 0, 7, 0)}, []float64{.6, .8, 0}, []string{"events"}},
		{"a half-life halves", []fusion.UserPart{act(6, h, 1, 0, 0), act(4, 0, 0, 1, 0)}, []float64{.6, .8, 0}, []string{"events"}},
		{"a dislike turns away", []fusion.UserPart{act(4, 0, 1, 0, 0), act(-3, 0, 0, 1, 0)}, []float64{.8, -.6, 0}, []string{"events"}},
		{"words turn by their share however many", []fusion.UserPart{act(9, 0, 1, 0, 0), in(fusion.Words, 0, 1, 0), in(fusion.Words, 0, 2, 0)},
			[]float64{1 / math.Hypot(1, .3), .3 / math.Hypot(1, .3), 0}, []string{"events", "words"}},
		{"attributes alone", []fusion.UserPart{in(fusion.Attributes, 0, 0, 2)}, []float64{0, 0, 1}, []string{"attributes"}},
		{"dislikes alone say nothing beside attributes", []fusion.UserPart{act(-3, 0, 1, 0, 0), in(fusion.Attributes, 0, 0, 2)}, []float64{0, 0, 1}, []string{"attributes"}},
		{"what cancels out is left out", []fusion.UserPart{act(3, 0, 1, 0, 0), act(-3, 0, 1, 0, 0), in(fusion.Social, 0, 1, 0)}, []float64{0, 1, 0}, []string{"social"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, groups, err := fusion.User(c.parts)
			if err != nil {
				t.Fatal(err)
			}
			for i := range v {
				if math.Abs(float64(v[i])-c.want[i]) > 1e-7 {
					t.Fatalf("%v, want %v", v, c.want)
				}
			}
			if !slices.Equal(groups, c.groups) {
				t.Errorf("made of %v, want %v", groups, c.groups)
			}
		})
	}
}

// Whenever it is computed, and however old all of it is, the vector stays.
func TestUserDependsOnAgesBetweenParts(t *testing.T) {
	parts := []fusion.UserPart{act(5, 0, 1, 2, 3), act(1, 40*24*time.Hour, 3, -1, 2), in(fusion.Social, 1, 1, 0)}
	first, _, err := fusion.User(parts)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := fusion.User(slices.Clone(parts))
	if err != nil || !slices.Equal(first, again) {
		t.Errorf("%v, then %v (%v)", first, again, err)
	}
}

func TestUserRefuses(t *testing.T) {
	good := act(1, 0, 1, 0)
	for _, c := range []struct {
		name  string
		parts []fusion.UserPart
		want  error
	}{
		{"nothing", nil, fusion.ErrNoParts},
		{"dislikes alone", []fusion.UserPart{act(-1, 0, 1, 0)}, fusion.ErrNoParts},
		{"groups that cancel out", []fusion.UserPart{in(fusion.Attributes, 1, 0), in(fusion.Social, -1, 0)}, fusion.ErrNoParts},
		{"no weight", []fusion.UserPart{act(0, 0, 1, 0)}, fusion.ErrWeight},
		{"a weight that is no number", []fusion.UserPart{act(math.NaN(), 0, 1, 0)}, fusion.ErrWeight},
		{"another dimension", []fusion.UserPart{good, act(1, 0, 1, 0, 0)}, fusion.ErrDim},
		{"a zero vector", []fusion.UserPart{good, act(1, 0, 0, 0)}, fusion.ErrZero},
		{"not finite", []fusion.UserPart{act(1, 0, float32(math.Inf(1)), 0)}, fusion.ErrNotFinite},
	} {
		if _, _, err := fusion.User(c.parts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for name, p := range map[string]fusion.UserPart{"a future": act(1, -1, 1, 0), "an unknown group": in(9, 1, 0)} {
		if _, _, err := fusion.User([]fusion.UserPart{p}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkUser(b *testing.B) {
	var parts []fusion.UserPart
	for i := range 200 {
		v := make([]float32, 576)
		for j := range v {
			v[j] = float32((i*j)%17) - 8
		}
		parts = append(parts, act(1, time.Duration(i)*time.Hour, v...))
	}
	for b.Loop() {
		if _, _, err := fusion.User(parts[1:]); err != nil {
			b.Fatal(err)
		}
	}
}
