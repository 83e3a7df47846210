package main

import "math"

// lab is a colour in CIE L*a*b* under D65: L from 0 (black) to 100 (white); a and b from about -110 to 110.
type lab struct{ L, A, B float64 }

// chroma is the distance from grey, 0 to about 130.
func (c lab) chroma() float64 { return math.Hypot(c.A, c.B) }

// hue is the angle around the grey axis in degrees, [0, 360): red 40, yellow 100, green 135, blue 270 to 305.
func (c lab) hue() float64 {
	h := math.Atan2(c.B, c.A) * 180 / math.Pi
	if h < 0 {
		h += 360
	}
	return h
}

// distance is ΔE*ab with lightness counted at half: shadows and folds of one cloth differ in lightness, seldom in hue.
func (c lab) distance(o lab) float64 {
	dl, da, db := (c.L-o.L)/2, c.A-o.A, c.B-o.B
	return math.Sqrt(dl*dl + da*da + db*db)
}

// toLab converts an sRGB colour, each part from 0 to 65535 as image/color has it.
func toLab(r16, g16, b16 uint32) lab {
	r, g, b := linear(r16), linear(g16), linear(b16)
	x := (0.4124564*r + 0.3575761*g + 0.1804375*b) / 0.95047
	y := 0.2126729*r + 0.7151522*g + 0.0721750*b
	z := (0.0193339*r + 0.1191920*g + 0.9503041*b) / 1.08883
	fx, fy, fz := cubeRoot(x), cubeRoot(y), cubeRoot(z)
	return lab{L: 116*fy - 16, A: 500 * (fx - fy), B: 200 * (fy - fz)}
}

func linear(v uint32) float64 {
	f := float64(v) / 65535
	if f <= 0.04045 {
		return f / 12.92
	}
	return math.Pow((f+0.055)/1.055, 2.4)
}

func cubeRoot(t float64) float64 {
	const delta = 6.0 / 29
	if t > delta*delta*delta {
		return math.Cbrt(t)
	}
	return t/(3*delta*delta) + 4.0/29
}

// shade is one step of a hue's scale: the name of colours lighter than From.
type shade struct {
	From float64
	Name string
}

// scale names the colours of one sector of the hue circle, up to hue Below, from light to dark; vivid ones
// (chroma above Vivid) have a scale of their own.
type scale struct {
	Below  float64
	Vivid  float64
	Bright []shade
	Muted  []shade
}

// greys names colours without a hue to speak of.
var greys = []shade{{88, "white"}, {72, "light grey"}, {42, "grey"}, {24, "charcoal"}, {0, "black"}}

// hues cuts the hue circle where shop language does. Sectors are in rising order and the last one reaches 360.
var hues = []scale{
	{12, 38, []shade{{44, "pink"}, {30, "magenta"}, {0, "burgundy"}}, []shade{{72, "blush"}, {45, "dusty pink"}, {0, "burgundy"}}},
	{22, 38, []shade{{58, "pink"}, {30, "red"}, {0, "burgundy"}}, []shade{{72, "blush"}, {45, "dusty pink"}, {0, "burgundy"}}},
	{46, 40, []shade{{66, "coral"}, {28, "red"}, {0, "burgundy"}}, []shade{{76, "blush"}, {52, "tan"}, {15, "brown"}, {0, "black"}}},
	{68, 45, []shade{{50, "orange"}, {34, "rust"}, {0, "brown"}}, []shade{{84, "cream"}, {68, "beige"}, {46, "tan"}, {15, "brown"}, {0, "black"}}},
	{96, 42, []shade{{76, "yellow"}, {50, "mustard"}, {0, "brown"}}, []shade{{86, "cream"}, {68, "beige"}, {45, "khaki"}, {18, "olive"}, {0, "black"}}},
	{125, 38, []shade{{70, "lime"}, {0, "green"}}, []shade{{80, "pale green"}, {55, "sage"}, {18, "olive"}, {0, "black"}}},
	{175, 25, []shade{{72, "mint"}, {0, "green"}}, []shade{{75, "mint"}, {50, "sage"}, {0, "dark green"}}},
	{232, 18, []shade{{70, "turquoise"}, {0, "teal"}}, []shade{{74, "pale blue"}, {30, "teal"}, {0, "charcoal"}}},
	{302, 22, []shade{{66, "light blue"}, {30, "blue"}, {0, "navy"}}, []shade{{70, "light blue"}, {50, "grey blue"}, {34, "denim blue"}, {0, "navy"}}},
	{330, 22, []shade{{68, "lilac"}, {0, "purple"}}, []shade{{68, "lilac"}, {40, "mauve"}, {0, "plum"}}},
	{360, 30, []shade{{55, "pink"}, {30, "magenta"}, {0, "plum"}}, []shade{{70, "blush"}, {45, "mauve"}, {0, "plum"}}},
}

// colourName is the word a shop would use for c.
func colourName(c lab) string {
	// The eye calls a colour neutral at a higher chroma when it is very light or very dark.
	neutral := 6.0
	if c.L < 25 || c.L > 85 {
		neutral = 8
	}
	if c.chroma() < neutral || c.L < 9 {
		return shadeAt(greys, c.L)
	}
	for _, s := range hues {
		if c.hue() < s.Below {
			if c.chroma() >= s.Vivid {
				return shadeAt(s.Bright, c.L)
			}
			return shadeAt(s.Muted, c.L)
		}
	}
	return "multicolour"
}

func shadeAt(shades []shade, l float64) string {
	for _, s := range shades {
		if l >= s.From {
			return s.Name
		}
	}
	return shades[len(shades)-1].Name
}
