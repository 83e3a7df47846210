package serve

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
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
	catalogue *catalogue
	judge     *quality.Judge // of the lists that are served; nil: of none
	counted   countedLetters

	use     inUse
	ended   context.Context // ends what has no end of its own: with the server, or when another takes its place
	endThem context.CancelFunc
}

type tenantKey struct{}

// tenantOf is the tenant that the request was admitted to.
func tenantOf(ctx context.Context) *tenant { return ctx.Value(tenantKey{}).(*tenant) }

// roleKey is where an operation's metadata names the role that it takes.
const roleKey = "role"

// needs declares the role that an operation takes. One that declares none takes Admin.
func (s *Server) needs(role Role, op huma.Operation) huma.Operation {
	op.Metadata = map[string]any{roleKey: role}
	if s.guarded {
		op.Security = []map[string][]string{{"token": {string(role)}}}
		op.Errors = append(slices.Clone(op.Errors), http.StatusUnauthorized, http.StatusForbidden)
	}
	return op
}

// admit finds the tenant of a request and checks its token, before anything of the
// body is read. With tokens configured, a caller learns of no tenant but their own:
// one that is not served is refused like one that is another's.
func (s *Server) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	name := tasks.Tenant(ctx.Param("tenant"))
	if s.guarded {
		role, declared := ctx.Operation().Metadata[roleKey].(Role)
		if !declared {
			role = Admin
		}
		var held []Token
		if secret, found := credential(ctx); found {
			held = s.tokensOf(secret)
		}
		if p := refusal(r.Context(), held, name, role); p != nil {
			refuse(w, p)
			return
		}
	}
	t := s.enter(name)
	if t == nil {
		writeProblem(w, problem(http.StatusNotFound, fmt.Sprintf("tenant %.60q is not served here", name),
			&huma.ErrorDetail{Location: "path.tenant", Value: name, Message: "unknown tenant; check the name in the path"}))
		return
	}
	defer t.use.leave()
	next(huma.WithValue(ctx, tenantKey{}, t))
}

// refusal says why the tokens held do not admit to a role at a tenant, nil if they do.
func refusal(ctx context.Context, held []Token, name tasks.Tenant, role Role) *huma.ErrorModel {
	if len(held) == 0 {
		return problem(http.StatusUnauthorized, "the token is missing or not valid; send the header Authorization: Bearer TOKEN")
	}
	note(ctx, held[0].Name)
	var here []Role
	for _, t := range held {
		if t.Tenant != name && t.Tenant != AllTenants {
			continue
		}
		if t.grants(role) {
			note(ctx, t.Name)
			return nil
		}
		here = append(here, t.Roles...)
	}
	if here == nil {
		return problem(http.StatusForbidden, fmt.Sprintf("the token is not one of tenant %.60q; use a token of that tenant, or the tenant of the token", name))
	}
	return problem(http.StatusForbidden, fmt.Sprintf("this takes the role %s, and the token has only %v; use a token with that role", role, here))
}

// refuse answers a request that was not admitted.
func refuse(w http.ResponseWriter, p *huma.ErrorModel) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="weft"`)
	}
	writeProblem(w, p)
}

// keyring finds tokens by the digest of their secret. How long a look takes may tell of
// digests, but from a digest nobody gets to a secret.
type keyring map[[sha256.Size]byte][]Token

// tokensOf are the tokens that have this secret.
func (s *Server) tokensOf(secret string) []Token {
	return (*s.tokens.Load())[sha256.Sum256([]byte(strings.TrimSpace(secret)))]
}

// callerOf lists the tenants at which a caller has a role, in order: all where no tokens are
// asked for. It is for what belongs to no tenant of a path, and has answered when ok is false.
func (s *Server) callerOf(w http.ResponseWriter, r *http.Request, role Role) (owned []tasks.Tenant, ok bool) {
	names := slices.Sorted(maps.Keys(*s.tenants.Load()))
	if !s.guarded {
		return names, true
	}
	var held []Token
	if secret, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		held = s.tokensOf(secret)
	}
	var last *huma.ErrorModel
	for _, name := range names {
		if last = refusal(r.Context(), held, name, role); last == nil {
			owned = append(owned, name)
		}
	}
	if owned == nil {
		if last.Status == http.StatusForbidden { // which tenants there are is not for everyone
			last = problem(http.StatusForbidden, fmt.Sprintf("this takes the role %s at a tenant that is served here, and the token has it nowhere", role))
		}
		refuse(w, last)
	}
	return owned, owned != nil
}

// SetTokens replaces all tokens at once: those left out are refused from the next request on. It
// is an error, wrapping ErrConfig, to leave none, or to give some to a server that asks for none.
func (s *Server) SetTokens(tokens []Token) error {
	if s.guarded != (len(tokens) > 0) {
		return fmt.Errorf("%w: Tokens: whether tokens are asked for is settled at start; start the server anew", ErrConfig)
	}
	ring := keyring{}
	for _, t := range tokens {
		if err := t.Validate(); err != nil {
			return err
		}
		ring[t.SHA256] = append(ring[t.SHA256], t)
	}
	s.tokens.Store(&ring)
	return nil
}
