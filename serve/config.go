package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/behaviour"
	"weft/client"
	"weft/extractors"
	"weft/fusion"
	"weft/gather"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// ErrConfig reports a Config that cannot be served.
var ErrConfig = errors.New("serve: configuration")

// Config says what to serve and within which limits. The zero value of every limit
// is its default.
type Config struct {
	// Listen is host:port, default 127.0.0.1:8080; port 0 takes a free one. Any
	// address but a loopback one demands tokens.
	Listen string
	// Tenants are the shops to answer for, at least one.
	Tenants map[tasks.Tenant]Tenant
	// Tokens are accepted as "Authorization: Bearer SECRET". Without any, whoever reaches
	// the address may read and write; Server.SetTokens replaces them.
	Tokens []Token
	// CORSOrigins are the web origins whose pages may read the answers, such as
	// https://shop.example, or * for all, which takes Tokens. Default: none.
	CORSOrigins []string

	// Notify tells the scheduler that the media of a product changed. It gets a
	// second; its error is logged and does not fail the request. May be nil.
	Notify func(context.Context, tasks.Tenant, tasks.ProductID) error
	// Status reports queue depths and counts. Tenant, Generation and Search are
	// filled in by the server. May be nil.
	Status func(context.Context, tasks.Tenant) (client.Status, error)
	// Backlog tells what is still to be done for some tenants, one at least, and how many
	// workers would do it within a time (0: a default). May be nil: /v1/backlog answers 501.
	Backlog func(context.Context, time.Duration, ...tasks.Tenant) (tasks.Fleet, error)
	// Workers lists the workers that reported lately; they serve all tenants. May be nil.
	Workers func(context.Context) ([]tasks.Pace, error)
	// Dead looks up which media of a product were given up. May be nil.
	Dead func(context.Context, tasks.Tenant, tasks.ProductID) ([]DeadMedium, error)

	// MaxImageBytes bounds one photo, default 32 MiB. Listings are bounded by
	// tasks.MaxListingBytes.
	MaxImageBytes int64
	// MaxUploadBytes bounds the bodies in memory at once, default 256 MiB; further
	// uploads wait for their turn, up to BodyTimeout. At least MaxImageBytes.
	MaxUploadBytes int64
	// MaxSearches is how many neighbour searches run at once, default twice the
	// cores; as many as MaxWaiting wait, default 256, and the rest is told to come
	// back (503 with Retry-After).
	MaxSearches, MaxWaiting int
	// MaxCollects is how many requests with rows are under way at once; further ones are
	// told to come back (429 with Retry-After). Each holds up to about 20 MiB. Default 64.
	MaxCollects int
	// MaxStreams is how many answers without end are under way at once, default 256;
	// further ones are told to come back (429).
	MaxStreams int
	// RecheckEvery is how often the products in memory are compared with the vectors
	// store, which finds updates whose announcement was lost; default 5 minutes.
	RecheckEvery time.Duration
	// MaxConnections bounds open connections, default 8192.
	MaxConnections int
	// HeaderTimeout (5 s) and BodyTimeout (30 s) bound how long a client may take to
	// send, RequestTimeout (30 s) how long the server may take to answer, IdleTimeout
	// (2 min) how long a connection may be silent, StopTimeout (10 s) how long Stop
	// lets requests finish.
	HeaderTimeout, BodyTimeout, RequestTimeout, IdleTimeout, StopTimeout time.Duration

	// Registry takes the metrics and is shown at /metrics. Default: one of its own.
	Registry *prometheus.Registry
	// Log, default slog.Default().
	Log *slog.Logger
	// Version of the program, for /openapi.json.
	Version string
}

// Tenant is one shop.
type Tenant struct {
	// Objects is the bucket below the tenant: keys begin with media/.
	Objects objects.Store
	// Vectors is where the tenant's vectors are read, a *vectors.Store.
	Vectors Vectors
	// Collect takes events, reviews and users in. May be nil: they are refused.
	Collect Collector
	// Lake is weft's own tables of the tenant: what became of each photo, what was given
	// up. May be nil: what needs it answers 501.
	Lake *lake.Lake
	// Queue is asked at once for what is to be tried again; nil: the sweep finds it.
	Queue tasks.Queue
	// Embed gives the content vector, in the live generation, of what is searched for.
	// Errors: *pixels.Error, ErrEmptyQuery. May be nil: searches answer 501.
	Embed func(context.Context, Query) ([]float32, error)
	// Pictures decodes photos for thumbnails; default one of the pure-Go class.
	Pictures extractors.Decoder
	// KeyPrefix is what the bucket's own keys begin with before media/, as its
	// notifications have them: shop/default/.
	KeyPrefix string
	// Behaviour is what shoppers did and said, read for profiles and recommendations.
	// May be nil: nobody is known.
	Behaviour *behaviour.Tables
	// Consent is what a shopper who said nothing is taken to have said about profiling.
	Consent bool
	// Standing is what the shop asks of every list at the moment; nil: nothing.
	Standing func() Standing
	// Parts, Model and Texts make vectors anew: for explanations, for lists without those
	// followed, and for the text of a context. They may be nil: such requests are
	// answered with 501, and a context is compared by its words.
	Parts *gather.Reader
	Model fusion.Model
	Texts Texts
	// Guess says what a profile model makes of a user's vector and of what the user touched, by product. nil: no model.
	Guess Guesser
}

