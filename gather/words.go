package gather

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"

	"weft/storage/lake"
	"weft/tasks"
)

// Words is a text that is no object of the bucket, such as a review or a search, with its feature.
type Words struct {
	Text   string
	SHA256 string    // of the text, in hexadecimal
	Vector []float32 // of the text encoder; nil: not stored
}

// NewWords is a text whose feature is not known.
func NewWords(text string) *Words {
	sum := sha256.Sum256([]byte(text))
	return &Words{Text: text, SHA256: hex.EncodeToString(sum[:])}
}

// words is a text with its feature, if that is stored.
func (r *Reader) words(ctx context.Context, text string) (*Words, error) {
	w := NewWords(text)
	key := lake.FeatureKey(w.SHA256, r.Recipes[tasks.Text])
	row, ok, err := r.Lake.Features.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", key, err)
	}
	if ok {
		w.Vector = row.Vector
	}
	return w, nil
}

// missing are those of all that are texts without a feature.
func missing(all iter.Seq[*Words]) iter.Seq[*Words] {
	return func(yield func(*Words) bool) {
		for w := range all {
			if w != nil && w.Vector == nil && !yield(w) {
				return
			}
		}
	}
}
