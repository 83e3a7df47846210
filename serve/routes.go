package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weft/behaviour"
	"weft/client"
	"weft/serve/console"
	"weft/tasks"
)

// ProductPath is a tenant and a product in a path.
type ProductPath struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	ID     string `path:"id" doc:"The product" example:"p1"`
}

// Resolve refuses an id outside the alphabet. The tenant has been checked before.
func (p *ProductPath) Resolve(huma.Context) []error {
	if _, err := tasks.ParseProductID(p.ID); err != nil {
		return []error{&huma.ErrorDetail{Location: "path.id", Value: p.ID, Message: err.Error()}}
	}
	return nil
}

func (p *ProductPath) product() tasks.ProductID { return tasks.ProductID(p.ID) }

// routes lists everything that is served.
func (s *Server) routes() (*http.ServeMux, error) {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("weft", s.cfg.Version)
	config.Info.Description = "Product vectors for recommenders: photos and listings in, vectors and neighbours out."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // the description is served below, made once
	config.CreateHooks = nil                                             // no $schema in answers
	config.RejectUnknownQueryParameters = true                           // a misspelt parameter is not silently ignored
	if s.guarded {
		config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
		config.Security = []map[string][]string{{"token": {}}}
	}
	api := humago.New(mux, config)
	api.UseMiddleware(s.admit)

	listing := &huma.RequestBody{Required: true, Description: "The listing; fields without a place here are kept as attributes. At most 2 MiB.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.Listing](), true, "Listing")}}}
	photo := &huma.RequestBody{Required: true, Description: fmt.Sprintf("The file as it is, JPEG, PNG, WebP or GIF, whatever the content type. At most %d bytes.", s.cfg.MaxImageBytes),
		Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	read := []int{http.StatusNotFound, http.StatusServiceUnavailable}
	write := []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestTimeout, http.StatusPreconditionFailed,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusServiceUnavailable, http.StatusInsufficientStorage}
	erase := []int{http.StatusNotFound, http.StatusServiceUnavailable}

	const product = "/v1/{tenant}/products/{id}"
	put := s.needs(Catalogue, huma.Operation{OperationID: "putProduct", Method: http.MethodPut, Path: product, Summary: "Store a listing", Tags: []string{"catalogue"},
		Description: "Answers when the listing is durable; the vector follows within seconds.", Errors: write, Responses: map[string]*huma.Response{}})
	huma.Register(api, put, s.putProduct)
	image := s.needs(Catalogue, huma.Operation{OperationID: "putImage", Method: http.MethodPut, Path: product + "/images/{name}", Summary: "Store a photo", Tags: []string{"catalogue"},
		Description: "Answers when the photo is durable; it is decoded later.", Errors: write, Responses: map[string]*huma.Response{}})
	huma.Register(api, image, s.putImage)
	// The bodies are described only now: huma would read them itself otherwise.
	paths := api.OpenAPI().Paths
	paths[put.Path].Put.RequestBody, paths[image.Path].Put.RequestBody = listing, photo
	for _, op := range []huma.Operation{put, image} {
		created := *op.Responses["200"]
		created.Description = "Created"
		op.Responses["201"] = &created
	}
	huma.Register(api, s.needs(Catalogue, huma.Operation{OperationID: "deleteProduct", Method: http.MethodDelete, Path: product, Summary: "Delete the listing and all photos of a product",
		Tags: []string{"catalogue"}, Description: "Its vector and its place among the neighbours go within seconds.", Errors: erase}), s.deleteProduct)
	huma.Register(api, s.needs(Catalogue, huma.Operation{OperationID: "deleteImage", Method: http.MethodDelete, Path: product + "/images/{name}", Summary: "Delete a photo",
		Tags: []string{"catalogue"}, Errors: erase}), s.deleteImage)
	s.collectRoutes(api, write)
	get := s.needs(Read, huma.Operation{OperationID: "getProduct", Method: http.MethodGet, Path: product, Summary: "Read a product's vectors", Tags: []string{"read"},
		Description: "404 with type " + client.TypeWaiting + " while the product waits to be encoded, with type " + client.TypeDead + " when its media were given up.",
		Errors:      read, Responses: map[string]*huma.Response{"304": {Description: "Not modified"}}})
	huma.Register(api, get, s.getProduct)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "similarProducts", Method: http.MethodGet, Path: product + "/similar", Summary: "Find the nearest products",
		Tags: []string{"read"}, Description: "Exact search by the cosine of the content vectors, the nearest first, ties to the lower id.", Errors: read}), s.similar)
	s.streamRoutes(api, read)
	s.userRoutes(api, read)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "status", Method: http.MethodGet, Path: "/v1/{tenant}/status", Summary: "Where the tenant stands",
		Tags: []string{"operate"}, Errors: read}), s.status)

	s.consoleRoutes(api, read)
	s.fleetRoutes(mux, api, read)
	describe(api.OpenAPI())
	spec, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("serve: describing the API: %w", err)
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		w.Header().Set("Content-Length", strconv.Itoa(len(spec)))
		_, _ = w.Write(spec)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{DisableCompression: true}))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	pages, err := console.New(console.Config{Tenants: s.shown(), Version: s.cfg.Version})
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	mux.Handle("GET "+console.Root, pages)
	mux.Handle("GET /{$}", http.RedirectHandler(console.Root, http.StatusSeeOther))
	mux.HandleFunc("/", unmatched(mux))
	return mux, nil
}