// Guesser is asked only about users who agree to profiling.
type Guesser = func(ctx context.Context, vector []float32, touched map[string]float64) ([]client.Guess, error)

// DeadMedium is a photo or listing that was given up.
type DeadMedium struct {
	Key     string // below the tenant
	ETag    string // of the object that was given up; a newer one is waiting again
	Reason  tasks.Reason
	Message string
}

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:8080")
	c.MaxImageBytes = cmp.Or(c.MaxImageBytes, 32<<20)
	c.MaxUploadBytes = cmp.Or(c.MaxUploadBytes, max(256<<20, c.MaxImageBytes))
	c.MaxSearches = cmp.Or(c.MaxSearches, defaultSearches())
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 256)
	c.MaxCollects = cmp.Or(c.MaxCollects, 64)
	c.MaxStreams = cmp.Or(c.MaxStreams, 256)
	c.RecheckEvery = cmp.Or(c.RecheckEvery, 5*time.Minute)
	c.MaxConnections = cmp.Or(c.MaxConnections, 8192)
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, 5*time.Second)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, 30*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 30*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Minute)
	c.StopTimeout = cmp.Or(c.StopTimeout, 10*time.Second)
	c.Version = cmp.Or(c.Version, "dev")
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Validate names the first field that cannot be used, its value and what would be.
// It wraps ErrConfig.
func (c Config) Validate() error {
	c = c.withDefaults()
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("%w: Listen %q: want host:port, such as 127.0.0.1:8080", ErrConfig, c.Listen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%w: Listen %q: want a port from 0 to 65535", ErrConfig, c.Listen)
	}
	if err := c.validateTenants(); err != nil {
		return err
	}
	if !loopback(host) && !c.guarded() {
		return fmt.Errorf("%w: Listen %q: others could read and write; configure tokens, or listen on 127.0.0.1", ErrConfig, c.Listen)
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"MaxImageBytes", c.MaxImageBytes}, {"MaxSearches", int64(c.MaxSearches)},
		{"MaxWaiting", int64(c.MaxWaiting)}, {"MaxCollects", int64(c.MaxCollects)}, {"MaxStreams", int64(c.MaxStreams)}, {"MaxConnections", int64(c.MaxConnections)}, {"RecheckEvery", int64(c.RecheckEvery)}, {"HeaderTimeout", int64(c.HeaderTimeout)},
		{"BodyTimeout", int64(c.BodyTimeout)}, {"RequestTimeout", int64(c.RequestTimeout)},
		{"IdleTimeout", int64(c.IdleTimeout)}, {"StopTimeout", int64(c.StopTimeout)},
	} {
		if n.value < 0 {
			return fmt.Errorf("%w: %s %d: want more than 0, or 0 for the default", ErrConfig, n.name, n.value)
		}
	}
	if least := max(c.MaxImageBytes, tasks.MaxListingBytes); c.MaxUploadBytes < least {
		return fmt.Errorf("%w: MaxUploadBytes %d: want at least %d, the largest single body", ErrConfig, c.MaxUploadBytes, least)
	}
	return nil
}

func (c Config) validateTenants() error {
	if len(c.Tenants) == 0 {
		return fmt.Errorf("%w: Tenants is empty: name at least one", ErrConfig)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Tenants)) {
		t := c.Tenants[name]
		if _, err := tasks.ParseTenant(string(name)); err != nil {
			return fmt.Errorf("%w: Tenants: %w", ErrConfig, err)
		}
		if t.Objects == nil || t.Vectors == nil {
			return fmt.Errorf("%w: Tenants[%q]: Objects and Vectors must both be set", ErrConfig, name)
		}
	}
	if err := c.validateOrigins(); err != nil {
		return err
	}
	for i, t := range c.Tokens {
		if err := t.Validate(); err != nil {
			return fmt.Errorf("%w (Tokens[%d])", err, i)
		}
	}
	return nil
}

// guarded tells whether tokens are asked for.
func (c Config) guarded() bool { return len(c.Tokens) > 0 }

// loopback tells whether only this machine reaches host.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
