package serve

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weft/client"
)

// consoleRoutes are those that the console asks and a recommender need not.
func (s *Server) consoleRoutes(api huma.API, read []int) {
	const tenant = "/v1/{tenant}"
	lake := append([]int{http.StatusNotImplemented}, read...)
	change := append([]int{http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage}, lake...)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "overview", Method: http.MethodGet, Path: tenant + "/overview", Summary: "Where the tenant stands at this moment",
		Tags: []string{"operate"}, Description: "Cheap enough to be asked each second.", Errors: read}), s.overview)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "listProducts", Method: http.MethodGet, Path: tenant + "/products", Summary: "Page through the products that have a vector",
		Tags: []string{"catalogue"}, Description: "The last updated first.", Errors: read}), s.browse)
	const product = tenant + "/products/{id}"
	state := append([]int{http.StatusConflict}, lake...)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "productMedia", Method: http.MethodGet, Path: product + "/media", Summary: "Tell what became of a product's listing and photos",
		Tags: []string{"catalogue"}, Description: "From a moment after they were stored until they are in the vector, or were given up for a reason.", Errors: lake}), s.media)
	listing := s.needs(Read, huma.Operation{OperationID: "getListing", Method: http.MethodGet, Path: product + "/listing", Summary: "Read a listing as it was stored",
		Tags: []string{"catalogue"}, Description: "409 for one that cannot be read. The entity tag is for If-Match of a write.", Errors: state, Responses: map[string]*huma.Response{}})
	huma.Register(api, listing, s.listing)
	listing.Responses["200"].Content = map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Listing"}}}
	drawn := map[string]*huma.MediaType{"image/jpeg": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	stored := map[string]*huma.MediaType{"application/octet-stream": drawn["image/jpeg"], "image/*": drawn["image/jpeg"]}
	photo := s.needs(Read, huma.Operation{OperationID: "getImage", Method: http.MethodGet, Path: product + "/images/{name}", Summary: "Read a photo as it was stored",
		Tags: []string{"catalogue"}, Errors: state, Responses: map[string]*huma.Response{"304": {Description: "Not modified"}}})
	huma.Register(api, photo, s.photo)
	photo.Responses["200"].Content = stored
	small := s.needs(Read, huma.Operation{OperationID: "thumbnail", Method: http.MethodGet, Path: tenant + "/thumbnails", Summary: "Draw a photo small",
		Tags: []string{"catalogue"}, Description: "409 for a photo that no worker has read, or could.", Errors: state, Responses: map[string]*huma.Response{"304": {Description: "Not modified"}}})
	huma.Register(api, small, s.thumbnail)
	small.Responses["200"].Content = drawn
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "listDeadLetters", Method: http.MethodGet, Path: tenant + "/deadletters", Summary: "Page through what was given up",
		Tags: []string{"operate"}, Errors: lake}), s.letters)
	huma.Register(api, s.needs(Catalogue, huma.Operation{OperationID: "retryDeadLetters", Method: http.MethodPost, Path: tenant + "/deadletters/retry", Summary: "Try again what was given up",
		Tags: []string{"operate"}, Description: "409 for a key whose input is not in the bucket.", Errors: change}), s.retryLetters)
	huma.Register(api, s.needs(Catalogue, huma.Operation{OperationID: "dropDeadLetters", Method: http.MethodPost, Path: tenant + "/deadletters/drop", Summary: "Acknowledge for good what was given up",
		Tags: []string{"operate"}, Description: "It counts as declined from then on.", Errors: change}), s.dropLetters)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "userEvents", Method: http.MethodGet, Path: tenant + "/users/{id}/events", Summary: "Tell what a user did", Tags: []string{"shoppers"},
		Description: "The newest first. 404 with type " + client.TypeDeclined + " for a user who has not agreed to profiling: nothing is told.", Errors: read}), s.history)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "listGenerations", Method: http.MethodGet, Path: tenant + "/generations", Summary: "Tell which generation is live, and which are stored",
		Tags: []string{"operate"}, Errors: lake}), s.generations)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "listReports", Method: http.MethodGet, Path: tenant + "/reports", Summary: "List the reports that commands have published",
		Tags: []string{"operate"}, Errors: read}), s.reports)
	report := s.needs(Read, huma.Operation{OperationID: "getReport", Method: http.MethodGet, Path: tenant + "/reports/{name}", Summary: "Read a report", Tags: []string{"operate"}, Errors: read, Responses: map[string]*huma.Response{}})
	huma.Register(api, report, s.report)
	report.Responses["200"].Content = map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}}}
	s.searchRoutes(api, lake)
}

// searchRoutes are the two that encode what is searched for.
func (s *Server) searchRoutes(api huma.API, read []int) {
	const search = "/v1/{tenant}/search"
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "searchWords", Method: http.MethodGet, Path: search, Summary: "Find the products that words describe", Tags: []string{"read"},
		Description: "By the cosine of the content vectors, the nearest first. 501 where no encoder is loaded.", Errors: read}), s.searchWords)
	photo := s.needs(Read, huma.Operation{OperationID: "searchPhoto", Method: http.MethodPost, Path: search + "/photo", Summary: "Find the products that are like a photo", Tags: []string{"read"},
		Description: "The photo is compared and not stored. 501 where no encoder is loaded.",
		Errors:      append([]int{http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, read...)})
	huma.Register(api, photo, s.searchPhoto)
	api.OpenAPI().Paths[photo.Path].Post.RequestBody = &huma.RequestBody{Required: true, Description: "The file as it is, JPEG, PNG, WebP or GIF.",
		Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
}
