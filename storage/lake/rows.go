package lake

import "strings"

// Row is the head that the rows of every table carry; a row type embeds it as its
// first field.
type Row struct {
	// Key identifies the row in its table: 1 to MaxKey bytes.
	Key string `parquet:"key,snappy"`
	// Version, Unix ms, orders the rows of one key: the highest is what the table
	// holds. It is at least 1.
	Version int64 `parquet:"version,snappy"`
	// Written, Unix µs, is when the row was appended, set by Append. Among rows of
	// one key and version the one written last counts. One Lake never hands out the
	// same value twice in one table.
	Written int64 `parquet:"written,timestamp(microsecond),snappy"`
	// Deleted marks a tombstone: the key holds nothing since Version.
	Deleted bool `parquet:"deleted"`
}

// MaxKey is the longest key in bytes.
const MaxKey = 1024

// supersedes reports whether r counts and other does not, both having one key. A
// tie is broken by the time of writing, then in favour of the tombstone; rows equal
// in all of that are the same row.
func (r *Row) supersedes(other *Row) bool {
	if r.Version != other.Version {
		return r.Version > other.Version
	}
	if r.Written != other.Written {
		return r.Written > other.Written
	}
	return r.Deleted && !other.Deleted
}

// Feature is one encoder's output for one content.
type Feature struct {
	Row                     // Key: FeatureKey
	ContentSHA256 string    `parquet:"content_sha256,snappy"` // 64 hex digits
	Recipe        string    `parquet:"recipe,dict,snappy"`    // how the vector was made
	Modality      string    `parquet:"modality,dict,snappy"`  // image, text, …
	Vector        []float32 `parquet:"vector,list"`
}

// FeatureKey is the key of the feature of a content under a recipe.
func FeatureKey(contentSHA256, recipe string) string { return contentSHA256 + ":" + recipe }

// Object says what was last read under an object key of the bucket.
type Object struct {
	Row                  // Key: the object's key below the tenant
	ETag          string `parquet:"etag,snappy"`
	ContentSHA256 string `parquet:"content_sha256,snappy"`
	Product       string `parquet:"product,snappy"`
	Modality      string `parquet:"modality,dict,snappy"`
	Recipe        string `parquet:"recipe,dict,snappy"`
	Size          int64  `parquet:"size,snappy"`                           // bytes
	ReadAt        int64  `parquet:"read_at,timestamp(millisecond),snappy"` // Unix ms
}

// Product is the fused vector of one product in one generation.
type Product struct {
	Row                  // Key: ProductKey
	ID         string    `parquet:"id,snappy"`
	Generation string    `parquet:"generation,dict,snappy"`
	Modalities []string  `parquet:"modalities,list,dict,snappy"`
	Sources    string    `parquet:"sources,snappy"` // digest of what the vector was made of
	Title      string    `parquet:"title,snappy"`
	Category   string    `parquet:"category,snappy"`
	Price      *float64  `parquet:"price,optional,snappy"`                    // nil: none given
	Image      string    `parquet:"image,snappy"`                             // key of the main photo below the tenant; empty: none
	Attributes string    `parquet:"attributes,snappy"`                        // plain facts as a JSON object; empty: none
	UpdatedAt  int64     `parquet:"updated_at,timestamp(millisecond),snappy"` // Unix ms
	Vector     []float32 `parquet:"vector,list"`                              // ranking space
	Content    []float32 `parquet:"content,list"`                             // empty: the same as Vector
	Source     []float32 `parquet:"source,list"`                              // what histories are summed from; empty: the fusion has it, or sums Vector
}

// ProductKey is the key of a product in a generation. It ends in a slash, as the
// product's folder in the bucket does, so that the rows of a generation sort like the
// listing of the media: "a-b/" before "a/".
func ProductKey(generation, id string) string { return generation + "/" + id + "/" }

// GenerationPrefix is what the keys of all products and of all user vectors of a generation begin with.
func GenerationPrefix(generation string) string { return generation + "/" }

// UserVector is the vector of one shopper in one generation. A tombstone keeps its
// Sources: of these parts no vector could be made, or none may be.
type UserVector struct {
	Row                  // Key: UserKey
	User       string    `parquet:"user,snappy"`
	Generation string    `parquet:"generation,dict,snappy"`
	Modalities []string  `parquet:"modalities,list,dict,snappy"`
	Sources    string    `parquet:"sources,snappy"`                           // digest of what the vector was made of
	UpdatedAt  int64     `parquet:"updated_at,timestamp(millisecond),snappy"` // Unix ms
	Vector     []float32 `parquet:"vector,list"`                              // in the products' ranking space
}

// UserKey is the key of a shopper's vector in a generation. It ends in a slash, so
// that the rows of a generation sort like the users' events.
func UserKey(generation, id string) string { return generation + "/" + id + "/" }

// Dead is an input that was set aside, with the reason.
type Dead struct {
	Row                  // Key: object key or row id
	ETag          string `parquet:"etag,snappy"`
	ContentSHA256 string `parquet:"content_sha256,snappy"`
	Reason        string `parquet:"reason,dict,snappy"` // from the closed list in package tasks
	Stage         string `parquet:"stage,dict,snappy"`  // fetch, decode, encode, …
	Message       string `parquet:"message,snappy"`
	Attempts      int64  `parquet:"attempts,snappy"`
	Worker        string `parquet:"worker,dict,snappy"`
	Time          int64  `parquet:"time,timestamp(millisecond),snappy"` // Unix ms
	Stack         string `parquet:"stack,snappy"`
	Product       string `parquet:"product,snappy"`
	Dropped       int64  `parquet:"dropped,timestamp(millisecond),snappy"` // Unix ms; 0: nobody has acknowledged it
	Input         string `parquet:"input,snappy"`                          // of a row: its text, cut
}

// Receipt says what became of one file or request that was taken in once.
type Receipt struct {
	Row                  // Key: what was taken in, such as an inbox key with its ETag
	Kind          string `parquet:"kind,dict,snappy"` // products, reviews, events, users, photos, …
	Source        string `parquet:"source,snappy"`    // object key or file name
	ETag          string `parquet:"etag,snappy"`
	ContentSHA256 string `parquet:"content_sha256,snappy"`
	Rows          int64  `parquet:"rows,snappy"` // = accepted + dead + duplicate + declined + waiting
	Accepted      int64  `parquet:"accepted,snappy"`
	Dead          int64  `parquet:"dead,snappy"`
	Duplicate     int64  `parquet:"duplicate,snappy"`
	Declined      int64  `parquet:"declined,snappy"`
	Waiting       int64  `parquet:"waiting,snappy"`
	Time          int64  `parquet:"time,timestamp(millisecond),snappy"` // Unix ms
	Worker        string `parquet:"worker,dict,snappy"`
}

// validText replaces bytes that are not UTF-8, which readers of Parquet refuse in a
// string column.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
