package main

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"weft/client"
)

// serving matches what `weft serve` says when it answers.
var serving = regexp.MustCompile(`(?m)^weft serve \S+: (http://\S+),`)

// TestServeRole writes products through `weft serve` into a fleet whose scheduler
// is not about to sweep: the hints of serve alone must bring them to the workers,
// deletions and second thoughts too.
func TestServeRole(t *testing.T) {
	f := newFleet(t)
	f.start("1h")
	api := spawn(t, f.args("serve", "--listen", "127.0.0.1:0")...)
	var said []string
	until(t, "weft serve answers", func() bool {
		api.alive()
		said = serving.FindStringSubmatch(api.err.String())
		return said != nil
	})
	c, err := client.New(client.Config{URL: said[1]})
	must(t, err)
	ctx := t.Context()
	until(t, "weft serve is ready", func() bool { api.alive(); return c.Ready(ctx) == nil })

	ids := samples(t, 3)
	for _, id := range ids {
		if _, err := c.PutImage(ctx, id, "front.jpg", samplePhoto(t, id), client.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	made := func(id string, of ...string) func() bool {
		return func() bool {
			f.alive()
			p, err := c.Product(ctx, id)
			return err == nil && slices.Equal(slices.Sorted(slices.Values(p.Modalities)), of)
		}
	}
	for _, id := range ids {
		until(t, "a photo has become a vector", made(id, "image"))
	}
	var l client.Listing
	parse(t, string(read(t, filepath.Join(sample, ids[0], "product.json"))), &l)
	if _, err := c.PutProduct(ctx, ids[0], l, client.Condition{}); err != nil {
		t.Fatal(err)
	}
	until(t, "the listing has joined the photo", made(ids[0], "image", "text"))
	if _, err := c.DeleteImage(ctx, ids[0], "front.jpg"); err != nil {
		t.Fatal(err)
	}
	until(t, "the photo has left", made(ids[0], "text"))
	if _, err := c.DeleteProduct(ctx, ids[1]); err != nil {
		t.Fatal(err)
	}
	until(t, "the product is gone", func() bool {
		_, err := c.Product(ctx, ids[1])
		return errors.Is(err, client.ErrNotFound)
	})
	until(t, "it is nobody's neighbour", func() bool {
		near, err := c.Similar(ctx, ids[0], 10)
		return err == nil && len(near) == 1 && near[0].ID == ids[2]
	})
	f.settled(2)
	api.signal(syscall.SIGTERM)
	if code := api.wait(); code != exitDone {
		t.Errorf("weft serve: exit %d", code)
	}
	f.stop()
}
