package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weft/tasks"
)

// Notifications of a bucket are hints and nothing else: the record is not believed, the
// product it names is looked at in the bucket. So duplicates, records out of order and
// forged ones cost a look, and lost ones wait for the sweep.

const (
	maxNotification = 1 << 20 // bytes of a body
	maxNotices      = 10_000  // products that may wait for their look
	noticeRunners   = 4       // looks at once
	notifyOperation = "notifyS3"
)

// S3Notification is a request of an S3 server's webhook.
type S3Notification struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`

	request *http.Request
	writer  http.ResponseWriter
}

// Resolve keeps the request: its body is read once it is admitted.
func (n *S3Notification) Resolve(ctx huma.Context) []error {
	n.request, n.writer = humago.Unwrap(ctx)
	return nil
}

// S3Noted says what became of a notification's records.
type S3Noted struct {
	Records int `json:"records"`
	Hinted  int `json:"hinted" doc:"Products that will be looked at"`
	Ignored int `json:"ignored" doc:"Records of objects that are no photo and no listing of this tenant"`
}

// S3NotedAnswer confirms a notification.
type S3NotedAnswer struct{ Body S3Noted }

func (s *Server) notifyRoute(api huma.API, errs []int) {
	op := s.needs(Catalogue, huma.Operation{OperationID: notifyOperation, Method: http.MethodPost, Path: "/v1/{tenant}/notifications/s3", Tags: []string{"operate"}, DefaultStatus: http.StatusAccepted,
		Summary: "Hear of changed objects from an S3 server",
		Description: "S3 event JSON as AWS, MinIO and versitygw send it; the token as bearer, or as the password of basic authentication for servers that " +
			"know nothing but an address. Only a hint: the bucket is looked at, so repeated, late and lost notifications do no harm.",
		Errors: append([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, errs...)})
	huma.Register(api, op, s.notifyS3)
	api.OpenAPI().Paths[op.Path].Post.RequestBody = &huma.RequestBody{Required: true, Description: "At most 1 MiB.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}}}
}

// s3Event is what is read of a notification. Its other fields differ from server to
// server.
type s3Event struct {
	Event        string // s3:TestEvent, without records
	Type         string // of SNS: SubscriptionConfirmation
	SubscribeURL string
	Records      []struct {
		S3 struct {
			Object struct{ Key string }
		}
	}
}

func (s *Server) notifyS3(ctx context.Context, in *S3Notification) (*S3NotedAnswer, error) {
	body, err := io.ReadAll(http.MaxBytesReader(in.writer, in.request.Body, maxNotification))
	if err != nil {
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			return nil, s.explain(ctx, err)
		}
		return nil, problem(http.StatusBadRequest, "the body ended early: "+err.Error())
	}
	var event s3Event
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, problem(http.StatusBadRequest, "the body is not the JSON of an S3 event: "+err.Error())
	}
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return nil, problem(http.StatusBadRequest, "the body is not the JSON of an S3 event but null")
	}
	t := tenantOf(ctx)
	if event.Type == "SubscriptionConfirmation" {
		s.log.LogAttrs(ctx, slog.LevelInfo, "SNS asks to confirm its subscription: open this address once", slog.String("tenant", string(t.name)), slog.String("url", event.SubscribeURL))
	}
	products := map[tasks.ProductID]bool{}
	noted := S3Noted{Records: len(event.Records)}
	for _, r := range event.Records {
		id, ok := t.mediaOf(r.S3.Object.Key)
		if !ok {
			noted.Ignored++
			continue
		}
		products[id] = true
	}
	noted.Hinted = len(products)
	if !s.notices.add(t, products) {
		return nil, later(problem(http.StatusServiceUnavailable, fmt.Sprintf("%d products wait to be looked at already; send the notification again", maxNotices)), 5)
	}
	return &S3NotedAnswer{noted}, nil
}

// mediaOf is the product of a key as a notification has it: with the bucket's prefix,
// and escaped as in a query by most servers. An id holds nothing that escaping
// changes but ':', so it may be undone where it was not done.
func (t *tenant) mediaOf(key string) (tasks.ProductID, bool) {
	if plain, err := url.QueryUnescape(key); err == nil {
		key = plain
	}
	key, ok := strings.CutPrefix(key, t.KeyPrefix)
	if !ok {
		return "", false
	}
	m := tasks.ParseMediaKey(key)
	return m.Product, m.Modality != "" && m.Err == nil
}

// notices are products that are to be looked at: a set, so that a burst of records of
// one product is one look.
type notices struct {
	mu   sync.Mutex
	due  map[notice]struct{}
	wake chan struct{}
}

type notice struct {
	tenant  *tenant
	product tasks.ProductID
}

func newNotices() *notices {
	return &notices{due: map[notice]struct{}{}, wake: make(chan struct{}, noticeRunners)}
}

// add takes all products, or none where there is no room for them.
func (n *notices) add(t *tenant, products map[tasks.ProductID]bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	more := 0
	for id := range products {
		if _, waits := n.due[notice{t, id}]; !waits {
			more++
		}
	}
	if len(n.due)+more > maxNotices {
		return false
	}
	for id := range products {
		n.due[notice{t, id}] = struct{}{}
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
	return true
}

func (n *notices) take() (notice, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for one := range n.due {
		delete(n.due, one)
		return one, true
	}
	return notice{}, false
}

// run looks at what is due until ctx ends; the rest is left to the sweep.
func (n *notices) run(ctx context.Context, look func(context.Context, *tenant, tasks.ProductID)) {
	var runners sync.WaitGroup
	for range noticeRunners {
		runners.Go(func() {
			for ctx.Err() == nil {
				if one, ok := n.take(); ok {
					look(ctx, one.tenant, one.product)
					continue
				}
				select {
				case <-n.wake:
				case <-ctx.Done():
				}
			}
		})
	}
	runners.Wait()
}

// credential is the token of a request: a bearer's, or for notifications the
// password of basic authentication, which an address alone can carry.
func credential(ctx huma.Context) (token string, found bool) {
	header := ctx.Header("Authorization")
	if token, found = strings.CutPrefix(header, "Bearer "); found || ctx.Operation().OperationID != notifyOperation {
		return token, found
	}
	_, token, found = (&http.Request{Header: http.Header{"Authorization": {header}}}).BasicAuth()
	return token, found
}
