package main

import (
	"context"
	"strings"

	"weft/fusion"
	"weft/serve"
	"weft/tasks"
)

// embed makes the content vector of what is searched for, as if it were all that is
// known of a product.
func (t *tenant) embed(ctx context.Context, q serve.Query) ([]float32, error) {
	part := fusion.Part{Modality: string(tasks.Image), Weight: 1}
	var err error
	if q.Photo != nil {
		part.Vector, err = t.embedPhoto(ctx, q.Photo)
	} else {
		part.Modality = string(tasks.Text)
		part.Vector, err = t.embedWords(ctx, q.Words)
	}
	if err != nil {
		return nil, err
	}
	made, err := t.pinned.fusion.Products(ctx, []fusion.ProductParts{{ID: "query", Parts: []fusion.Part{part}}})
	if err != nil {
		return nil, err
	}
	return made[0].Content, nil
}

func (t *tenant) embedPhoto(ctx context.Context, photo []byte) ([]float32, error) {
	square, err := t.pinned.encoders.image.Prepare(photo)
	if err != nil {
		return nil, err
	}
	vectors, err := t.pinned.encoders.image.Encode(ctx, [][]byte{square})
	if err != nil {
		return nil, err
	}
	return vectors[0], nil
}

func (t *tenant) embedWords(ctx context.Context, words string) ([]float32, error) {
	text := tasks.Listing{Title: words}.Text() // as listings are rendered
	if strings.TrimSpace(text) == "" {
		return nil, serve.ErrEmptyQuery
	}
	ids, err := t.pinned.encoders.text.Tokenize(text)
	if err != nil {
		return nil, err
	}
	vectors, err := t.pinned.encoders.text.Encode(ctx, [][]int32{ids})
	if err != nil {
		return nil, err
	}
	return vectors[0], nil
}
