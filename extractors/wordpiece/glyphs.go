package wordpiece

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed unicode.txt
var measured string

// action says what normalisation and splitting make of a code point: a kind in the top byte, a code point (or the index
// of a list) below it.
type action uint32

const (
	keep    = iota // a character of a word
	drop           // nothing is left
	blank          // white space: ends the word
	alone          // a word by itself: punctuation, Han
	combine        // a character of a word that canonical order may move
	barrier        // nothing is left, but canonical order does not cross it
	several        // the actions of a list
	hangul         // a syllable to take apart
)

func act(kind int, r rune) action    { return action(kind)<<24 | action(r) }
func (a action) kind() int           { return int(a >> 24) }
func (a action) rune() rune          { return rune(a & 0xFFFFFF) }
func (a action) as(kind int) action  { return act(kind, a.rune()) }
func (a action) self(r rune) action  { return a | action(r) } // page entries for "itself" hold no code point
func isHangulSyllable(r rune) bool   { return r >= hangulBase && r < hangulBase+hangulCount }
func wholePage(page int) (a, b rune) { return rune(page << 8), rune(page<<8 | 0xFF) }

const (
	hangulBase, hangulCount = 0xAC00, 11172
	lastRune                = 0x10FFFF
)

// glyphs is the action of every code point for one set of normaliser options.
type glyphs struct {
	ascii [128]action
	index [(lastRune + 1) >> 8]uint16
	pages [][256]action
	lists [][]action
	ranks map[rune]int
}

// at gives the action of r, 0 ≤ r ≤ U+10FFFF.
func (g *glyphs) at(r rune) action {
	a := g.pages[g.index[r>>8]][r&0xFF]
	if a&0xFFFFFF == 0 {
		return a.self(r)
	}
	return a
}

// options are the switches of BertNormalizer.
type options struct{ clean, han, strip, lower bool }

// properties is unicode.txt in memory: flags by code point, and the mappings of the few that have one.
type properties struct {
	flags []uint8
	ranks map[rune]int
	folds map[rune][]rune
	nfd   map[rune][]rune
}

const (
	isControl = 1 << iota
	isBlank
	isSpace
	isPunct
	isHan
	isMark
	isMapped
)

var errProperties = errors.New("unicode.txt is not as reference.py writes it")

func parseProperties(text string) (*properties, error) {
	p := &properties{make([]uint8, lastRune+1), map[rune]int{}, map[rune][]rune{}, map[rune][]rune{}}
	sets := map[string]uint8{"control": isControl, "blank": isBlank, "space": isSpace, "punct": isPunct, "han": isHan, "mark": isMark}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.line(strings.Fields(line), sets); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	for r := range p.ranks {
		if p.folds[r] != nil || p.flags[r]&(isPunct|isSpace|isHan) != 0 {
			return nil, fmt.Errorf("U+%04X is a nonstarter and more: %w", r, errProperties)
		}
	}
	for r := rune(hangulBase); isHangulSyllable(r); r++ {
		p.flags[r] |= isMapped
	}
	return p, nil
}

