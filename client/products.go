package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Condition limits a write. The zero Condition always writes; setting both fields
// is an error. A write under a condition is not repeated when its outcome is
// unknown.
type Condition struct {
	// IfAbsent writes only where there is nothing yet.
	IfAbsent bool
	// IfMatch writes only over the version with this ETag, as in Stored.
	IfMatch string
}

// PutProduct stores a listing, and returns once it is durable. The vector follows
// within seconds.
func (c *Client) PutProduct(ctx context.Context, id string, l Listing, cond Condition) (Stored, error) {
	body, err := json.Marshal(l)
	if err != nil {
		return Stored{}, fmt.Errorf("client: listing of product %q: %w", id, err)
	}
	return c.put(ctx, id, "", "application/json", body, cond)
}

// PutImage stores a photo under a file name that ends in .jpg, .jpeg, .png, .webp
// or .gif, and returns once it is durable. The photo is decoded later: one that
// cannot be read shows up as ErrDead.
func (c *Client) PutImage(ctx context.Context, id, name string, photo []byte, cond Condition) (Stored, error) {
	if name == "" {
		return Stored{}, errors.New("client: the name of the photo is empty")
	}
	return c.put(ctx, id, "/images/"+segment(name), "application/octet-stream", photo, cond)
}

func (c *Client) put(ctx context.Context, id, below, contentType string, body []byte, cond Condition) (Stored, error) {
	u, err := c.product(id)
	if err != nil {
		return Stored{}, err
	}
	req := request{method: http.MethodPut, url: u + below, body: body, header: http.Header{"Content-Type": {contentType}}}
	switch {
	case cond.IfAbsent && cond.IfMatch != "":
		return Stored{}, fmt.Errorf("client: IfAbsent and IfMatch %q exclude each other", cond.IfMatch)
	case cond.IfAbsent:
		req.header["If-None-Match"], req.once = []string{"*"}, true
	case cond.IfMatch != "":
		req.header["If-Match"], req.once = []string{`"` + cond.IfMatch + `"`}, true
	}
	var s Stored
	err = c.do(ctx, req, &s)
	return s, err
}

// DeleteProduct removes the listing and all photos of a product. Its vector and
// its place among the neighbours follow within seconds.
func (c *Client) DeleteProduct(ctx context.Context, id string) (Deleted, error) {
	u, err := c.product(id)
	if err != nil {
		return Deleted{}, err
	}
	var d Deleted
	err = c.do(ctx, request{method: http.MethodDelete, url: u}, &d)
	return d, err
}

// DeleteImage removes one photo.
func (c *Client) DeleteImage(ctx context.Context, id, name string) (Deleted, error) {
	u, err := c.product(id)
	if err != nil {
		return Deleted{}, err
	}
	if name == "" {
		return Deleted{}, errors.New("client: the name of the photo is empty")
	}
	var d Deleted
	err = c.do(ctx, request{method: http.MethodDelete, url: u + "/images/" + segment(name)}, &d)
	return d, err
}

// Product reads a product with its vectors. Errors: ErrNotFound, of which ErrWaiting
// and ErrDead say more.
func (c *Client) Product(ctx context.Context, id string) (Product, error) {
	return c.read(ctx, id, "")
}

// ProductInfo is Product without the vectors.
func (c *Client) ProductInfo(ctx context.Context, id string) (Product, error) {
	return c.read(ctx, id, "?vectors=false")
}

func (c *Client) read(ctx context.Context, id, query string) (Product, error) {
	u, err := c.product(id)
	if err != nil {
		return Product{}, err
	}
	var p Product
	err = c.do(ctx, request{method: http.MethodGet, url: u + query}, &p)
	return p, err
}

// Similar returns the k products (1 to 1000) whose content is nearest to that of
// the product id, the nearest first, without the product itself. Fewer are
// returned where there are not as many. Errors as for Product.
func (c *Client) Similar(ctx context.Context, id string, k int) ([]Neighbour, error) {
	u, err := c.product(id)
	if err != nil {
		return nil, err
	}
	var ns []Neighbour
	err = c.do(ctx, request{method: http.MethodGet, url: u + "/similar?k=" + strconv.Itoa(k)}, &ns)
	return ns, err
}

// Status reads where the tenant stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.do(ctx, request{method: http.MethodGet, url: c.tenant + "/status"}, &s)
	return s, err
}

// Ready returns nil when the server can answer for its tenants, and ErrUnavailable
// with the reasons when it cannot. It asks once.
func (c *Client) Ready(ctx context.Context) error {
	return c.try(ctx, request{method: http.MethodGet, url: c.base + "/readyz"}, nil)
}

func (c *Client) product(id string) (string, error) {
	if id == "" {
		return "", errors.New("client: the product id is empty")
	}
	return c.tenant + "/products/" + segment(id), nil
}
