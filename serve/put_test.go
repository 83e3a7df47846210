package serve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/client"
	"weft/serve"
	"weft/storage/objects"
	"weft/tasks"
)

func TestWhatIsPutIsInTheBucket(t *testing.T) {
	var mu sync.Mutex
	var hints []string
	s := open(t, func(c *serve.Config) {
		c.Notify = func(_ context.Context, tenant tasks.Tenant, id tasks.ProductID) error {
			mu.Lock()
			defer mu.Unlock()
			hints = append(hints, string(tenant)+"/"+string(id))
			return errors.New("the queue is down")
		}
	})
	ctx := t.Context()
	listing := client.Listing{Title: "Red dress", Attributes: map[string]any{"size": "M"}}
	first, err := s.client.PutProduct(ctx, "p:1", listing, client.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Key != "media/p:1/product.json" || !first.Created || first.ETag == "" {
		t.Errorf("got %+v", first)
	}
	body, info, err := s.objects.Get(ctx, first.Key, objects.GetOptions{})
	if err != nil || string(body) != `{"title":"Red dress","attributes":{"size":"M"}}` || info.ETag != first.ETag || first.Bytes != int64(len(body)) {
		t.Errorf("bucket holds %q as %+v, %v", body, info, err)
	}
	second, err := s.client.PutProduct(ctx, "p:1", client.Listing{Title: "Blue dress"}, client.Condition{})
	if err != nil || second.Created || second.ETag == first.ETag {
		t.Errorf("second: %+v, %v", second, err)
	}
	photo, err := s.client.PutImage(ctx, "p:1", "front & back é.JPG", []byte("anything"), client.Condition{})
	if err != nil || !photo.Created || photo.Key != "media/p:1/front & back é.JPG" {
		t.Errorf("photo: %+v, %v", photo, err)
	}
	if got := s.keys(t); !slices.Equal(got, []string{"media/p:1/front & back é.JPG", "media/p:1/product.json"}) {
		t.Errorf("bucket: %q", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(hints, []string{"shop/p:1", "shop/p:1", "shop/p:1"}) {
		t.Errorf("hints: %q", hints)
	}
}

func TestStatusAndETagOfAPut(t *testing.T) {
	s := open(t, nil)
	res, _ := s.do(t, "PUT", "/v1/shop/products/p1", `{"title":"a"}`)
	if res.StatusCode != 201 || !strings.HasPrefix(res.Header.Get("ETag"), `"`) {
		t.Errorf("first: %d, ETag %q", res.StatusCode, res.Header.Get("ETag"))
	}
	res, _ = s.do(t, "PUT", "/v1/shop/products/p1", `{"title":"b"}`, "Content-Type", "text/plain")
	if res.StatusCode != 200 {
		t.Errorf("second: %d", res.StatusCode)
	}
	// A body of unknown length.
	req, err := http.NewRequestWithContext(t.Context(), "PUT", s.url+"/v1/shop/products/p2/images/a.png", io.MultiReader(strings.NewReader("pn"), strings.NewReader("g")))
	if err != nil {
		t.Fatal(err)
	}
	res, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if body, _, err := s.objects.Get(t.Context(), "media/p2/a.png", objects.GetOptions{}); res.StatusCode != 201 || string(body) != "png" {
		t.Errorf("chunked: %d, %q, %v", res.StatusCode, body, err)
	}
}

func TestConditionsOfAPut(t *testing.T) {
	s := open(t, nil)
	const path = "/v1/shop/products/p1"
	put := func(want int, header ...string) string {
		t.Helper()
		res, body := s.do(t, "PUT", path, fmt.Sprintf(`{"title":"%d"}`, time.Now().UnixNano()), header...)
		if res.StatusCode != want {
			t.Errorf("%q: %d, want %d: %s", header, res.StatusCode, want, body)
		}
		return res.Header.Get("ETag")
	}
	put(412, "If-Match", "*")
	put(412, "If-Match", `"x"`)
	one := put(201, "If-None-Match", "*")
	put(412, "If-None-Match", "*")
	put(412, "If-None-Match", one)
	put(412, "If-Match", "W/"+one)
	two := put(200, "If-Match", one)
	put(412, "If-Match", one)
	three := put(200, "If-Match", `"other" ,`+two)
	put(200, "If-None-Match", one)
	put(412, "If-Match", three)
	put(200, "If-Match", "*")
	for _, malformed := range []string{"abc", `"abc`, `"a" "b"`, `"a",`, `*, "a"`} {
		put(422, "If-Match", malformed)
	}
}

func TestOnlyOneOfManyCreates(t *testing.T) {
	s := open(t, nil)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.client.PutProduct(t.Context(), "p1", client.Listing{Title: fmt.Sprint(i)}, client.Condition{IfAbsent: true})
		})
	}
	wg.Wait()
	var created int
	for _, err := range errs {
		switch {
		case err == nil:
			created++
		case !errors.Is(err, client.ErrPrecondition):
			t.Error(err)
		}
	}
	if created != 1 {
		t.Errorf("%d created it", created)
	}
}

