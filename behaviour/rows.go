package behaviour

import (
	"weft/storage/lake"
	"weft/tasks"
)

// Kind is what sort of rows a file or a request holds.
type Kind string

// The kinds of rows, by the names that HTTP, the inbox and `weft import --kind` use.
const (
	Events   Kind = "events"
	Reviews  Kind = "reviews"
	Users    Kind = "users"
	Products Kind = "products" // listings: they go to the media, not to a table
)

// Kinds lists those that have a table.
func Kinds() []Kind { return []Kind{Events, Reviews, Users} }

// The event types that weft knows how to weigh. Any other name of the same
// alphabet as ids is kept as a type of the shop's own.
const (
	View     = "view"
	Click    = "click"
	Cart     = "cart"
	Purchase = "purchase"
	Return   = "return"
	Wishlist = "wishlist"
	Dislike  = "dislike"
	Share    = "share"
	Search   = "search"
	Follow   = "follow"
)

// Event is one thing that a shopper did.
type Event struct {
	lake.Row            // Key: RowKey(User, ID); Version: Unix ms when it was taken in
	ID         string   `parquet:"id,snappy"`
	User       string   `parquet:"user,snappy"`
	Product    string   `parquet:"product,snappy"` // empty: none, as of a search or a follow
	Type       string   `parquet:"type,dict,snappy"`
	Time       int64    `parquet:"time,timestamp(millisecond),snappy"` // Unix ms
	Value      *float64 `parquet:"value,optional,snappy"`              // of a purchase or return: price times quantity, not negative; otherwise the shop's own
	Query      string   `parquet:"query,snappy"`                       // of a search
	TargetUser string   `parquet:"target_user,snappy"`                 // of a follow
	Context    string   `parquet:"context,snappy"`                     // a JSON object, or empty
	Attributes string   `parquet:"attributes,snappy"`                  // fields that weft does not know, as a JSON object, or empty
	Digest     string   `parquet:"digest,snappy"`                      // of the content, to tell a repeat from another row of the same id
	Imputed    []string `parquet:"imputed,list,dict,snappy"`           // fields that were missing and filled by a rule
	Source     string   `parquet:"source,dict,snappy"`                 // "http", or the file it came from
}

// Review is what a shopper wrote of a product.
type Review struct {
	lake.Row            // Key: RowKey(User, ID)
	ID         string   `parquet:"id,snappy"`
	User       string   `parquet:"user,snappy"`
	Product    string   `parquet:"product,snappy"`
	Rating     *float64 `parquet:"rating,optional,snappy"` // 1 to 5
	Title      string   `parquet:"title,snappy"`
	Text       string   `parquet:"text,snappy"`
	Time       int64    `parquet:"time,timestamp(millisecond),snappy"` // Unix ms
	Helpful    int64    `parquet:"helpful,snappy"`                     // votes
	Attributes string   `parquet:"attributes,snappy"`                  // JSON object, or empty
	Digest     string   `parquet:"digest,snappy"`
	Imputed    []string `parquet:"imputed,list,dict,snappy"`
	Source     string   `parquet:"source,dict,snappy"`
}

// ProductReview is a review as its product sees it: where the row lies, and
// what its weight in the product's vector depends on.
type ProductReview struct {
	lake.Row          // Key: product + "/" + RowKey of the review
	Product  string   `parquet:"product,snappy"`
	User     string   `parquet:"user,snappy"`
	Review   string   `parquet:"review,snappy"` // its ID
	Rating   *float64 `parquet:"rating,optional,snappy"`
	Time     int64    `parquet:"time,timestamp(millisecond),snappy"`
	Helpful  int64    `parquet:"helpful,snappy"`
	Digest   string   `parquet:"digest,snappy"`
	Text     string   `parquet:"text,snappy"` // title and text as the text encoder reads them
}

// User is what is known of a shopper apart from behaviour.
type User struct {
	lake.Row            // Key: ID; Version: Time
	ID         string   `parquet:"id,snappy"`
	Attributes string   `parquet:"attributes,snappy"`                  // JSON object: age, gender, city, interests[], …
	Profiling  string   `parquet:"profiling,dict,snappy"`              // consent: "yes", "no", or empty: the tenant's default
	Time       int64    `parquet:"time,timestamp(millisecond),snappy"` // of the statement, Unix ms
	Digest     string   `parquet:"digest,snappy"`
	Imputed    []string `parquet:"imputed,list,dict,snappy"`
	Source     string   `parquet:"source,dict,snappy"`
}

// RowKey is the key of an event or a review. Neither part can hold a slash.
func RowKey(user tasks.UserID, id string) string { return string(user) + "/" + id }

// UserPrefix is what the keys of all events and reviews of a user begin with.
func UserPrefix(user tasks.UserID) string { return string(user) + "/" }

// ProductPrefix is what the keys of all ProductReviews of a product begin with.
func ProductPrefix(product tasks.ProductID) string { return string(product) + "/" }
