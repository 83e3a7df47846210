package serve_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"weft/client"
	"weft/serve"
	"weft/storage/objects"
)

const (
	readToken      = "reads-0123456789abcdef"
	catalogueToken = "lists-0123456789abcdef"
	eventsToken    = "tells-0123456789abcdef"
	adminToken     = "may-do-all-0123456789abcdef"
	fleetToken     = "every-tenant-0123456789abcdef"
)

// withRoles gives the shop a token for each role.
func withRoles(t *testing.T) func(*serve.Config) {
	return func(c *serve.Config) {
		dir, err := objects.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		c.Tenants["other"] = serve.Tenant{Objects: dir, Vectors: newMemory()}
		c.Tokens = []serve.Token{
			token(t, "shop", readToken, serve.Read), token(t, "shop", catalogueToken, serve.Catalogue), token(t, "shop", eventsToken, serve.Events),
			token(t, "shop", adminToken, serve.Admin), token(t, serve.AllTenants, fleetToken, serve.Admin),
		}
	}
}

// Every route that is described takes exactly the role that its description names.
func TestRoles(t *testing.T) {
	s := open(t, withRoles(t))
	s.vectors.put(gen, "p1", 1, 0)
	s.ready(t)
	_, body := s.do(t, "GET", "/openapi.json", "")
	var spec struct {
		Paths map[string]map[string]struct{ Security []map[string][]string }
	}
	if err := json.Unmarshal([]byte(body), &spec); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{"read": readToken, "catalogue": catalogueToken, "events": eventsToken, "admin": adminToken}
	filled := strings.NewReplacer("{tenant}", "shop", "{id}", "p1", "{name}", "a.jpg")
	seen := map[string]int{}
	for path, methods := range spec.Paths {
		for method, op := range methods {
			if len(op.Security) != 1 || len(op.Security[0]["token"]) != 1 {
				t.Errorf("%s %s: which role it takes is not described: %v", method, path, op.Security)
				continue
			}
			want := op.Security[0]["token"][0]
			seen[want]++
			for role, secret := range tokens {
				res, body := s.do(t, strings.ToUpper(method), filled.Replace(path), "", "Authorization", "Bearer "+secret)
				admitted := res.StatusCode != 401 && res.StatusCode != 403
				if admitted != (role == want || role == "admin") {
					t.Errorf("%s %s as %s: %d %s", method, path, role, res.StatusCode, body)
				}
				if !admitted && (!strings.Contains(body, want) || res.Header.Get("Content-Type") != "application/problem+json") {
					t.Errorf("%s %s as %s: the refusal does not name %s: %s", method, path, role, want, body)
				}
			}
		}
	}
	for role := range tokens {
		if seen[role] == 0 {
			t.Errorf("no route takes the role %s", role)
		}
	}
}

func TestATokenForEveryTenant(t *testing.T) {
	s := open(t, withRoles(t))
	for tenant, want := range map[string]int{"shop": 200, "other": 200, "none": 404} {
		if res, body := s.do(t, "GET", "/v1/"+tenant+"/status", "", "Authorization", "Bearer "+fleetToken); res.StatusCode != want {
			t.Errorf("%s: %d %s", tenant, res.StatusCode, body)
		}
	}
	for _, tenant := range []string{"other", "none"} { // whether it is there does not show
		res, body := s.do(t, "GET", "/v1/"+tenant+"/status", "", "Authorization", "Bearer "+adminToken)
		if res.StatusCode != 403 || !strings.Contains(body, tenant) {
			t.Errorf("%s: %d %s", tenant, res.StatusCode, body)
		}
	}
}

// A token that is taken back is refused at once, without a restart.
func TestTokensAreReplaced(t *testing.T) {
	s := open(t, withRoles(t))
	read := func(secret string) error {
		_, err := s.as(t, "shop", secret).Status(t.Context())
		return err
	}
	if err := read(readToken); err != nil {
		t.Fatal(err)
	}
	if err := s.SetTokens([]serve.Token{token(t, "shop", "another-0123456789abcdef", serve.Read)}); err != nil {
		t.Fatal(err)
	}
	if err := read(readToken); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("a token that was taken back: %v", err)
	}
	if err := read("another-0123456789abcdef"); err != nil {
		t.Error(err)
	}
	if err := s.SetTokens(nil); !errors.Is(err, serve.ErrConfig) {
		t.Errorf("no token left: %v", err)
	}
	if err := open(t, nil).SetTokens([]serve.Token{token(t, "shop", readToken, serve.Read)}); !errors.Is(err, serve.ErrConfig) {
		t.Errorf("tokens for a server without: %v", err)
	}
}

func TestReadTokens(t *testing.T) {
	want := token(t, "shop", readToken, serve.Read, serve.Events)
	want.Name = "recommender"
	line, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(line), readToken) {
		t.Errorf("the file would hold the secret: %s", line)
	}
	got, err := serve.ReadTokens(strings.NewReader("# tokens\n\n" + string(line) + "\n"))
	if err != nil || len(got) != 1 || got[0].Name != want.Name || got[0].SHA256 != want.SHA256 || len(got[0].Roles) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	sum := strings.Repeat("0", 64)
	for file, says := range map[string]string{
		"": "no token", "nothing": "line 1",
		"\n" + `{"tenant":"Shop","roles":["read"],"sha256":"` + sum + `"}`:                `line 2`,
		`{"tenant":"shop","roles":[],"sha256":"` + sum + `"}`:                             "no role",
		`{"tenant":"shop","roles":["owner"],"sha256":"` + sum + `"}`:                      `"owner"`,
		`{"tenant":"shop","roles":["read"],"sha256":"00"}`:                                "64 hex",
		`{"tenant":"shop","roles":["read"],"token":"` + readToken + `","sha256":"00"}`:    "token",
		`{"tenant":"shop","roles":["read"],"sha256":"` + sum + `"} {"tenant":"x"}`:        "one object",
		`{"tenant":"*","roles":["read"],"sha256":"` + sum + `"}` + "\n" + `{"tenant":""}`: "line 2",
	} {
		if _, err := serve.ReadTokens(strings.NewReader(file)); !errors.Is(err, serve.ErrConfig) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: want an error about %s, got %v", file, says, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	if a, b := serve.NewSecret(), serve.NewSecret(); a == b || len(a) < 37 {
		t.Errorf("%s, %s", a, b)
	}
	for _, secret := range []string{"", "short", "with a space in the middle", strings.Repeat("a", 513), "unprintable-\x00-0123456789"} {
		if _, err := serve.NewToken("shop", secret, serve.Read); !errors.Is(err, serve.ErrConfig) || secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

// lines is a log that is read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestTheLogSaysWhoAsked(t *testing.T) {
	var log lines
	s := open(t, func(c *serve.Config) {
		withRoles(t)(c)
		c.Tokens[0].Name = "recommender"
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s.do(t, "GET", "/v1/shop/status", "", "Authorization", "Bearer "+readToken, "X-Request-Id", "asked-once")
	eventually(t, "the request is logged", func() bool {
		return strings.Contains(log.String(), "request=asked-once") && strings.Contains(log.String(), "token=recommender")
	})
	if strings.Contains(log.String(), readToken) {
		t.Error("the log holds the secret")
	}
}
