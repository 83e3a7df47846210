// Package wordpiece turns text into the token ids of a BERT model, as the Hugging Face library `tokenizers` 0.23 does
// with the same tokenizer.json.
//
// A text goes through four steps, in one pass over its bytes:
//
//  1. Added tokens ([CLS], [SEP] …) are found in the raw text, leftmost first, the longest where several begin.
//  2. What lies between them is normalised: control characters dropped, white space made plain, Han characters set
//     apart, accents taken off (canonical decomposition in canonical order, nonspacing marks dropped), lower case.
//  3. It is split into words at white space and around every punctuation character.
//  4. A word becomes the longest pieces that the vocabulary holds, from the left; a word that cannot be covered, or is
//     longer than the model's limit, becomes the unknown token.
//
// Which code points are control characters, punctuation, marks and so on, and how they decompose and fold, is neither
// one version of Unicode nor Go's: the reference mixes several. unicode.txt holds what it was measured to do, so the
// ids depend on neither the Go release nor golang.org/x/text. testdata/reference.py is the measurement.
package wordpiece

import (
	"strings"
	"unicode/utf8"
)

// Tokenizer is an immutable WordPiece tokenizer. It is safe for concurrent use and holds nothing to close.
type Tokenizer struct {
	glyphs  *glyphs
	added   []added
	lead    [256]bool // first bytes of added tokens
	lone    int       // the first byte they all share, or -1
	begin   []int32   // ids the post-processor puts before the text
	end     []int32   // and after it
	head    map[string]int32
	tail    map[string]int32 // continuing pieces, without their prefix
	longest int              // bytes of the longest piece in head or tail
	unknown int32
	limit   int // characters a word may have
}

type added struct {
	text string
	id   int32
}

// Encode gives the ids of text with the model's special tokens around it, for BERT [CLS] … [SEP], so never an empty
// list for such a model. With max > 0 the list is cut to max ids: the special tokens stay and the first ids of the text
// fill what they leave; where max leaves no room for the special tokens, only they are given. max ≤ 0 means no limit.
//
// Any text is taken. A byte that is not UTF-8 counts as U+FFFD, which a normaliser with clean_text drops, as it drops
// NUL. The time is linear in the text, and with a limit the text is read only as far as the limit needs.
func (t *Tokenizer) Encode(text string, max int) []int32 {
	room := len(text) + 1 // every id takes at least one byte
	if max > 0 {
		room = min(room, max-len(t.begin)-len(t.end))
	}
	s := scan{t: t, ids: make([]int32, 0, len(t.begin)+len(t.end)+estimate(len(text), room))}
	s.ids = append(s.ids, t.begin...)
	s.full = len(s.ids) + room
	var word [256]byte
	s.word = word[:0]
	for text != "" && len(s.ids) < s.full {
		at, token := t.nextAdded(text)
		s.segment(text[:at])
		if token == nil {
			break
		}
		s.add(token.id)
		text = text[at+len(token.text):]
	}
	return append(s.ids, t.end...)
}

// estimate is the room for ids that spares most texts a second allocation: a token is about four bytes of English.
func estimate(bytes, room int) int { return max(0, min(bytes/3+4, room)) }

// nextAdded finds the first added token in text; without one it gives len(text) and nil.
func (t *Tokenizer) nextAdded(text string) (int, *added) {
	for at := 0; at < len(text); at++ {
		if t.lone >= 0 {
			skip := strings.IndexByte(text[at:], byte(t.lone))
			if skip < 0 {
				break
			}
			at += skip
		} else if !t.lead[text[at]] {
			continue
		}
		for i := range t.added {
			if strings.HasPrefix(text[at:], t.added[i].text) {
				return at, &t.added[i]
			}
		}
	}
	return len(text), nil
}

// pieces appends the ids of one normalised word.
func (s *scan) pieces(word []byte, chars int) {
	t := s.t
	if len(s.ids) >= s.full {
		return
	}
	if chars > t.limit {
		s.add(t.unknown)
		return
	}
	if len(word) <= t.longest {
		if id, ok := t.head[string(word)]; ok {
			s.add(id)
			return
		}
	}
	mark, table := len(s.ids), t.head
	for len(word) > 0 {
		id, size := longest(table, word, t.longest)
		if size == 0 { // one uncovered character makes the whole word unknown
			s.ids = append(s.ids[:mark], t.unknown)
			return
		}
		s.ids = append(s.ids, id)
		word, table = word[size:], t.tail
	}
	if len(s.ids) > s.full {
		s.ids = s.ids[:s.full]
	}
}

// longest finds the longest prefix of word, whole characters only, that table holds; size 0 means none.
func longest(table map[string]int32, word []byte, most int) (id int32, size int) {
	for size = min(most, len(word)); size > 0; size-- {
		if size < len(word) && !utf8.RuneStart(word[size]) {
			continue
		}
		if id, ok := table[string(word[:size])]; ok {
			return id, size
		}
	}
	return 0, 0
}
