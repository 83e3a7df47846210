package serve_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/serve"
	"weft/storage/objects"
	"weft/storage/servertest"
	"weft/tasks"
)

// heard collects the hints of a server.
type heard struct {
	mu    sync.Mutex
	seen  map[tasks.ProductID]int
	more  chan struct{}
	block chan struct{} // while it is open, every look waits; nil: none does
}

func newHeard() *heard {
	return &heard{seen: map[tasks.ProductID]int{}, more: make(chan struct{}, 1)}
}

func (h *heard) notify(ctx context.Context, _ tasks.Tenant, id tasks.ProductID) error {
	h.mu.Lock()
	h.seen[id]++
	h.mu.Unlock()
	select {
	case h.more <- struct{}{}:
	default:
	}
	if h.block != nil {
		select {
		case <-h.block:
		case <-ctx.Done():
		}
	}
	return nil
}

// until waits for exactly these products.
func (h *heard) until(t *testing.T, want ...tasks.ProductID) {
	t.Helper()
	slices.Sort(want)
	deadline := time.After(20 * time.Second)
	for {
		h.mu.Lock()
		got := slices.Sorted(maps.Keys(h.seen))
		h.mu.Unlock()
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-h.more:
		case <-deadline:
			t.Fatalf("heard of %v, want %v", got, want)
		}
	}
}

func hearing(h *heard) func(*serve.Config) {
	return func(c *serve.Config) {
		shop := c.Tenants["shop"]
		shop.KeyPrefix = "prefix/shop/"
		c.Tenants["shop"] = shop
		c.Notify = h.notify
	}
}

const notifications = "/v1/shop/notifications/s3"

// What three servers send, shortened: MinIO and AWS escape keys, versitygw does not.
const (
	minioEvent = `{"EventName":"s3:ObjectCreated:Put","Key":"shop/prefix/shop/media/dress-1/front.jpg","Records":[{"eventVersion":"2.0","eventSource":"minio:s3",
		"eventName":"s3:ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0","bucket":{"name":"shop"},"object":{"key":"prefix%2Fshop%2Fmedia%2Fdress-1%2Ffront.jpg",
		"size":32922,"eTag":"0f8a","contentType":"image/jpeg","sequencer":"17A3"}},"source":{"host":"10.0.0.4"}}]}`
	awsEvent = `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"shop"},
		"object":{"key":"prefix/shop/media/dress%3A2/a+photo+%C3%A9.jpg","sequencer":"0055AED6DCD90281E5"}}},
		{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"prefix/shop/media/dress-3/product.json","eTag":"d41d"}}}]}`
	versityEvent = `{"Records":[{"eventVersion":"2.2","eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":"bucket"},
		"object":{"key":"prefix/shop/media/dress:4/b.webp","size":1,"eTag":null,"versionId":null,"sequencer":"1"}}}]}`
	foreignEvent = `{"Records":[{"s3":{"object":{"key":"prefix/shop/lake/v1/products/x.parquet"}}},{"s3":{"object":{"key":"prefix/other/media/p9/a.jpg"}}},
		{"s3":{"object":{"key":"media/p9/a.jpg"}}},{"s3":{"object":{"key":"prefix/shop/media/p9/notes.txt"}}},{"s3":{"object":{"key":"prefix/shop/media/bad%20id/a.jpg"}}},
		{"s3":{"object":{"key":"prefix%2"}}},{"s3":{}},{}]}`
)

