package extractors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	prepare := func(g models.Golden) ([]byte, error) { return e.Prepare(g.Photo) }
	return verify(ctx, models.NewReport(m, decoder), m, cache, prepare, e.Encode, e)
}

// VerifyText runs the manifest's golden texts through e, see VerifyImage. Where
// a golden has token ids, these must be equal.
func VerifyText(ctx context.Context, e TextEncoder, m *models.Manifest, cache *models.Cache) (*models.Report, error) {
	prepare := func(g models.Golden) ([]int32, error) {
		ids, err := e.Tokenize(g.Text)
		if err != nil {
			return nil, err
		}
		if want := truncate(g.IDs, m.Text.MaxLength); want != nil && !slices.Equal(ids, want) {
			return nil, fmt.Errorf("token ids %v, want %v", ids, want)
		}
		return ids, nil
	}
	return verify(ctx, models.NewReport(m, ""), m, cache, prepare, e.Encode, e)
}

func verify[In any](ctx context.Context, report *models.Report, m *models.Manifest, cache *models.Cache,
	prepare func(models.Golden) (In, error), encode func(context.Context, []In) ([][]float32, error), encoder any) (*models.Report, error) {
	goldens, err := cache.Goldens(m)
	if err != nil {
		return nil, err
	}
	var inputs []In
	for _, g := range goldens {
		in, err := prepare(g)
		if err != nil {
			report.Add(g, nil, err)
			continue
		}
		inputs = append(inputs, in)
		vectors, err := encode(ctx, []In{in})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			report.Add(g, nil, err)
			continue
		}
		report.Add(g, vectors[0], nil)
	}
	if a, ok := encoder.(interface{ accelerated() (int, error) }); ok && report.OK {
		if rows, partly := a.accelerated(); rows > 0 {
			return report, canary(ctx, report, goldens, inputs, rows, partly, encode)
		}
	}
	return report, nil
}

// canaryRuns is how many full runs are timed, after one that the device may spend on preparing itself.
const canaryRuns = 8

// canary runs an accelerator full, as it will run: the goldens must come out of a full batch too, and how fast it is shows
// whether it does the work at all.
func canary[In any](ctx context.Context, report *models.Report, goldens []models.Golden, inputs []In, rows int, partly error,
	encode func(context.Context, []In) ([][]float32, error)) error {
	batch := make([]In, rows)
	for i := range batch {
		batch[i] = inputs[i%len(inputs)]
	}
	var began time.Time
	for run := range canaryRuns + 1 {
		vectors, err := encode(ctx, batch)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if run > 0 && err == nil {
			continue
		}
		for i := range min(rows, len(goldens)) {
			g := goldens[i]
			g.Name = fmt.Sprintf("%s among %d", g.Name, rows)
			if err != nil {
				report.Add(g, nil, err)
				return nil
			}
			report.Add(g, vectors[i], nil)
		}
		began = time.Now()
	}
	report.Rows, report.PerSecond = rows, float64(canaryRuns*rows)/time.Since(began).Seconds()
	if partly != nil {
		report.Partly = partly.Error()
	}
	return nil
}

// truncate cuts a golden's ids as the tokenizer does: the last, special token
// stays.
func truncate(ids []int32, max int) []int32 {
	if len(ids) <= max {
		return ids
	}
	return append(slices.Clone(ids[:max-1]), ids[len(ids)-1])
}
