package main

import "weft/client"

// running is a client of the process that holds the data directory, nil when there is none. Commands that read ask it, and
// read the lake where there is none.
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
