package serve

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/tasks"
)

// BacklogAnswer is what is still to be done, for autoscalers. The figures at the top
// are those of all tenants of the caller's together, whom the same workers serve: workers_wanted is a whole number of
// workers, whatever number runs, and 0 when nothing waits. An autoscaler takes it as the
// total (Kubernetes: an AverageValue of 1), never as a value per worker.
type BacklogAnswer struct {
	Wanted   int             `json:"workers_wanted"`
	Workers  int             `json:"workers"`
	Waiting  int             `json:"waiting"`
	Delayed  int             `json:"delayed"`
	Unissued int             `json:"unissued"`
	Work     float64         `json:"work_seconds"`
	Oldest   float64         `json:"oldest_seconds"`
	Tenants  []tasks.Backlog `json:"tenants"`
}

const backlogPath = "/v1/backlog"

// targetParameter names the query parameter of the time within which the backlog is
// to be done.
const targetParameter = "drain_target"

// serveBacklog answers for the tenants of the caller's token, or for all where no
// tokens are asked for. A queue that cannot be read is a 503: an autoscaler must not
// take it for an empty one.
func (s *Server) serveBacklog(w http.ResponseWriter, r *http.Request) {
	owned, ok := s.callerOf(w, r, Admin)
	if !ok {
		return
	}
	var target time.Duration
	for name, values := range r.URL.Query() {
		var err error
		if name != targetParameter || len(values) != 1 {
			writeProblem(w, invalid("query."+name, values, "unknown query parameter; there is "+targetParameter+", once"))
			return
		}
		if target, err = time.ParseDuration(values[0]); err != nil || target < time.Second || target > 24*time.Hour {
			writeProblem(w, invalid("query."+name, values[0], "want a duration from 1s to 24h, such as 5m"))
			return
		}
	}
	if s.cfg.Backlog == nil {
		writeProblem(w, problem(http.StatusNotImplemented, "this server knows no queue; ask one that `weft serve` or `weft up` runs"))
		return
	}
	f, err := s.cfg.Backlog(r.Context(), target, owned...)
	if err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelWarn, "the backlog cannot be read", slog.String("request", requestID(r.Context())), slog.Any("error", err))
		w.Header().Set("Retry-After", "2")
		writeProblem(w, problem(http.StatusServiceUnavailable, "the queues cannot be read; what waits in them is not known"))
		return
	}
	answer := BacklogAnswer{Wanted: f.Wanted, Workers: f.Workers, Waiting: f.Waiting, Delayed: f.Delayed, Unissued: f.Unissued, Work: f.Work, Oldest: f.Oldest, Tenants: f.Tenants}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the caller may have left
}

// fleetRoutes are those that a fleet and its stores call.
func (s *Server) fleetRoutes(mux *http.ServeMux, api huma.API, errs []int) {
	mux.HandleFunc("GET "+backlogPath, s.serveBacklog)
	s.notifyRoute(api, errs)
	spec := api.OpenAPI() // huma's own handlers belong to one tenant each, this one to all
	refused := func(status int) *huma.Response {
		return &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}}
	}
	body := spec.Components.Schemas.Schema(reflect.TypeFor[BacklogAnswer](), true, "BacklogAnswer")
	spec.AddOperation(&huma.Operation{OperationID: "backlog", Method: http.MethodGet, Path: backlogPath, Summary: "What is still to be done, in items and in time", Tags: []string{"operate"},
		Description: "For autoscalers: workers_wanted is the total, not a value per worker.",
		Parameters: []*huma.Param{{Name: targetParameter, In: "query", Description: "Within which time all of it is to be done, 1s to 24h; default 5m",
			Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{"10m"}}}},
		Security: s.needs(Admin, huma.Operation{}).Security,
		Responses: map[string]*huma.Response{
			"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: body}}},
			"401": refused(http.StatusUnauthorized), "403": refused(http.StatusForbidden), "422": refused(http.StatusUnprocessableEntity), "501": refused(http.StatusNotImplemented),
			"503": refused(http.StatusServiceUnavailable),
		}})
}
