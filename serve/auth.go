package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weft/serve/quality"
	"weft/tasks"
)

// tenant is a shop being served.
type tenant struct {
	Tenant
	name      tasks.Tenant
	tokens    [][sha256.Size]byte
	catalogue *catalogue
	judge     *quality.Judge // of the lists that are served; nil: of none
}

type tenantKey struct{}

// tenantOf is the tenant that the request was admitted to.
func tenantOf(ctx context.Context) *tenant { return ctx.Value(tenantKey{}).(*tenant) }

// admit finds the tenant of a request and checks its token, before anything of the
// body is read. With tokens configured, a caller learns of no tenant but their own:
// another one is answered like one that does not exist.
func (s *Server) admit(ctx huma.Context, next func(huma.Context)) {
	_, w := humago.Unwrap(ctx)
	name := ctx.Param("tenant")
	unknown := problem(http.StatusNotFound, fmt.Sprintf("tenant %.60q is not served here", name),
		&huma.ErrorDetail{Location: "path.tenant", Value: name, Message: "unknown tenant; check the name in the path"})
	t := s.tenants[tasks.Tenant(name)]
	if s.guarded {
		token, found := credential(ctx)
		owners := s.owners(token)
		if !found || len(owners) == 0 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="weft"`)
			writeProblem(w, problem(http.StatusUnauthorized, "the token is missing or not valid; send the header Authorization: Bearer TOKEN"))
			return
		}
		if t != nil && !owners[t.name] {
			t = nil
		}
	}
	if t == nil {
		writeProblem(w, unknown)
		return
	}
	next(huma.WithValue(ctx, tenantKey{}, t))
}

// owners are the tenants that accept token. Every token is compared, in constant
// time, whatever matches.
func (s *Server) owners(token string) map[tasks.Tenant]bool {
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	owners := map[tasks.Tenant]bool{}
	for _, t := range s.tenants {
		for _, want := range t.tokens {
			if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
				owners[t.name] = true
			}
		}
	}
	return owners
}
