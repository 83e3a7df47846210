package serve

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// consoleRoutes are those that the console asks and a recommender need not.
func (s *Server) consoleRoutes(api huma.API, read []int) {
	const tenant = "/v1/{tenant}"
	lake := append([]int{http.StatusNotImplemented}, read...)
	change := append([]int{http.StatusConflict, http.StatusInsufficientStorage}, lake...)
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
}
