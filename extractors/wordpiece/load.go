package wordpiece

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ErrUnsupported marks a tokenizer.json that is well formed but asks for something this package does not do.
var ErrUnsupported = errors.New("not implemented")

// ErrMalformed marks a tokenizer.json that is not one, or contradicts itself.
var ErrMalformed = errors.New("malformed tokenizer.json")

// longestWord bounds max_input_chars_per_word, so that one word's cost stays small.
const longestWord = 10_000

// Load reads a tokenizer.json of Hugging Face `tokenizers`. It takes a WordPiece model with BertNormalizer (any
// switches), BertPreTokenizer, added tokens matched in the raw text without stripping, and TemplateProcessing or
// BertProcessing. Anything else, also a field it does not know, is an error that names the field and wraps
// ErrUnsupported or ErrMalformed: ids that differ silently would be worse than none.
//
// Three things in the file are read past on purpose: decoder (ids are never turned back), the template for pairs (one
// text is encoded at a time), and the amounts in truncation and padding, which are settings of a call: Encode takes its
// own limit and never pads. A truncation from the left is refused.
func Load(tokenizerJSON []byte) (*Tokenizer, error) {
	var f struct {
		Version       string          `json:"version"`
		Truncation    *truncation     `json:"truncation"`
		Padding       json.RawMessage `json:"padding"`
		AddedTokens   []addedToken    `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         json.RawMessage `json:"model"`
	}
	if err := read("tokenizer.json", tokenizerJSON, &f); err != nil {
		return nil, err
	}
	if f.Version != "1.0" {
		return nil, refuse("version", f.Version, `"1.0"`)
	}
	if f.Truncation != nil && f.Truncation.Direction != "" && f.Truncation.Direction != "Right" {
		return nil, refuse("truncation.direction", f.Truncation.Direction, `"Right"`)
	}
	t := &Tokenizer{}
	for _, step := range []func() error{
		func() error { return t.readModel(f.Model) },
		func() error { return t.readAdded(f.AddedTokens) },
		func() error { return t.readNormalizer(f.Normalizer) },
		func() error { return readPreTokenizer(f.PreTokenizer) },
		func() error { return t.readPostProcessor(f.PostProcessor) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

type truncation struct {
	Direction string          `json:"direction"`
	MaxLength json.RawMessage `json:"max_length"`
	Strategy  json.RawMessage `json:"strategy"`
	Stride    json.RawMessage `json:"stride"`
}

// read decodes one JSON object, refusing fields that v does not have and anything after it.
func read(field string, data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		kind := ErrMalformed
		if strings.HasPrefix(err.Error(), "json: unknown field") { // encoding/json has no error value for it
			kind = ErrUnsupported
		}
		return fmt.Errorf("wordpiece: %s: %w: %v", field, kind, err)
	}
	if d.More() {
		return fmt.Errorf("wordpiece: %s: %w: more follows the object", field, ErrMalformed)
	}
	return nil
}

// readType finds the "type" of a section, which is to be one of those listed.
func readType(field string, data json.RawMessage, types ...string) (string, error) {
	var head struct {
		Type *string `json:"type"`
	}
	if len(data) == 0 || string(data) == "null" {
		return "", refuse(field, "null", strings.Join(types, " or "))
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return "", fmt.Errorf("wordpiece: %s: %w: %v", field, ErrMalformed, err)
	}
	if head.Type == nil {
		return "", missing(field + ".type")
	}
	if !slices.Contains(types, *head.Type) {
		return "", refuse(field+".type", *head.Type, strings.Join(types, " or "))
	}
	return *head.Type, nil
}

func refuse(field string, value any, want string) error {
	return fmt.Errorf("wordpiece: %s is %v: %w; this tokenizer needs %s", field, value, ErrUnsupported, want)
}

func missing(field string) error {
	return fmt.Errorf("wordpiece: %s is missing: %w", field, ErrMalformed)
}

func (t *Tokenizer) readModel(data json.RawMessage) error {
	if _, err := readType("model", data, "WordPiece"); err != nil {
		return err
	}
	var m struct {
		Type   string           `json:"type"`
		Unk    *string          `json:"unk_token"`
		Prefix *string          `json:"continuing_subword_prefix"`
		Limit  *int             `json:"max_input_chars_per_word"`
		Vocab  map[string]int64 `json:"vocab"`
	}
	if err := read("model", data, &m); err != nil {
		return err
	}
	switch {
	case m.Unk == nil:
		return missing("model.unk_token")
	case m.Prefix == nil:
		return missing("model.continuing_subword_prefix")
	case m.Limit == nil:
		return missing("model.max_input_chars_per_word")
	case *m.Limit < 1 || *m.Limit > longestWord:
		return refuse("model.max_input_chars_per_word", *m.Limit, fmt.Sprintf("1 to %d", longestWord))
	case *m.Prefix == "":
		return refuse("model.continuing_subword_prefix", `""`, `a prefix such as "##"`)
	}
	t.limit = *m.Limit
	t.head, t.tail = make(map[string]int32, len(m.Vocab)), map[string]int32{}
	for piece, id := range m.Vocab {
		if id < 0 || id > math.MaxInt32 {
			return fmt.Errorf("wordpiece: model.vocab[%q] is %d: %w: ids go from 0 to 2^31-1", piece, id, ErrMalformed)
		}
		t.head[piece] = int32(id)
		if rest, ok := strings.CutPrefix(piece, *m.Prefix); ok {
			t.tail[rest] = int32(id)
		}
		t.longest = max(t.longest, len(piece))
	}
	var ok bool
	if t.unknown, ok = t.head[*m.Unk]; !ok {
		return fmt.Errorf("wordpiece: model.unk_token %q is not in model.vocab: %w", *m.Unk, ErrMalformed)
	}
	return nil
}

type addedToken struct {
	ID         *int64 `json:"id"`
	Content    string `json:"content"`
	Special    bool   `json:"special"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized *bool  `json:"normalized"` // the reference's default is the opposite of special
}

func (t *Tokenizer) readAdded(tokens []addedToken) error {
	t.lone = -1
	for i, a := range tokens {
		field := fmt.Sprintf("added_tokens[%d]", i)
		id, known := t.head[a.Content]
		switch {
		case a.ID == nil:
			return missing(field + ".id")
		case a.Content == "":
			return missing(field + ".content")
		case *a.ID < 0 || *a.ID > math.MaxInt32 || known && int64(id) != *a.ID:
			return fmt.Errorf("wordpiece: %s.id is %d: %w: model.vocab gives %q the id %d", field, *a.ID, ErrMalformed, a.Content, id)
		case a.SingleWord:
			return refuse(field+".single_word", true, "false")
		case a.LStrip:
			return refuse(field+".lstrip", true, "false")
		case a.RStrip:
			return refuse(field+".rstrip", true, "false")
		case a.Normalized == nil && !a.Special || a.Normalized != nil && *a.Normalized:
			return refuse(field+".normalized", true, "false")
		}
		t.added = append(t.added, added{a.Content, int32(*a.ID)})
		first := a.Content[0]
		if i == 0 {
			t.lone = int(first)
		} else if t.lone != int(first) {
			t.lone = -1
		}
		t.lead[first] = true
	}
	slices.SortStableFunc(t.added, func(a, b added) int { return cmp.Compare(len(b.text), len(a.text)) })
	return nil
}
