package wordpiece

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const cls, sep, unk = 101, 102, 100

func vocabulary(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../models/builtin/minilm-tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func minilm(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := Load(vocabulary(t))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

type line struct {
	Cat  string  `json:"cat"`
	Text string  `json:"text"`
	IDs  []int32 `json:"ids"`
}

func lines(t testing.TB, name string) []line {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []line
	s := bufio.NewScanner(z)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func compare(t *testing.T, file string, count, limit int) {
	tok := minilm(t)
	all := lines(t, file)
	if len(all) != count {
		t.Fatalf("%s has %d lines, want %d", file, len(all), count)
	}
	wrong := map[string]int{}
	for _, l := range all {
		if got := tok.Encode(l.Text, limit); !slices.Equal(got, l.IDs) {
			if wrong[l.Cat]++; wrong[l.Cat] <= 2 {
				t.Errorf("%s %q\n got %v\nwant %v", l.Cat, l.Text, got, l.IDs)
			}
		}
	}
	if len(wrong) > 0 {
		t.Errorf("lines that differ, by category: %v", wrong)
	}
}

func TestGoldenLines(t *testing.T)     { compare(t, "golden.jsonl.gz", 5200, 0) }
func TestGoldenTruncated(t *testing.T) { compare(t, "sentences.jsonl.gz", 300, 256) }
func TestContexts(t *testing.T)        { compare(t, "contexts.jsonl.gz", 2000, 0) }

func checksum(crc uint32, ids []int32) uint32 {
	buf := make([]byte, 0, 2*len(ids))
	for _, id := range ids {
		buf = binary.LittleEndian.AppendUint16(buf, uint16(id))
	}
	return crc32.Update(crc, crc32.IEEETable, buf)
}

func TestEveryCodePoint(t *testing.T) {
	tok := minilm(t)
	data, err := os.ReadFile("testdata/codepoints.txt")
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	for entry := range strings.Lines(string(data)) {
		if strings.HasPrefix(entry, "#") {
			continue
		}
		f := strings.Fields(entry)
		low, high, ranged := strings.Cut(f[0], "-")
		if !ranged {
			high = low
		}
		first, _ := strconv.ParseInt(low, 16, 32)
		last, _ := strconv.ParseInt(high, 16, 32)
		for page := rune(first); page <= rune(last); page++ {
			pages++
			var crc uint32
			for r := page << 8; r <= page<<8|0xFF; r++ {
				if r < 0xD800 || r > 0xDFFF {
					crc = checksum(crc, tok.Encode("a"+string(r)+"b", 0))
				}
			}
			if got := fmt.Sprintf("%08x", crc); got != f[1] {
				t.Errorf("ids of U+%04X–U+%04X: checksum %s, want %s", page<<8, page<<8|0xFF, got, f[1])
			}
		}
	}
	if pages != 0x1100 {
		t.Fatalf("%d pages, want %d", pages, 0x1100)
	}
}

func TestEveryNormalizerSetting(t *testing.T) {
	texts := lines(t, "contexts.jsonl.gz")
	data, err := os.ReadFile("testdata/variants.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	settings := 0
	for entry := range strings.Lines(string(data)) {
		var v struct {
			Normalizer json.RawMessage
			CRC32      string
		}
		if err := json.Unmarshal([]byte(entry), &v); err != nil {
			t.Fatal(err)
		}
		tok, err := Load(edit(t, func(f map[string]json.RawMessage) { f["normalizer"] = v.Normalizer }))
		if err != nil {
			t.Fatal(err)
		}
		var crc uint32
		for _, l := range texts {
			crc = checksum(crc, tok.Encode(l.Text, 0))
		}
		if got := fmt.Sprintf("%08x", crc); got != v.CRC32 {
			t.Errorf("%s: checksum %s, want %s", v.Normalizer, got, v.CRC32)
		}
		settings++
	}
	if settings != 24 {
		t.Fatalf("%d settings, want 24", settings)
	}
}

func TestOddTexts(t *testing.T) {
	tok := minilm(t)
	for name, c := range map[string]struct {
		text string
		want []int32
	}{
		"empty":               {"", []int32{cls, sep}},
		"only white space":    {" \t\r\n\u3000", []int32{cls, sep}},
		"only NUL":            {"\x00\x00", []int32{cls, sep}},
		"NUL inside":          {"he\x00llo", []int32{cls, 7592, sep}},
		"invalid UTF-8":       {"he\xff\xc3llo\xe2\x82", []int32{cls, 7592, sep}},
		"surrogate half":      {"he\xed\xa0\x80llo", []int32{cls, 7592, sep}},
		"added token":         {"hello[SEP]hello", []int32{cls, 7592, sep, 7592, sep}},
		"added token broken":  {"[cls]", []int32{cls, 1031, 18856, 2015, 1033, sep}},
		"1 MB without space":  {strings.Repeat("x", 1<<20), []int32{cls, unk, sep}},
		"1 MB of marks":       {strings.Repeat("\u0301", 1<<19), []int32{cls, sep}},
		"1 MB of nonstarters": {"a" + strings.Repeat("\U0001D165\u0334\u302e", 1<<16), []int32{cls, unk, sep}},
	} {
		if got := tok.Encode(c.text, 0); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got[:min(len(got), 20)], c.want)
		}
	}
}

func TestTruncation(t *testing.T) {
	tok := minilm(t)
	for _, l := range lines(t, "golden.jsonl.gz") {
		for _, limit := range []int{3, 4, 7, 16, 64} {
			want := l.IDs
			if len(want) > limit {
				want = append(slices.Clone(want[:limit-1]), sep)
			}
			if got := tok.Encode(l.Text, limit); !slices.Equal(got, want) {
				t.Fatalf("%q at %d:\n got %v\nwant %v", l.Text, limit, got, want)
			}
		}
	}
	for _, limit := range []int{1, 2} {
		if got := tok.Encode("hello", limit); !slices.Equal(got, []int32{cls, sep}) {
			t.Errorf("limit %d gives %v, want only the special tokens", limit, got)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	tok, all := minilm(t), lines(t, "golden.jsonl.gz")[:300]
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, l := range all {
				if !slices.Equal(tok.Encode(l.Text, 0), l.IDs) {
					t.Errorf("%q differs", l.Text)
				}
			}
		})
	}
	group.Wait()
}

// TestLinearTime compares a text with one 16 times as long: quadratic work would take 256 times as long.
func TestLinearTime(t *testing.T) {
	tok := minilm(t)
	for _, unit := range []string{"x", "[", "[CLS", "é", "\U0001D165\u302e", "\u0301", "zq ", "!", "漢", "한"} {
		fastest := func(size int) time.Duration {
			text, best := strings.Repeat(unit, size/len(unit)), time.Hour
			for range 3 {
				start := time.Now()
				tok.Encode(text, 0)
				best = min(best, time.Since(start))
			}
			return best
		}
		small, large := fastest(64<<10), fastest(1<<20)
		if large > 128*small {
			t.Errorf("%q: 64 KiB take %v, 1 MiB take %v", unit, small, large)
		}
	}
}

func FuzzEncode(f *testing.F) {
	tok := minilm(f)
	for _, seed := range []string{"", "Hello, wörld!", "[CLS] x [SEP", "\x00\xff", "a\u0301\U0001D165\u302e", "漢字かな한국어", strings.Repeat("y", 120)} {
		f.Add(seed, 8)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		full := tok.Encode(text, 0)
		if full[0] != cls || full[len(full)-1] != sep || len(full) > len(text)+2 {
			t.Fatalf("%q: %v", text, full)
		}
		for _, id := range full {
			if id < 0 || id >= 30522 {
				t.Fatalf("%q: id %d is not in the vocabulary", text, id)
			}
		}
		if valid := strings.ToValidUTF8(text, "\ufffd"); !slices.Equal(full, tok.Encode(valid, 0)) {
			t.Fatalf("%q and its valid form %q differ", text, valid)
		}
		if limit < 3 || limit >= len(full) {
			return
		}
		cut := tok.Encode(text, limit)
		if len(cut) != limit || cut[limit-1] != sep || !slices.Equal(cut[:limit-1], full[:limit-1]) {
			t.Fatalf("%q at %d: %v, whole %v", text, limit, cut, full)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tok, all := minilm(b), lines(b, "golden.jsonl.gz")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tok.Encode(all[i%len(all)].Text, 0)
	}
}

func BenchmarkEncodeMegabyte(b *testing.B) {
	tok := minilm(b)
	for name, unit := range map[string]string{"word": "x", "words": "unaffable ", "brackets": "[", "nonstarters": "\U0001D165\u302e"} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Encode(text, 0)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	data := vocabulary(b)
	for b.Loop() {
		if _, err := Load(data); err != nil {
			b.Fatal(err)
		}
	}
}
