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

// leastWidth is the fewest tokens that a row has on an accelerator, where widths are few as well: 16, 32, 64 …
const leastWidth = 16

type textEncoder struct {
	head
	input     *models.TextInput
	tokenizer *wordpiece.Tokenizer
	*sessions
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
	s, err := c.open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, c.Manifest.Name, err)
	}
	return &textEncoder{head: newHead(c.Manifest, ""), input: c.Manifest.Text, tokenizer: tokenizer,
		sessions: s}, nil
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
	err := e.rows.each(len(order), func(from, to int) error {
		batch, err := e.run(ctx, tokens, order[from:to])
		for i := range batch {
			vectors[order[from+i]] = batch[i]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return vectors, nil
}

// run encodes the token lists that chunk picks, shortest first.
func (e *textEncoder) run(ctx context.Context, tokens [][]int32, chunk []int) ([][]float32, error) {
	rows, width := e.rows.fit(len(chunk)), len(tokens[chunk[len(chunk)-1]])
	switch {
	case e.input.Padding == "max-length":
		width = e.input.MaxLength
	case e.rows.padded:
		width = min(bucket(width, leastWidth), e.input.MaxLength)
	}
	ids := make([]int64, rows*width)
	mask := make([]int64, rows*width)
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
	for i := len(chunk); i < rows; i++ { // rows that nobody asked for attend to one token: to none would be NaN
		mask[i*width] = 1
	}
	n, w := int64(rows), int64(width)
	in := map[string]onnx.Tensor{e.input.IDs: onnx.Int64s(ids, n, w)}
	if e.input.Mask != "" {
		in[e.input.Mask] = onnx.Int64s(mask, n, w)
	}
	if e.input.Types != "" {
		in[e.input.Types] = onnx.Int64s(make([]int64, len(ids)), n, w)
	}
	out, err := e.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	return e.vectors(out[e.output], rows, len(chunk), lengths)
}
