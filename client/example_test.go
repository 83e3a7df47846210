package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"weft/client"
)

// shop answers as a server does that knows the products p1 and p2, and has a photo
// of p3 that is not encoded yet.
func shop() *httptest.Server {
	mux := http.NewServeMux()
	answer := func(pattern string, status int, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	answer("PUT /v1/default/products/p1", 201, `{"key":"media/p1/product.json","etag":"5f2c","bytes":40,"created":true}`)
	answer("PUT /v1/default/products/p1/images/front.jpg", 201, `{"key":"media/p1/front.jpg","etag":"9a01","bytes":3,"created":true}`)
	answer("GET /v1/default/products/p1", 200, `{"id":"p1","vector":[0.6,0.8],"content":[0.6,0.8],"modalities":["image","text"],"title":"Red dress","generation":"g0123456789ab"}`)
	answer("GET /v1/default/products/p1/similar", 200, `[{"id":"p2","score":0.98,"title":"Crimson dress"}]`)
	answer("GET /v1/default/users/u1/recommendations", 200, `{"user":"u1","road":"personal","generation":"g0123456789ab","bought":1,"items":[{"id":"p2","score":0.61,"title":"Crimson dress"}]}`)
	answer("GET /v1/default/users/u9/recommendations", 200, `{"user":"u9","road":"popular","why":"nothing is known of the user","generation":"g0123456789ab","bought":0,"items":[{"id":"p1","score":1,"title":"Red dress"}]}`)
	answer("GET /v1/default/products/p3", 404, `{"type":"urn:weft:problem:waiting","title":"Not Found","status":404,"detail":"1 object waits to be encoded"}`)
	return httptest.NewServer(mux)
}

func ExampleClient_Similar() {
	srv := shop()
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	near, err := c.Similar(context.Background(), "p1", 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range near {
		fmt.Printf("%s %.2f %s\n", n.ID, n.Score, n.Title)
	}
	// Output: p2 0.98 Crimson dress
}

func ExampleClient_Recommend() {
	srv := shop()
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, user := range []string{"u1", "u9"} {
		list, err := c.Recommend(context.Background(), user, client.RecommendOptions{K: 1})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, item := range list.Items {
			fmt.Printf("%s, %s: %.2f %s\n", user, list.Road, item.Score, item.Title)
		}
	}
	// Output:
	// u1, personal: 0.61 Crimson dress
	// u9, popular: 1.00 Red dress
}

func ExampleClient_PutProduct() {
	srv := shop()
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	s, err := c.PutProduct(ctx, "p1", client.Listing{Title: "Red dress", Category: "dress"}, client.Condition{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Key, s.Created)
	s, err = c.PutImage(ctx, "p1", "front.jpg", []byte("…"), client.Condition{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Key, s.Created)
	// Output:
	// media/p1/product.json true
	// media/p1/front.jpg true
}

func ExampleClient_Product() {
	srv := shop()
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range []string{"p1", "p3", "p9"} {
		p, err := c.Product(context.Background(), id)
		switch {
		case errors.Is(err, client.ErrWaiting):
			fmt.Println(id, "is being encoded")
		case errors.Is(err, client.ErrNotFound):
			fmt.Println(id, "is not known")
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println(p.ID, p.Title, p.Vector)
		}
	}
	// Output:
	// p1 Red dress [0.6 0.8]
	// p3 is being encoded
	// p9 is not known
}