// shown are the tenants that anybody may know of.
func (s *Server) shown() (names []string) {
	if s.guarded {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(*s.tenants.Load())) {
		names = append(names, string(name))
	}
	return names
}

// collectRoutes are the three that take rows in.
func (s *Server) collectRoutes(api huma.API, errs []int) {
	errs = append([]int{http.StatusTooManyRequests}, errs...)
	row := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	body := &huma.RequestBody{Required: true, Description: "One object, an array of them, or one on each line; gzip too. At most 8 MiB as JSON and 128 MiB as lines, unpacked; a row at most 1 MiB.",
		Content: map[string]*huma.MediaType{
			"application/json":     {Schema: &huma.Schema{AnyOf: []*huma.Schema{row, {Type: huma.TypeArray, Items: &huma.Schema{Description: "A row; one that is no object is dead"}}, {Description: "Anything else is one row, which is dead"}}}},
			"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}},
		}}
	for _, kind := range []behaviour.Kind{behaviour.Events, behaviour.Reviews, behaviour.Users} {
		op := s.needs(Events, huma.Operation{OperationID: "collect-" + string(kind), Method: http.MethodPost, Path: "/v1/{tenant}/" + string(kind), Tags: []string{"shoppers"}, DefaultStatus: http.StatusAccepted,
			Summary: "Take " + string(kind) + " in", Description: "Answers when every row that was accepted is durable, and says what became of each. Sending a row again is safe: it counts as duplicate.", Errors: errs})
		huma.Register(api, op, s.collect(kind))
		api.OpenAPI().Paths[op.Path].Post.RequestBody = body
	}
}

// describe adds what the types do not say. The ids are checked by tasks, whose
// messages say more than "does not match".
func describe(spec *huma.OpenAPI) {
	all := spec.Components.Schemas.Map()
	all["Listing"].AdditionalProperties = true
	for schema, name := range map[string]string{"Shopper": "vector", "Profile": "price"} { // of answers alone: huma would not check it so
		all[schema].Properties[name] = &huma.Schema{AnyOf: []*huma.Schema{all[schema].Properties[name], {Type: "null"}}}
	}
	for _, body := range []string{"Listing", "BatchQueryBody", "Context", "LetterChoice"} { // null is as good as nothing
		for name, field := range all[body].Properties {
			if slices.Contains(all[body].Required, name) {
				continue
			}
			if field.Ref != "" {
				spec.Components.Schemas.SchemaFromRef(field.Ref).Nullable = true
				continue
			}
			if field.Items != nil {
				field.Items.Nullable = true
			}
			field.Nullable = true
			if len(field.Enum) > 0 {
				field.Enum = append(field.Enum, nil)
			}
		}
	}
	const idPattern = "^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$"
	patterns := map[string]string{"tenant": "^[a-z0-9][a-z0-9-]{0,39}$", "id": idPattern, "product": idPattern}
	for _, item := range spec.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				if p.In == "path" {
					p.Schema.Pattern = patterns[p.Name]
				}
			}
		}
	}
}
