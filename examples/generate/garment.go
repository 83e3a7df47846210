package main

import (
	"image"
	"math"
	"sort"
)

// look is what a listing says about a garment's surface.
type look struct {
	Colour string // the main colour
	Accent string // a second, clearly different one; empty if there is none
}

// sampleSide is the longer side, in samples, of the grid a photo is measured on.
const sampleSide = 96

// accentShare is the least part of the garment that a second colour must cover to be worth a word.
const accentShare = 0.16

// sample is one point of the grid: its colour, and its distance from the middle (0) to the corner (1.41).
type sample struct {
	lab
	fromCentre float64
	border     bool
}

// measure finds the garment in a photo (what the middle holds and the border does not) and names its colours.
func measure(img image.Image) look {
	samples := exposed(grid(img))
	background := borderColours(samples)
	var garment []sample
	for _, s := range samples {
		if s.fromCentre < 0.95 && nearest(s.lab, background) > 11 {
			garment = append(garment, s)
		}
	}
	// A garment of the background's own colour (white on white) leaves little: then the middle decides.
	if len(garment) < len(samples)/12 {
		garment = garment[:0]
		for _, s := range samples {
			if s.fromCentre < 0.55 {
				garment = append(garment, s)
			}
		}
	}
	return describe(garment)
}

// grid averages the photo over cells, so that JPEG noise and weave do not count as colours.
func grid(img image.Image) []sample {
	bounds := img.Bounds()
	step := max(1, max(bounds.Dx(), bounds.Dy())/sampleSide)
	cols, rows := bounds.Dx()/step, bounds.Dy()/step
	samples := make([]sample, 0, cols*rows)
	for row := range rows {
		for col := range cols {
			var r, g, b, n uint32
			for y := range step {
				for x := range step {
					cr, cg, cb, _ := img.At(bounds.Min.X+col*step+x, bounds.Min.Y+row*step+y).RGBA()
					r, g, b, n = r+cr, g+cg, b+cb, n+1
				}
			}
			dx := (float64(col)+0.5)/float64(cols)*2 - 1
			dy := (float64(row)+0.5)/float64(rows)*2 - 1
			samples = append(samples, sample{
				lab:        toLab(r/n, g/n, b/n),
				fromCentre: math.Hypot(dx, dy),
				border:     math.Abs(dx) > 0.92 || math.Abs(dy) > 0.95,
			})
		}
	}
	return samples
}

// exposed stretches lightness so that the lightest things in the photo are white: a white shirt in a dim room is a
// white shirt. Only near-greys are stretched (colours keep their depth), and by a quarter at most, so that a photo of
// dark things stays dark.
func exposed(samples []sample) []sample {
	if len(samples) == 0 {
		return samples
	}
	light := make([]float64, len(samples))
	for i, s := range samples {
		light[i] = s.L
	}
	sort.Float64s(light)
	gain := min(max(96/max(light[len(light)*98/100], 1), 1), 1.25)
	for i, s := range samples {
		if s.chroma() < 16 {
			samples[i].L = min(100, s.L*gain)
		}
	}
	return samples
}

// borderColours returns the colours that make up the border, each at least a twentieth of it.
func borderColours(samples []sample) []lab {
	var border []lab
	for _, s := range samples {
		if s.border {
			border = append(border, s.lab)
		}
	}
	var colours []lab
	for len(border) > 0 {
		// The sample with the most company is a mode; what lies around it is taken out and the rest asked again.
		best, bestCount := border[0], 0
		for i := 0; i < len(border); i += 3 {
			count := 0
			for _, o := range border {
				if border[i].distance(o) < 9 {
					count++
				}
			}
			if count > bestCount {
				best, bestCount = border[i], count
			}
		}
		if bestCount*20 < len(border) || len(colours) == 4 {
			break
		}
		colours = append(colours, best)
		rest := border[:0]
		for _, o := range border {
			if best.distance(o) >= 9 {
				rest = append(rest, o)
			}
		}
		border = rest
	}
	return colours
}

func nearest(c lab, colours []lab) float64 {
	d := math.Inf(1)
	for _, o := range colours {
		d = min(d, c.distance(o))
	}
	return d
}

// describe lets every sample vote for a colour name, those near the middle with more weight.
func describe(garment []sample) look {
	votes := map[string]float64{}
	mean := map[string]lab{}
	var total float64
	for _, s := range garment {
		w := math.Exp(-2 * s.fromCentre * s.fromCentre)
		name := colourName(s.lab)
		votes[name] += w
		m := mean[name]
		mean[name] = lab{m.L + w*s.L, m.A + w*s.A, m.B + w*s.B}
		total += w
	}
	names := make([]string, 0, len(votes))
	for name, w := range votes {
		names = append(names, name)
		m := mean[name]
		mean[name] = lab{m.L / w, m.A / w, m.B / w}
	}
	sort.Slice(names, func(i, j int) bool {
		if votes[names[i]] != votes[names[j]] {
			return votes[names[i]] > votes[names[j]]
		}
		return names[i] < names[j]
	})
	if len(names) == 0 {
		return look{Colour: "multicolour"}
	}
	found := look{Colour: names[0]}
	for _, name := range names[1:] {
		if votes[name] < accentShare*total {
			break
		}
		// Shades of the main colour are folds and shadow, not a second colour.
		if mean[name].distance(mean[names[0]]) > 24 {
			found.Accent = name
			break
		}
	}
	return found
}