func (p *properties) line(f []string, sets map[string]uint8) error {
	if len(f) < 2 {
		return errProperties
	}
	low, high, ranged := strings.Cut(f[1], "-")
	if !ranged {
		high = low
	}
	ends, err := runes([]string{low, high})
	if err != nil || ends[0] > ends[1] {
		return errProperties
	}
	flag, isSet := sets[f[0]]
	switch {
	case isSet && len(f) == 2:
	case f[0] == "order" || f[0] == "fold" || f[0] == "nfd":
		flag = isMapped
	default:
		return errProperties
	}
	for r := ends[0]; r <= ends[1]; r++ {
		p.flags[r] |= flag
		if !isSet {
			if err := p.mapping(f, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// mapping reads what follows the code points of an order, fold or nfd line.
func (p *properties) mapping(f []string, r rune) (err error) {
	switch {
	case f[0] == "order" && len(f) == 3:
		p.ranks[r], err = strconv.Atoi(f[2])
	case f[0] == "fold" && len(f) == 3:
		var shift int
		shift, err = strconv.Atoi(f[2])
		p.folds[r] = []rune{r + rune(shift)}
	case f[0] == "fold" && len(f) > 3 && f[2] == "=":
		p.folds[r], err = runes(f[3:])
	case f[0] == "nfd" && len(f) > 2:
		p.nfd[r], err = runes(f[2:])
	default:
		return errProperties
	}
	if err != nil {
		return errProperties
	}
	return nil
}

func runes(hex []string) ([]rune, error) {
	out := make([]rune, len(hex))
	for i, h := range hex {
		v, err := strconv.ParseUint(h, 16, 32)
		if err != nil || v > lastRune {
			return nil, errProperties
		}
		out[i] = rune(v)
	}
	return out, nil
}

// newGlyphs composes the normaliser's steps, in the reference's order, into one table.
func newGlyphs(p *properties, o options) (*glyphs, error) {
	g := &glyphs{ranks: p.ranks, lists: make([][]action, 1)} // list 0 is not used: 0 means "itself"
	seen := map[[256]action]uint16{}
	for page := range g.index {
		var entries [256]action
		first, last := wholePage(page)
		for r := first; r <= last; r++ {
			if p.flags[r] != 0 {
				entries[r&0xFF] = g.compose(p, o, r)
			}
		}
		at, ok := seen[entries]
		if !ok {
			at = uint16(len(g.pages))
			seen[entries] = at
			g.pages = append(g.pages, entries)
		}
		g.index[page] = at
	}
	for r := range g.ascii {
		g.ascii[r] = g.at(rune(r))
		if a := g.ascii[r]; a.kind() == keep && a.rune() > 0x7F {
			return nil, fmt.Errorf("U+%04X leaves ASCII: %w", r, errProperties)
		}
	}
	return g, nil
}

func (g *glyphs) compose(p *properties, o options, r rune) action {
	flags, source := p.flags[r], r
	if o.clean && flags&isControl != 0 {
		return act(drop, 0)
	}
	if o.clean && flags&isBlank != 0 {
		return act(blank, 0)
	}
	parts := []rune{r}
	if o.strip {
		if isHangulSyllable(r) {
			return act(hangul, 0)
		}
		if apart, ok := p.nfd[r]; ok {
			parts = apart
		}
	}
	var out []action
	for _, r := range parts {
		flags, rank := p.flags[r], p.ranks[r]
		if o.strip && flags&isMark != 0 {
			if rank == 0 {
				out = append(out, act(barrier, 0))
			}
			continue
		}
		small := []rune{r}
		if s, ok := p.folds[r]; ok && o.lower && rank == 0 { // no nonstarter folds; parseProperties checks
			small = s
		}
		for _, r := range small {
			kind := keep
			switch {
			case o.han && p.flags[source]&isHan != 0, p.flags[r]&isPunct != 0:
				kind = alone
			case p.flags[r]&isSpace != 0:
				kind = blank
			case o.strip && rank > 0:
				kind = combine
			}
			out = append(out, act(kind, r))
		}
	}
	switch len(out) {
	case 0:
		return act(drop, 0)
	case 1:
		if out[0].rune() == source {
			return act(out[0].kind(), 0)
		}
		return out[0]
	}
	g.lists = append(g.lists, slices.Clip(out))
	return act(several, rune(len(g.lists)-1))
}

// decomposeHangul gives the two or three jamo of a syllable; the last is 0 where there are two.
func decomposeHangul(r rune) [3]rune {
	const vowels, trails = 21, 28
	i := r - hangulBase
	jamo := [3]rune{0x1100 + i/(vowels*trails), 0x1161 + i%(vowels*trails)/trails, 0}
	if t := i % trails; t > 0 {
		jamo[2] = 0x11A7 + t
	}
	return jamo
}
