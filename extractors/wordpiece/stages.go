package wordpiece

import (
	"encoding/json"
	"fmt"
	"math"
)

func (t *Tokenizer) readNormalizer(data json.RawMessage) error {
	if _, err := readType("normalizer", data, "BertNormalizer"); err != nil {
		return err
	}
	var n struct {
		Type  string `json:"type"`
		Clean *bool  `json:"clean_text"`
		Han   *bool  `json:"handle_chinese_chars"`
		Strip *bool  `json:"strip_accents"` // null: as lowercase
		Lower *bool  `json:"lowercase"`
	}
	if err := read("normalizer", data, &n); err != nil {
		return err
	}
	switch {
	case n.Clean == nil:
		return missing("normalizer.clean_text")
	case n.Han == nil:
		return missing("normalizer.handle_chinese_chars")
	case n.Lower == nil:
		return missing("normalizer.lowercase")
	}
	o := options{clean: *n.Clean, han: *n.Han, strip: *n.Lower, lower: *n.Lower}
	if n.Strip != nil {
		o.strip = *n.Strip
	}
	p, err := parseProperties(measured)
	if err != nil {
		return fmt.Errorf("wordpiece: unicode.txt: %w", err)
	}
	if t.glyphs, err = newGlyphs(p, o); err != nil {
		return fmt.Errorf("wordpiece: unicode.txt: %w", err)
	}
	return nil
}

func readPreTokenizer(data json.RawMessage) error {
	if _, err := readType("pre_tokenizer", data, "BertPreTokenizer"); err != nil {
		return err
	}
	var p struct {
		Type string `json:"type"`
	}
	return read("pre_tokenizer", data, &p)
}

// readPostProcessor finds the ids that go before and after the text.
func (t *Tokenizer) readPostProcessor(data json.RawMessage) error {
	kind, err := readType("post_processor", data, "TemplateProcessing", "BertProcessing")
	if err != nil {
		return err
	}
	if kind == "BertProcessing" {
		return t.readBertProcessing(data)
	}
	var p struct {
		Type   string `json:"type"`
		Single []struct {
			SpecialToken, Sequence *struct {
				ID   string `json:"id"`
				Type int    `json:"type_id"`
			}
		} `json:"single"`
		Pair    json.RawMessage `json:"pair"`
		Special map[string]struct {
			ID     string   `json:"id"`
			IDs    []int64  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	if err := read("post_processor", data, &p); err != nil {
		return err
	}
	at := &t.begin
	for i, piece := range p.Single {
		field := fmt.Sprintf("post_processor.single[%d]", i)
		switch {
		case piece.SpecialToken != nil && piece.Sequence == nil:
			token, ok := p.Special[piece.SpecialToken.ID]
			if !ok {
				return missing(fmt.Sprintf("post_processor.special_tokens[%q]", piece.SpecialToken.ID))
			}
			for _, id := range token.IDs {
				if id < 0 || id > math.MaxInt32 {
					return fmt.Errorf("wordpiece: post_processor.special_tokens[%q].ids holds %d: %w: ids go from 0 to 2^31-1",
						piece.SpecialToken.ID, id, ErrMalformed)
				}
				*at = append(*at, int32(id))
			}
			if piece.SpecialToken.Type != 0 {
				return refuse(field+".SpecialToken.type_id", piece.SpecialToken.Type, "0")
			}
		case piece.Sequence != nil && piece.SpecialToken == nil:
			if piece.Sequence.ID != "A" || at == &t.end {
				return refuse(field+".Sequence.id", piece.Sequence.ID, `"A", once`)
			}
			if piece.Sequence.Type != 0 {
				return refuse(field+".Sequence.type_id", piece.Sequence.Type, "0")
			}
			at = &t.end
		default:
			return fmt.Errorf("wordpiece: %s: %w: neither a SpecialToken nor a Sequence", field, ErrMalformed)
		}
	}
	if at == &t.begin {
		return missing(`post_processor.single: the Sequence "A"`)
	}
	return nil
}

func (t *Tokenizer) readBertProcessing(data json.RawMessage) error {
	var p struct {
		Type string            `json:"type"`
		Sep  []json.RawMessage `json:"sep"`
		Cls  []json.RawMessage `json:"cls"`
	}
	if err := read("post_processor", data, &p); err != nil {
		return err
	}
	for _, side := range []struct {
		name string
		pair []json.RawMessage
		ids  *[]int32
	}{{"cls", p.Cls, &t.begin}, {"sep", p.Sep, &t.end}} {
		var token string
		var id int32
		if len(side.pair) != 2 || json.Unmarshal(side.pair[0], &token) != nil || json.Unmarshal(side.pair[1], &id) != nil || id < 0 {
			return fmt.Errorf("wordpiece: post_processor.%s: %w: not a token and its id", side.name, ErrMalformed)
		}
		*side.ids = []int32{id}
	}
	return nil
}
