package serve

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/rs/cors"
)

// anyOrigin stands for every origin.
const anyOrigin = "*"

func (c Config) validateOrigins() error {
	for i, o := range c.CORSOrigins {
		if o == anyOrigin {
			if !c.guarded() {
				return fmt.Errorf("%w: CORSOrigins[%d] %q: every page that is opened on this machine could read and write; configure tokens, or name the origins", ErrConfig, i, o)
			}
			continue
		}
		u, err := url.Parse(o)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return fmt.Errorf("%w: CORSOrigins[%d] %q: want scheme and host without a path, such as https://shop.example, or *", ErrConfig, i, o)
		}
	}
	return nil
}

// crossOrigin lets pages of the configured origins read the answers, and no others: browsers
// keep every answer from a page of another origin unless it says otherwise. Credentials of the
// browser are never asked for; the token comes in its header.
func (s *Server) crossOrigin(next http.Handler) http.Handler {
	if len(s.cfg.CORSOrigins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: slices.Clone(s.cfg.CORSOrigins),
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Content-Encoding", "If-Match", "If-None-Match", "X-Request-Id"},
		ExposedHeaders: []string{"ETag", "Location", "Retry-After", "X-Request-Id", "WWW-Authenticate"},
		MaxAge:         600,
	}).Handler(next)
}