func TestPutRefuses(t *testing.T) {
	s := open(t, func(c *serve.Config) { c.MaxImageBytes = 100 })
	long := strings.Repeat("x", 129)
	for _, tc := range []struct {
		path, body string
		status     int
		says       string // in the answer
	}{
		{"products/p1", `{"title":5}`, 422, "body.title"},
		{"products/p1", `{"price":-1}`, 422, "body.price"},
		{"products/p1", `<html>`, 422, "bad_json"},
		{"products/p1", ``, 422, "empty"},
		{"products/p1", `[1]`, 422, "bad_json"},
		{"products/p1", `{"id":"p2"}`, 422, "body.id"},
		{"products/p1", `{"id":1}`, 422, "body.id"},
		{"products/p1", `{"title":"` + strings.Repeat("x", tasks.MaxListingBytes) + `"}`, 413, "2097152"},
		{"products/a%2Fb", `{}`, 422, "path.id"},
		{"products/a%20b", `{}`, 422, "path.id"},
		{"products/%2E%2E", `{}`, 422, "path.id"},
		{"products/%00", `{}`, 422, "path.id"},
		{"products/" + long, `{}`, 422, "path.id"},
		{"products/../p1", `{}`, 400, "'..'"},
		{"products//p1", `{}`, 400, "empty segment"},
		{"products/p1/images/a.jpg", strings.Repeat("x", 101), 413, "100"},
		{"products/p1/images/a.jpg", "", 422, "empty"},
		{"products/p1/images/a.txt", "x", 422, "path.name"},
		{"products/p1/images/product.json", "{}", 422, "path.name"},
		{"products/p1/images/.a.jpg", "x", 422, "path.name"},
		{"products/p1/images/a%2Fb.jpg", "x", 422, "path.name"},
		{"products/p1/images/%5C.jpg", "x", 422, "path.name"},
		{"products/p1/images/" + strings.Repeat("x", 252) + ".jpg", "x", 422, "path.name"},
		{"products/a%20b/images/a.jpg", "x", 422, "path.id"},
		{"products/p1?color=red", "{}", 422, "query.color"},
	} {
		res, body := s.do(t, "PUT", "/v1/shop/"+tc.path, tc.body)
		if res.StatusCode != tc.status || !strings.Contains(body, tc.says) || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %.40q: %d %s %s", tc.path, tc.body, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	}
	if res, body := s.do(t, "PUT", "/v1/shop/products/p1", "x", "Content-Encoding", "gzip"); res.StatusCode != 415 || !strings.Contains(body, "gzip") {
		t.Errorf("compressed: %d %s", res.StatusCode, body)
	}
	if got := s.keys(t); len(got) != 0 {
		t.Errorf("stored all the same: %q", got)
	}
}

// A body without a length is cut where the limit is.
func TestPutRefusesAnEndlessBody(t *testing.T) {
	s := open(t, func(c *serve.Config) { c.MaxImageBytes = 1 << 20 })
	req, err := http.NewRequestWithContext(t.Context(), "PUT", s.url+"/v1/shop/products/p1/images/a.jpg", endless{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 413 {
		t.Errorf("got %d", res.StatusCode)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestSlowBody(t *testing.T) {
	s := open(t, func(c *serve.Config) { c.BodyTimeout = 50 * time.Millisecond })
	for name, announced := range map[string]string{"a length": "Content-Length: 9\r\n\r\nab", "chunks": "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"} {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "PUT /v1/shop/products/p1/images/a.jpg HTTP/1.1\r\nHost: localhost\r\n%s", announced)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), "50ms") {
			t.Errorf("%s: %d %s, %v", name, res.StatusCode, body, err)
		}
		_ = res.Body.Close()
		_ = conn.Close()
	}
	if len(s.keys(t)) != 0 {
		t.Error("half a photo was stored")
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	s := open(t, nil)
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprint(conn, "PUT /v1/shop/products/p1/images/a.jpg HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 400 || len(s.keys(t)) != 0 {
		t.Errorf("%d, bucket %q", res.StatusCode, s.keys(t))
	}
}

// A request whose headers never end is cut, so that its connection comes free.
func TestSlowHeaders(t *testing.T) {
	s := open(t, func(c *serve.Config) { c.HeaderTimeout, c.MaxConnections = 50*time.Millisecond, 1 })
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: local"); err != nil {
		t.Fatal(err)
	}
	if res, _ := s.do(t, "GET", "/healthz", ""); res.StatusCode != 200 {
		t.Errorf("got %d", res.StatusCode)
	}
}

// unwell is a bucket that fails.
type unwell struct {
	objects.Store
	err error
}

func (u unwell) Put(context.Context, string, []byte, objects.Condition) (objects.Info, error) {
	return objects.Info{}, u.err
}

func TestPutWhenTheBucketFails(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		retry  string
	}{
		{objects.ErrUnavailable, 503, "2"},
		{objects.ErrFull, 507, ""},
		{context.DeadlineExceeded, 503, "1"},
		{errors.New("permission denied: /secret/path"), 500, ""},
	} {
		hinted := false
		s := open(t, func(c *serve.Config) {
			c.Tenants["shop"] = serve.Tenant{Objects: unwell{c.Tenants["shop"].Objects, fmt.Errorf("put: %w", tc.err)}, Vectors: c.Tenants["shop"].Vectors}
			c.Notify = func(context.Context, tasks.Tenant, tasks.ProductID) error { hinted = true; return nil }
		})
		res, body := s.do(t, "PUT", "/v1/shop/products/p1", `{"title":"a"}`)
		if res.StatusCode != tc.status || res.Header.Get("Retry-After") != tc.retry || strings.Contains(body, "secret") || hinted {
			t.Errorf("%v: %d, Retry-After %q, hinted %v: %s", tc.err, res.StatusCode, res.Header.Get("Retry-After"), hinted, body)
		}
	}
}

func TestDelete(t *testing.T) {
	s := open(t, nil)
	ctx := t.Context()
	for _, key := range []string{"media/p1/product.json", "media/p1/a.jpg", "media/p1/b.jpg", "media/p1/notes.txt", "media/p10/a.jpg"} {
		if _, err := s.objects.Put(ctx, key, []byte("x"), objects.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1, 0} {
		if d, err := s.client.DeleteImage(ctx, "p1", "a.jpg"); err != nil || d.Deleted != want {
			t.Errorf("image: %+v, %v, want %d", d, err, want)
		}
	}
	if res, body := s.do(t, "DELETE", "/v1/shop/products/p1", "", "If-Match", `"x"`); res.StatusCode != 422 || !strings.Contains(body, "If-Match") {
		t.Errorf("conditional: %d %s", res.StatusCode, body)
	}
	for _, want := range []int{3, 0} {
		if d, err := s.client.DeleteProduct(ctx, "p1"); err != nil || d.Deleted != want {
			t.Errorf("product: %+v, %v, want %d", d, err, want)
		}
	}
	if d := cmp.Diff([]string{"media/p10/a.jpg"}, s.keys(t)); d != "" {
		t.Error(d)
	}
	for _, path := range []string{"products/a%20b", "products/p1/images/product.json", "products/p1/images/a%2Fb.jpg"} {
		if res, body := s.do(t, "DELETE", "/v1/shop/"+path, ""); res.StatusCode != 422 {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
}
