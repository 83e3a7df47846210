package wordpiece

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// edit changes sections of the vocabulary file.
func edit(t testing.TB, change func(sections map[string]json.RawMessage)) []byte {
	t.Helper()
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(vocabulary(t), &sections); err != nil {
		t.Fatal(err)
	}
	change(sections)
	data, err := json.Marshal(sections)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const bertNormalizer = `{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}`

func TestLoadRefuses(t *testing.T) {
	token := func(more string) string { return `[{"id":103,"content":"[MASK]","special":true` + more + `}]` }
	single := func(list string) string {
		return `{"type":"TemplateProcessing","single":[` + list + `],"pair":[],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[101],"tokens":["[CLS]"]}}}`
	}
	tiny := func(more string) string { return `{"type":"WordPiece","vocab":{"[UNK]":0,"a":1,"##b":2}` + more + `}` }
	for _, c := range []struct {
		section, value string
		err            error
		names          string // what the message must contain
	}{
		{"version", `"2.0"`, ErrUnsupported, "version"},
		{"extra", `1`, ErrUnsupported, `"extra"`},
		{"truncation", `{"direction":"Left","max_length":1,"strategy":"LongestFirst","stride":0}`, ErrUnsupported, "truncation.direction"},
		{"model", `null`, ErrUnsupported, "model"},
		{"model", `{"vocab":{}}`, ErrMalformed, "model.type"},
		{"model", `{"type":"BPE","vocab":{},"merges":[]}`, ErrUnsupported, "model.type is BPE"},
		{"model", `{"type":"Unigram","vocab":[]}`, ErrUnsupported, "model.type is Unigram"},
		{"model", tiny(`,"unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"dropout":0.1`), ErrUnsupported, "dropout"},
		{"model", tiny(`,"continuing_subword_prefix":"##","max_input_chars_per_word":100`), ErrMalformed, "model.unk_token"},
		{"model", tiny(`,"unk_token":"[UNK]","max_input_chars_per_word":100`), ErrMalformed, "model.continuing_subword_prefix"},
		{"model", tiny(`,"unk_token":"[UNK]","continuing_subword_prefix":"##"`), ErrMalformed, "model.max_input_chars_per_word"},
		{"model", tiny(`,"unk_token":"[UNK]","continuing_subword_prefix":"","max_input_chars_per_word":100`), ErrUnsupported, "model.continuing_subword_prefix"},
		{"model", tiny(`,"unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":0`), ErrUnsupported, "model.max_input_chars_per_word"},
		{"model", tiny(`,"unk_token":"<unk>","continuing_subword_prefix":"##","max_input_chars_per_word":100`), ErrMalformed, "model.unk_token"},
		{"model", `{"type":"WordPiece","vocab":{"[UNK]":-1},"unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":9}`, ErrMalformed, "model.vocab"},
		{"normalizer", `null`, ErrUnsupported, "normalizer"},
		{"normalizer", `{"type":"Sequence","normalizers":[]}`, ErrUnsupported, "normalizer.type is Sequence"},
		{"normalizer", `{"type":"NFKC"}`, ErrUnsupported, "normalizer.type is NFKC"},
		{"normalizer", strings.Replace(bertNormalizer, `"clean_text":true,`, "", 1), ErrMalformed, "normalizer.clean_text"},
		{"normalizer", strings.Replace(bertNormalizer, `"handle_chinese_chars":true,`, "", 1), ErrMalformed, "normalizer.handle_chinese_chars"},
		{"normalizer", strings.Replace(bertNormalizer, `,"lowercase":true`, "", 1), ErrMalformed, "normalizer.lowercase"},
		{"normalizer", strings.Replace(bertNormalizer, `"lowercase"`, `"fold":1,"lowercase"`, 1), ErrUnsupported, `"fold"`},
		{"pre_tokenizer", `{"type":"Whitespace"}`, ErrUnsupported, "pre_tokenizer.type is Whitespace"},
		{"pre_tokenizer", `{"type":"BertPreTokenizer","behavior":"Isolated"}`, ErrUnsupported, `"behavior"`},
		{"post_processor", `null`, ErrUnsupported, "post_processor"},
		{"post_processor", `{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0]}`, ErrUnsupported, "post_processor.type is RobertaProcessing"},
		{"post_processor", `{"type":"BertProcessing","sep":["[SEP]"],"cls":["[CLS]",101]}`, ErrMalformed, "post_processor.sep"},
		{"post_processor", single(``), ErrMalformed, "post_processor.single"},
		{"post_processor", single(`{"SpecialToken":{"id":"[X]","type_id":0}}`), ErrMalformed, "[X]"},
		{"post_processor", single(`{"SpecialToken":{"id":"[CLS]","type_id":1}}`), ErrUnsupported, "type_id"},
		{"post_processor", single(`{"Sequence":{"id":"B","type_id":0}}`), ErrUnsupported, "Sequence.id"},
		{"post_processor", single(`{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"A","type_id":0}}`), ErrUnsupported, "Sequence.id"},
		{"post_processor", single(`{"Sequence":{"id":"A","type_id":1}}`), ErrUnsupported, "type_id"},
		{"post_processor", single(`{}`), ErrMalformed, "post_processor.single[0]"},
		{"added_tokens", token(`,"normalized":false,"lstrip":true`), ErrUnsupported, "added_tokens[0].lstrip"},
		{"added_tokens", token(`,"normalized":false,"rstrip":true`), ErrUnsupported, "added_tokens[0].rstrip"},
		{"added_tokens", token(`,"normalized":false,"single_word":true`), ErrUnsupported, "added_tokens[0].single_word"},
		{"added_tokens", token(`,"normalized":true`), ErrUnsupported, "added_tokens[0].normalized"},
		{"added_tokens", `[{"id":7,"content":"[MASK]","special":true,"normalized":false}]`, ErrMalformed, "added_tokens[0].id"},
		{"added_tokens", `[{"content":"[MASK]","special":true,"normalized":false}]`, ErrMalformed, "added_tokens[0].id"},
		{"added_tokens", `[{"id":7,"content":"","special":true,"normalized":false}]`, ErrMalformed, "added_tokens[0].content"},
	} {
		_, err := Load(edit(t, func(f map[string]json.RawMessage) { f[c.section] = json.RawMessage(c.value) }))
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s = %.60s\n got error %v\nwant %v naming %s", c.section, c.value, err, c.err, c.names)
		}
	}
	for _, data := range []string{"", "{", "[]", "<html>", `{"version":"1.0"} {}`, `{"version":3}`} {
		if _, err := Load([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("Load(%q) = %v, want ErrMalformed", data, err)
		}
	}
}

func TestAddedTokensWithoutSharedByte(t *testing.T) {
	tok, err := Load(edit(t, func(f map[string]json.RawMessage) {
		f["added_tokens"] = json.RawMessage(`[{"id":40000,"content":"<a>","special":false,"normalized":false},
			{"id":40001,"content":"<a>b","special":true,"normalized":false},{"id":40002,"content":"é!","special":true,"normalized":false}]`)
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []int32{cls, 7592, 40001, 40000, 40002, 1028, sep}
	if got := tok.Encode("hello<a>b<a>é!>", 0); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: the longest of several added tokens wins", got, want)
	}
}

func TestBertProcessing(t *testing.T) {
	tok, err := Load(edit(t, func(f map[string]json.RawMessage) {
		f["post_processor"] = json.RawMessage(`{"type":"BertProcessing","sep":["[SEP]",102],"cls":["[CLS]",101]}`)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("hello hello", 3); !slices.Equal(got, []int32{cls, 7592, sep}) {
		t.Errorf("got %v", got)
	}
}

func TestPropertiesAreChecked(t *testing.T) {
	for _, text := range []string{"mark", "mark 3-1\n", "mark zz\n", "mark 110000\n", "cap 41\n", "order 301 x\n", "fold 41 = \n", "nfd 41\n", "nfd 41 zz\n",
		"order 301 3\npunct 301\n", "order 301 3\nfold 301 +1\n"} {
		if _, err := parseProperties(text); !errors.Is(err, errProperties) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
