package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"weft/tasks"
)

// text makes the feature of one listing: fetch, render, encode, settle. The
// content is the rendered text, so a new price encodes nothing.
func (w *Worker) text(ctx context.Context, t tasks.Task) error {
	r, err := w.enter(ctx, t.Lane)
	if err != nil {
		return err
	}
	defer r.leave()
	file, err := w.fetch(ctx, t, tasks.MaxListingBytes)
	if err != nil {
		return err
	}
	listing, err := w.render(file)
	if err != nil {
		return err
	}
	if err := w.screen(ctx, t, listing); err != nil {
		return err
	}
	err = w.featureOnce(ctx, r, listing, tasks.Text, func() ([]float32, error) { return w.encodeText(ctx, r, listing) })
	if err != nil {
		return err
	}
	return w.settle(ctx, t, listing, tasks.Text)
}

// render reads a product.json into what the text encoder is given.
func (w *Worker) render(file content) (content, error) {
	l, err := tasks.ParseListing(file.body)
	if err != nil {
		return content{}, listingFault(file.sha, err)
	}
	text := l.Text()
	if text == "" {
		return content{}, &fault{reason: tasks.ReasonEmptyText, stage: "render", sha: file.sha,
			err: errors.New("title, description, category, brand and attributes are all empty: give one of them")}
	}
	sum := sha256.Sum256([]byte(text))
	return content{sha: hex.EncodeToString(sum[:]), body: []byte(text), size: file.size}, nil
}

func listingFault(sha string, err error) error {
	var le *tasks.ListingError
	if errors.As(err, &le) {
		return &fault{reason: le.Reason, stage: "render", sha: sha, err: err}
	}
	return fmt.Errorf("render: %w", err)
}

func (w *Worker) encodeText(ctx context.Context, r *room, listing content) ([]float32, error) {
	stop := w.metrics.time("decode")
	ids, err := w.Texts.Tokenize(string(listing.body))
	stop()
	if err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	w.metrics.inputs.text(len(ids))
	defer w.metrics.time("encode_wait")()
	made, err := w.texts.do(ctx, r, ids, float64(max(1, len(ids))))
	if err != nil {
		return nil, encodeFault(ctx, listing.sha, err)
	}
	w.spend(r, made.seconds)
	return made.vector, nil
}