func TestNotificationsAreHints(t *testing.T) {
	h := newHeard()
	s := open(t, hearing(h))
	for _, tc := range []struct {
		body                     string
		records, hinted, ignored int
	}{
		{minioEvent, 1, 1, 0}, {awsEvent, 2, 2, 0}, {versityEvent, 1, 1, 0}, {minioEvent, 1, 1, 0}, {foreignEvent, 8, 0, 8},
		{`{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00.000Z","Bucket":"shop","RequestId":"5582"}`, 0, 0, 0},
		{`{"Service":"S3","Event":"s3:TestEvent","Bucket":"Test-Bucket"}`, 0, 0, 0},
		{`{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.example/confirm"}`, 0, 0, 0},
		{`{}`, 0, 0, 0},
	} {
		res, body := s.do(t, "POST", notifications, tc.body)
		var got serve.S3Noted
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != 202 || got != (serve.S3Noted{Records: tc.records, Hinted: tc.hinted, Ignored: tc.ignored}) {
			t.Errorf("%.100s: %d %s, want %d records, %d hinted, %d ignored", tc.body, res.StatusCode, body, tc.records, tc.hinted, tc.ignored)
		}
	}
	h.until(t, "dress-1", "dress:2", "dress-3", "dress:4")
	for body, status := range map[string]int{"": 400, "[]": 400, "{": 400, `{"Records":[{"s3":{"object":{"key":5}}}]}`: 400, `"` + strings.Repeat("x", 1<<20) + `"`: 413} {
		if res, answer := s.do(t, "POST", notifications, body); res.StatusCode != status {
			t.Errorf("%.40s: %d %s, want %d", body, res.StatusCode, answer, status)
		}
	}
}

func TestNotificationsNeedAToken(t *testing.T) {
	h := newHeard()
	s := open(t, func(c *serve.Config) { guarded(t)(c); hearing(h)(c) })
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("s3:"+password))
	}
	for authorization, status := range map[string]int{
		"": 401, "Bearer wrong-token-0123456789": 401, basic("wrong-token-0123456789"): 401, "Basic %%%": 401, "Bearer " + otherToken: 403, basic(otherToken): 403,
		"Bearer " + shopToken: 202, basic(shopToken): 202,
	} {
		if res, body := s.do(t, "POST", notifications, minioEvent, "Authorization", authorization); res.StatusCode != status {
			t.Errorf("%q: %d %s, want %d", authorization, res.StatusCode, body, status)
		}
	}
	h.until(t, "dress-1")
	// A password in an address is for those who have nothing else.
	if res, _ := s.do(t, "GET", "/v1/shop/status", "", "Authorization", basic(shopToken)); res.StatusCode != 401 {
		t.Errorf("basic authentication opens other paths: %d", res.StatusCode)
	}
}

// A burst of one product is one look, and a flood is told to come back.
func TestNotificationsCoalesceAndAreBounded(t *testing.T) {
	h := newHeard()
	h.block = make(chan struct{})
	s := open(t, hearing(h))
	event := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `,{"s3":{"object":{"key":"prefix/shop/media/p%d/a.jpg"}}}`, i)
		}
		return `{"Records":[` + b.String()[1:] + `]}`
	}
	s.do(t, "POST", notifications, event(0, 4)) // every runner has one
	h.until(t, "p0", "p1", "p2", "p3")
	for range 3 {
		if res, body := s.do(t, "POST", notifications, event(4, 9004)); res.StatusCode != 202 { // the same products again need no room
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
	res, body := s.do(t, "POST", notifications, event(9004, 11_000))
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the bound: %d %s", res.StatusCode, body)
	}
	close(h.block)
}

// A real S3 server sends its own events, with the token in the address.
func TestVersitygwNotifies(t *testing.T) {
	h := newHeard()
	s := open(t, func(c *serve.Config) { guarded(t)(c); hearing(h)(c) })
	s3 := servertest.S3(t, "--event-webhook-url", strings.Replace(s.url, "://", "://s3:"+shopToken+"@", 1)+notifications)
	bucket, err := objects.Open(t.Context(), s3.URL("prefix"), objects.Credentials{AccessKey: s3.AccessKey, SecretKey: s3.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"shop/media/p1/a b.jpg", "shop/media/p1/c.jpg", "shop/media/x:2/é.png", "shop/media/p3/product.json", "shop/lake/v1/x", "other/media/p4/a.jpg"} {
		if _, err := bucket.Put(t.Context(), key, []byte("{}"), objects.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	h.until(t, "p1", "x:2", "p3")
	h.mu.Lock()
	clear(h.seen)
	h.mu.Unlock()
	if err := bucket.Delete(t.Context(), "shop/media/p3/product.json"); err != nil {
		t.Fatal(err)
	}
	h.until(t, "p3")
}
