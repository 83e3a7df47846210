package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/client"
	"weft/storage/vectors"
)

// StatusQuery asks where a tenant stands.
type StatusQuery struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
}

// StatusAnswer says where a tenant stands.
type StatusAnswer struct{ Body client.Status }

func (s *Server) status(ctx context.Context, _ *StatusQuery) (*StatusAnswer, error) {
	t := tenantOf(ctx)
	var st client.Status
	if s.cfg.Status != nil {
		var err error
		if st, err = s.cfg.Status(ctx, t.name); err != nil {
			return nil, s.explain(ctx, err)
		}
	}
	gen, err := t.Vectors.Live(ctx)
	if err != nil && !errors.Is(err, vectors.ErrNotLive) {
		return nil, s.explain(ctx, err)
	}
	st.Tenant, st.Generation = string(t.name), string(gen)
	if st.Queues == nil {
		st.Queues = []client.Queue{}
	}
	if shelf, ready := t.catalogue.shelf(); ready {
		st.Search = client.Search{Products: shelf.Len(), Bytes: shelf.Bytes(), Ready: true}
	}
	return &StatusAnswer{st}, nil
}

// healthz answers while the process does: an orchestrator restarts it otherwise.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"healthy":true}` + "\n"))
}

// readyTimeout bounds one look at every tenant's vectors.
const readyTimeout = 2 * time.Second

// readyz answers 200 when every tenant can be read: its vectors store is reached and
// has a live generation, and neighbours are in memory. The bucket is not asked for:
// vectors are read without it.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	var reasons []*huma.ErrorDetail
	add := func(location string, t *tenant, message string) {
		d := &huma.ErrorDetail{Location: location, Message: message}
		if !s.guarded { // names of tenants are not for everyone
			d.Value = t.name
		}
		reasons = append(reasons, d)
	}
	for _, name := range slices.Sorted(maps.Keys(*s.tenants.Load())) {
		t := (*s.tenants.Load())[name]
		gen, err := t.Vectors.Live(ctx)
		_, filled := t.catalogue.shelf()
		switch {
		case errors.Is(err, vectors.ErrNotLive):
			add("live", t, "no generation is live: the vectors are being filled")
		case err != nil:
			add("vectors", t, "the vectors store cannot be read")
		case !filled:
			add("search", t, fmt.Sprintf("the vectors of %s are being read into memory", gen))
		}
	}
	if len(reasons) > 0 {
		w.Header().Set("Retry-After", "2")
		writeProblem(w, problem(http.StatusServiceUnavailable, "not every tenant can be read", reasons...))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]bool{"ready": true})
}
