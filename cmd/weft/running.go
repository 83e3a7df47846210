package main

import (
	"context"

	"weft/client"
)

// askOrRead is how commands read: they ask the process that holds the data directory, and read the bucket where there is none.
func askOrRead[T any](ctx context.Context, a *app, p place, server func(*client.Client) (T, error), bucket func(*catalogue) (T, error)) (none T, err error) {
	api, err := p.running()
	if err != nil {
		return none, err
	}
	if api != nil {
		return server(api)
	}
	cat, err := p.openCatalogue(ctx, a)
	if err != nil {
		return none, err
	}
	defer cat.close(ctx)
	return bucket(cat)
}

// running is a client of the process that holds the data directory, nil when there is none.
func (p place) running() (*client.Client, error) {
	if p.Data == "" {
		return nil, nil
	}
	info, ok := runningAt(p.Data)
	if !ok {
		return nil, nil
	}
	return client.New(client.Config{URL: "http://" + info.HTTP, Tenant: p.Tenant, Token: info.Token})
}
