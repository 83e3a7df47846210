package wordpiece

import (
	"sort"
	"unicode/utf8"
)

// scan is the state of one Encode: the ids so far, the word being built, and nonstarters not yet in order.
type scan struct {
	t       *Tokenizer
	ids     []int32
	full    int    // stop when ids has this length
	word    []byte // the first limit characters of the word
	chars   int    // how many the word has
	pending []ranked
}

// ranked is a combining character that survives normalisation, with its place in canonical order.
type ranked struct {
	rank int
	act  action
}

// add appends one id while there is room.
func (s *scan) add(id int32) {
	if len(s.ids) < s.full {
		s.ids = append(s.ids, id)
	}
}

// segment normalises, splits and encodes a stretch of raw text without added tokens. Words and reordering do not reach
// across its ends.
func (s *scan) segment(text string) {
	g := s.t.glyphs
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			i++
			a := g.ascii[c]
			if a.kind() == keep && len(s.pending) == 0 {
				if s.chars++; s.chars <= s.t.limit {
					s.word = append(s.word, byte(a.rune()))
				}
				continue
			}
			s.apply(a)
		} else {
			r, size := utf8.DecodeRuneInString(text[i:])
			i += size
			s.apply(g.at(r))
		}
		if len(s.ids) >= s.full {
			s.word, s.chars, s.pending = s.word[:0], 0, s.pending[:0]
			return
		}
	}
	s.settle()
	s.endWord()
}

// apply does what the table says of one code point.
func (s *scan) apply(a action) {
	switch a.kind() {
	case drop:
	case several:
		for _, part := range s.t.glyphs.lists[a.rune()] {
			s.apply(part)
		}
	case hangul:
		for _, jamo := range decomposeHangul(a.rune()) {
			if jamo != 0 {
				s.apply(s.t.glyphs.at(jamo))
			}
		}
	case combine:
		s.pending = append(s.pending, ranked{s.t.glyphs.ranks[a.rune()], a})
	default:
		s.settle()
		s.starter(a)
	}
}

// starter handles what canonical reordering never moves.
func (s *scan) starter(a action) {
	switch a.kind() {
	case keep:
		if s.chars++; s.chars <= s.t.limit {
			s.word = utf8.AppendRune(s.word, a.rune())
		}
	case blank:
		s.endWord()
	case alone:
		s.endWord()
		var one [utf8.UTFMax]byte
		s.pieces(one[:utf8.EncodeRune(one[:], a.rune())], 1)
	case barrier: // a dropped mark of class 0: nothing is moved across it
	}
}

// settle puts the pending nonstarters into canonical order and adds them to the word.
func (s *scan) settle() {
	if len(s.pending) == 0 {
		return
	}
	if len(s.pending) > 1 {
		sort.SliceStable(s.pending, func(i, j int) bool { return s.pending[i].rank < s.pending[j].rank })
	}
	for _, p := range s.pending {
		s.starter(p.act.as(keep))
	}
	s.pending = s.pending[:0]
}

func (s *scan) endWord() {
	if s.chars > 0 {
		s.pieces(s.word, s.chars)
		s.word, s.chars = s.word[:0], 0
	}
}
