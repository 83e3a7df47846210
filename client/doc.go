// Package client reads vectors from a weft server and hands it photos and
// listings. It uses the standard library alone.
//
//	c, err := client.New(client.Config{URL: "http://127.0.0.1:8080", Tenant: "default"})
//	p, err := c.Product(ctx, "p1")         // p.Vector, p.Content
//	near, err := c.Similar(ctx, "p1", 10)  // what looks and reads like it
//	list, err := c.Recommend(ctx, "u1", client.RecommendOptions{K: 10}) // what suits a shopper
//
// Every method honours its context and may be called by many goroutines at once.
// An answer other than success is a [*Problem], which errors.Is recognises as one
// of [ErrNotFound], [ErrWaiting], [ErrDead], [ErrDeclined], [ErrUnauthorized], [ErrInvalid],
// [ErrPrecondition], [ErrGone] and [ErrUnavailable].
package client
