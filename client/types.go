package client

import "time"

// Listing is what is known of a product in words. Anything that has no field of
// its own goes into Attributes, whose values are strings, numbers, booleans or
// lists of them.
type Listing struct {
	Title       string         `json:"title,omitempty" doc:"What the product is called"`
	Description string         `json:"description,omitempty"`
	Category    string         `json:"category,omitempty"`
	Brand       string         `json:"brand,omitempty"`
	Price       *float64       `json:"price,omitempty" minimum:"0"`
	Currency    string         `json:"currency,omitempty"`
	Attributes  map[string]any `json:"attributes,omitempty" doc:"Further facts: strings, numbers, booleans or lists of them"`
	Images      []string       `json:"images,omitempty" doc:"Keys of the photos below the tenant, the main one first"`
	UpdatedAt   *time.Time     `json:"updated_at,omitempty"`
}

// Product is a product's vectors and how they came about.
type Product struct {
	ID            string    `json:"id"`
	Vector        []float32 `json:"vector,omitempty" doc:"The ranking space, unit length: the score of a user and a product is the dot product of their vectors"`
	Content       []float32 `json:"content,omitempty" doc:"What the product looks like and says, unit length"`
	Modalities    []string  `json:"modalities" nullable:"false" doc:"What the vectors were made of, such as image and text"`
	SourceVersion int64     `json:"source_version" doc:"Unix milliseconds at which the worker began to read the parts"`
	Sources       string    `json:"sources" doc:"Digest of the parts"`
	UpdatedAt     int64     `json:"updated_at" doc:"Unix milliseconds at which the vectors were published"`
	Title         string    `json:"title,omitempty"`
	Category      string    `json:"category,omitempty"`
	Price         *float64  `json:"price,omitempty"`
	Image         string    `json:"image,omitempty" doc:"Key of the main photo below the tenant"`
	// Attributes are plain facts by name: strings, numbers, booleans and lists of them.
	Attributes map[string]any `json:"attributes,omitempty" doc:"Plain facts that lists are filtered by, brand among them"`
	Generation string         `json:"generation" doc:"Vectors of two generations are never compared"`
}

// Neighbour is a product near another one.
type Neighbour struct {
	ID       string   `json:"id"`
	Score    float32  `json:"score" minimum:"-1" maximum:"1" doc:"Cosine of the two content vectors"`
	Title    string   `json:"title,omitempty"`
	Category string   `json:"category,omitempty"`
	Price    *float64 `json:"price,omitempty"`
	Image    string   `json:"image,omitempty" doc:"Key of the main photo below the tenant"`
}

// Stored confirms that a photo or a listing is durable.
type Stored struct {
	Key     string `json:"key" doc:"Object key below the tenant"`
	ETag    string `json:"etag" doc:"For If-Match, without quotes"`
	Bytes   int64  `json:"bytes"`
	Created bool   `json:"created" doc:"False when it replaced an earlier one"`
}

// Deleted says how many objects are gone. Nothing to delete is not an error.
type Deleted struct {
	Deleted int `json:"deleted"`
}

// Status is where a tenant stands.
type Status struct {
	Tenant     string           `json:"tenant"`
	Generation string           `json:"generation,omitempty" doc:"The live generation; absent while the vectors are being filled"`
	Fusion     string           `json:"fusion,omitempty" doc:"What makes the vectors: the fingerprint of a trained model, or untrained"`
	Queues     []Queue          `json:"queues" nullable:"false" doc:"What they hold of this tenant"`
	Waiting    int              `json:"waiting" doc:"Tasks of this tenant still to be done, over all queues"`
	Weight     float64          `json:"weight,omitempty" doc:"Of the tenant's share beside the others; absent while no scheduler tells"`
	Quota      int              `json:"quota,omitempty" doc:"Items that may wait in the queues; absent: no limit of its own"`
	Held       string           `json:"held,omitempty" doc:"Why nothing more is queued just now: share, quota or memory"`
	Fault      string           `json:"fault,omitempty" doc:"Why nothing is done for the tenant, or by defaults"`
	Objects    map[string]int64 `json:"objects,omitempty" doc:"Objects by the place they ended in"`
	Rows       map[string]int64 `json:"rows,omitempty" doc:"Rows by the place they ended in"`
	Products   Places           `json:"products"`
	Users      Places           `json:"users"`
	Search     Search           `json:"search"`
}

// Queue is what one task queue holds.
type Queue struct {
	Type      string `json:"type"`
	Lane      string `json:"lane"`
	Pending   int    `json:"pending"`
	Active    int    `json:"active"`
	Scheduled int    `json:"scheduled"`
	Retry     int    `json:"retry"`
	Archived  int    `json:"archived"`
}

// Places counts ids by where their inputs ended.
type Places struct {
	Expected int64 `json:"expected"`
	Vectors  int64 `json:"vectors"`
	Dead     int64 `json:"dead"`
	Declined int64 `json:"declined"`
	Waiting  int64 `json:"waiting"`
}

// Search is what the server holds in memory to answer Similar.
type Search struct {
	Products int   `json:"products"`
	Bytes    int64 `json:"bytes"`
	Ready    bool  `json:"ready"`
}
