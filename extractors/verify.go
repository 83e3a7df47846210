package extractors

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"weft/extractors/models"
)

// Verify opens the encoder of c, holds it against its manifest's goldens and
// closes it: what `weft models verify` does. The error is about opening it or
// reading the goldens, see VerifyImage.
func Verify(ctx context.Context, c Config) (*models.Report, error) {
	if c.Manifest != nil && c.Manifest.Modality == models.Text {
		e, err := OpenText(c)
		if err != nil {
			return nil, err
		}
		report, err := VerifyText(ctx, e, c.Manifest, c.Cache)
		return report, errors.Join(err, e.Close())
	}
	e, err := OpenImage(c)
	if err != nil {
		return nil, err
	}
	report, err := VerifyImage(ctx, e, c.Manifest, c.Cache, string(c.Decoder.Class()))
	return report, errors.Join(err, e.Close())
}

// VerifyImage runs the manifest's golden photos through e, which decodes with
// the class named, and reports how near it came. The error is about reading the
// goldens or the end of ctx; whether they were reproduced says Report.Err.
func VerifyImage(ctx context.Context, e ImageEncoder, m *models.Manifest, cache *models.Cache, decoder string) (*models.Report, error) {
	return verify(ctx, m, cache, decoder, func(g models.Golden) ([][]float32, error) {
		rgb, err := e.Prepare(g.Photo)
		if err != nil {
			return nil, err
		}
		return e.Encode(ctx, [][]byte{rgb})
	})
}

// VerifyText runs the manifest's golden texts through e, see VerifyImage. Where
// a golden has token ids, these must be equal.
func VerifyText(ctx context.Context, e TextEncoder, m *models.Manifest, cache *models.Cache) (*models.Report, error) {
	return verify(ctx, m, cache, "", func(g models.Golden) ([][]float32, error) {
		ids, err := e.Tokenize(g.Text)
		if err != nil {
			return nil, err
		}
		if want := truncate(g.IDs, m.Text.MaxLength); want != nil && !slices.Equal(ids, want) {
			return nil, fmt.Errorf("token ids %v, want %v", ids, want)
		}
		return e.Encode(ctx, [][]int32{ids})
	})
}

func verify(ctx context.Context, m *models.Manifest, cache *models.Cache, decoder string, encode func(models.Golden) ([][]float32, error)) (*models.Report, error) {
	goldens, err := cache.Goldens(m)
	if err != nil {
		return nil, err
	}
	report := models.NewReport(m, decoder)
	for _, g := range goldens {
		vectors, err := encode(g)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			report.Add(g, nil, err)
			continue
		}
		report.Add(g, vectors[0], nil)
	}
	return report, nil
}

// truncate cuts a golden's ids as the tokenizer does: the last, special token
// stays.
func truncate(ids []int32, max int) []int32 {
	if len(ids) <= max {
		return ids
	}
	return append(slices.Clone(ids[:max-1]), ids[len(ids)-1])
}
