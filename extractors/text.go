package extractors

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"weft/extractors/models"
	"weft/extractors/wordpiece"
	"weft/onnx"
)

const textRows = 8

type textEncoder struct {
	head
	input     *models.TextInput
	tokenizer *wordpiece.Tokenizer
	session   *onnx.Session
	rows      int
}

// OpenText loads a text encoder. Verify tells whether it is what its manifest
// says.
func OpenText(c Config) (TextEncoder, error) {
	if err := c.Validate(models.Text); err != nil {
		return nil, err
	}
	tokenizer, err := openTokenizer(c)
	if err != nil {
		return nil, err
	}
	session, err := c.session()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, c.Manifest.Name, err)
	}
	return &textEncoder{head: newHead(c.Manifest, ""), input: c.Manifest.Text, tokenizer: tokenizer,
		session: session, rows: c.rows(textRows)}, nil
}

func openTokenizer(c Config) (*wordpiece.Tokenizer, error) {
	data, err := c.Cache.Read(*c.Manifest.Files.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, c.Manifest.Name, err)
	}
	t, err := wordpiece.Load(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: files.tokenizer: %w", ErrUnavailable, c.Manifest.Name, err)
	}
	return t, nil
}

func (e *textEncoder) Tokenize(text string) ([]int32, error) {
	return e.tokenizer.Encode(text, e.input.MaxLength), nil
}

// Encode runs texts of like length together, which spares the model padding,
// and gives the vectors in the callers' order.
func (e *textEncoder) Encode(ctx context.Context, tokens [][]int32) ([][]float32, error) {
	order := make([]int, len(tokens))
	for i, ids := range tokens {
		if len(ids) == 0 || len(ids) > e.input.MaxLength {
			return nil, fmt.Errorf("%w: text %d: %d tokens, want 1 to %d", ErrInput, i, len(ids), e.input.MaxLength)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(tokens[a]), len(tokens[b])) })
	vectors := make([][]float32, len(tokens))
	for chunk := range slices.Chunk(order, e.rows) {
		batch, err := e.run(ctx, tokens, chunk)
		if err != nil {
			return nil, err
		}
		for i, at := range chunk {
			vectors[at] = batch[i]
		}
	}
	return vectors, nil
}

// run encodes the token lists that chunk picks, shortest first.
func (e *textEncoder) run(ctx context.Context, tokens [][]int32, chunk []int) ([][]float32, error) {
	width := len(tokens[chunk[len(chunk)-1]])
	if e.input.Padding == "max-length" {
		width = e.input.MaxLength
	}
	ids := make([]int64, len(chunk)*width)
	mask := make([]int64, len(chunk)*width)
	lengths := make([]int, len(chunk))
	for i, at := range chunk {
		row := ids[i*width : (i+1)*width]
		for j, id := range tokens[at] {
			row[j], mask[i*width+j] = int64(id), 1
		}
		lengths[i] = len(tokens[at])
		for j := lengths[i]; j < width; j++ {
			row[j] = e.input.PadID
		}
	}
	n, w := int64(len(chunk)), int64(width)
	in := map[string]onnx.Tensor{e.input.IDs: onnx.Int64s(ids, n, w)}
	if e.input.Mask != "" {
		in[e.input.Mask] = onnx.Int64s(mask, n, w)
	}
	if e.input.Types != "" {
		in[e.input.Types] = onnx.Int64s(make([]int64, len(ids)), n, w)
	}
	out, err := e.session.Run(ctx, in, nil)
	if err != nil {
		return nil, err
	}
	return e.vectors(out[e.output], len(chunk), lengths)
}

func (e *textEncoder) Close() error { return e.session.Close() }
