package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"weft/gather"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// recommender answers from the lake what serve answers from Redis, and with the same
// code.
func (c *catalogue) recommender(ctx context.Context) (*serve.Recommender, error) {
	shelf, err := c.shelf(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := serve.TakeSnapshot(ctx, shelf, c.tables, profilingByDefault)
	if err != nil {
		return nil, err
	}
	// The one that serves: a trained one is fetched when an explanation first asks it.
	if c.fusion, err = (encoders{}).fusionOf(c.spec, c.lake.Models); err != nil {
		return nil, err
	}
	standing, err := c.standing(ctx)
	if err != nil {
		return nil, err
	}
	return &serve.Recommender{Standing: standing, Shelf: shelf, Snapshot: snapshot, Behaviour: c.tables, Consent: profilingByDefault, UserVector: c.userVector, Model: c.fusion, Guess: c.fusion.tell(),
		Parts: &gather.Reader{Objects: c.bucket, Lake: c.lake, Behaviour: c.tables, Generation: c.generation, Recipes: c.recipes, Consent: profilingByDefault}}, nil
}

// standing is what the shop's settings ask of every list.
func (c *catalogue) standing(ctx context.Context) (serve.Standing, error) {
	body, _, err := c.bucket.Get(ctx, tasks.SettingsKey, objects.GetOptions{MaxBytes: maxSettings})
	if errors.Is(err, objects.ErrNotExist) {
		return serve.Standing{}, nil
	}
	if err != nil {
		return serve.Standing{}, err
	}
	set, err := tasks.ParseSettings(body)
	if err != nil {
		return serve.Standing{}, err
	}
	return serve.ParseStanding(set)
}

// shelf holds the products of the live generation.
func (c *catalogue) shelf(ctx context.Context) (*serve.Shelf, error) {
	shelf := serve.NewShelf(c.generation)
	for row, err := range c.products(ctx) {
		if err != nil {
			return nil, err
		}
		r := vectors.Record{ID: row.ID, Vector: row.Vector, Content: row.Content, Title: row.Title, Category: row.Category, Price: row.Price, Image: row.Image, Attributes: string(row.Attributes), UpdatedAt: row.UpdatedAt}
		if err := shelf.Set(r); err != nil {
			return nil, err
		}
	}
	return shelf, nil
}

func (c *catalogue) userVector(ctx context.Context, id tasks.UserID) (vectors.Record, error) {
	row, ok, err := c.lake.UserVectors.Get(ctx, lake.UserKey(string(c.generation), string(id)))
	if err != nil || !ok {
		return vectors.Record{}, errors.Join(err, vectors.ErrNotFound)
	}
	return vectors.Record{ID: row.User, Vector: row.Vector, Modalities: row.Modalities, SourceVersion: row.Version, Sources: row.Sources, UpdatedAt: row.UpdatedAt}, nil
}

// absent says why a product has no vector.
func (c *catalogue) absent(ctx context.Context, id string) error {
	var reasons []string
	for row, err := range c.lake.Dead.Select(ctx, lake.Query{Prefix: tasks.ProductPrefix(tasks.ProductID(id))}) {
		if err != nil {
			return err
		}
		reasons = append(reasons, row.Key+": "+row.Reason)
	}
	if len(reasons) > 0 {
		return fmt.Errorf("product %s has no vector: %s", id, strings.Join(reasons, "; "))
	}
	return fmt.Errorf("product %s has no vector: is the id right, and has `weft up` run since it was uploaded?", id)
}
