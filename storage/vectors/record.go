package vectors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Record is one product's or user's vector with what belongs to it.
type Record struct {
	// ID of the product or user.
	ID string
	// Vector has unit length, any number of dimensions: the ranking space, where
	// user · product is the score.
	Vector []float32
	// Content has unit length; products only. Empty in a Record to be written means
	// the same as Vector.
	Content []float32
	// Modalities that the vector was made of.
	Modalities []string
	// SourceVersion, Unix ms, is when the reading of the parts began, by Store.Now.
	SourceVersion int64
	// Sources is the digest of the parts, never empty.
	Sources string
	// UpdatedAt, Unix ms.
	UpdatedAt int64
	// Title and Category of a product; may be empty.
	Title, Category string
	// Price of a product; nil if unknown.
	Price *float64
	// Image is the key of a product's main photo below the tenant; empty without one.
	Image string
	// Attributes of a product: a JSON object of plain facts, as tasks.Listing.Facts
	// gives it; may be empty.
	Attributes string
}

// The fields of a hash.
const (
	fieldVector        = "vector"
	fieldContent       = "content"
	fieldModalities    = "modalities"
	fieldSourceVersion = "source_version"
	fieldSources       = "sources"
	fieldUpdatedAt     = "updated_at"
	fieldTitle         = "title"
	fieldCategory      = "category"
	fieldPrice         = "price"
	fieldImage         = "image"
	fieldAttributes    = "attributes"
	fieldDeleted       = "deleted"
)

// unitTolerance is how far from 1 the length of a unit vector may be.
const unitTolerance = 1e-3

// maxVersion keeps versions exact in Lua, whose numbers are doubles.
const maxVersion = 1<<53 - 1

// Validate reports, wrapping ErrInvalid, why r cannot be stored as kind.
func (r *Record) Validate(kind Kind) error {
	if err := validateID(r.ID); err != nil {
		return err
	}
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w %s %s: "+format, append([]any{ErrInvalid, kind, r.ID}, args...)...)
	}
	if err := checkUnit(r.Vector); err != nil {
		return invalid("vector: %v", err)
	}
	if kind == User && (len(r.Content) > 0 || r.Title != "" || r.Category != "" || r.Price != nil || r.Image != "" || r.Attributes != "") {
		return invalid("content, title, category, price, image and attributes are for products")
	}
	if len(r.Content) > 0 {
		if err := checkUnit(r.Content); err != nil {
			return invalid("content: %v", err)
		}
	}
	for _, m := range r.Modalities {
		if m == "" || strings.Contains(m, ",") {
			return invalid("modality %q: want a name without commas", m)
		}
	}
	if err := checkVersion(r.SourceVersion); err != nil {
		return invalid("%v", err)
	}
	if r.Sources == "" {
		return invalid("sources is empty")
	}
	if r.UpdatedAt < 1 {
		return invalid("updated_at is %d; want Unix ms", r.UpdatedAt)
	}
	if r.Price != nil && (math.IsNaN(*r.Price) || math.IsInf(*r.Price, 0)) {
		return invalid("price is %v", *r.Price)
	}
	if r.Attributes != "" && (r.Attributes[0] != '{' || !json.Valid([]byte(r.Attributes))) {
		return invalid("attributes is %.40q; want a JSON object", r.Attributes)
	}
	return nil
}

func checkVersion(v int64) error {
	if v < 1 || v > maxVersion {
		return fmt.Errorf("source_version is %d; want Unix ms", v)
	}
	return nil
}

func checkUnit(v []float32) error {
	if len(v) == 0 {
		return fmt.Errorf("it is empty")
	}
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if length := math.Sqrt(sum); !(math.Abs(length-1) <= unitTolerance) { // NaN too
		return fmt.Errorf("its length is %v; want 1", length)
	}
	return nil
}

// fields returns the hash of r: names and values by turns.
func (r *Record) fields(kind Kind) []any {
	vector := encodeVector(r.Vector)
	list := make([]any, 0, 22)
	list = append(list, fieldVector, vector)
	if kind == Product {
		content := vector
		if len(r.Content) > 0 && (len(r.Content) != len(r.Vector) || &r.Content[0] != &r.Vector[0]) {
			content = encodeVector(r.Content)
		}
		list = append(list, fieldContent, content)
	}
	list = append(list, fieldModalities, strings.Join(r.Modalities, ","), fieldSourceVersion, r.SourceVersion, fieldSources, r.Sources, fieldUpdatedAt, r.UpdatedAt)
	if r.Title != "" {
		list = append(list, fieldTitle, r.Title)
	}
	if r.Category != "" {
		list = append(list, fieldCategory, r.Category)
	}
	if r.Price != nil {
		list = append(list, fieldPrice, strconv.FormatFloat(*r.Price, 'f', -1, 64))
	}
	if r.Image != "" {
		list = append(list, fieldImage, r.Image)
	}
	if r.Attributes != "" {
		list = append(list, fieldAttributes, r.Attributes)
	}
	return list
}

// decode makes a Record of a hash; ErrNotFound for an absent one and a tombstone.
func decode(kind Kind, id string, hash map[string]string) (Record, error) {
	if _, deleted := hash[fieldDeleted]; deleted || len(hash) == 0 {
		return Record{}, fmt.Errorf("%w: %s %s", ErrNotFound, kind, id)
	}
	r := Record{ID: id, Sources: hash[fieldSources], Title: hash[fieldTitle], Category: hash[fieldCategory], Image: hash[fieldImage], Attributes: hash[fieldAttributes]}
	corrupt := func(field string, err error) (Record, error) {
		return Record{}, fmt.Errorf("%w: %s %s: %s: %v", ErrCorrupt, kind, id, field, err)
	}
	var err error
	if r.Vector, err = decodeVector(hash[fieldVector]); err != nil {
		return corrupt(fieldVector, err)
	}
	if content, ok := hash[fieldContent]; ok {
		if r.Content, err = decodeVector(content); err != nil {
			return corrupt(fieldContent, err)
		}
	}
	if list := hash[fieldModalities]; list != "" {
		r.Modalities = strings.Split(list, ",")
	}
	if r.SourceVersion, err = strconv.ParseInt(hash[fieldSourceVersion], 10, 64); err != nil {
		return corrupt(fieldSourceVersion, err)
	}
	if r.UpdatedAt, err = strconv.ParseInt(hash[fieldUpdatedAt], 10, 64); err != nil {
		return corrupt(fieldUpdatedAt, err)
	}
	if text, ok := hash[fieldPrice]; ok {
		price, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return corrupt(fieldPrice, err)
		}
		r.Price = &price
	}
	if err := r.Validate(kind); err != nil {
		return Record{}, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return r, nil
}

func encodeVector(v []float32) []byte {
	b := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
	}
	return b
}

func decodeVector(s string) ([]float32, error) {
	if len(s) == 0 || len(s)%4 != 0 {
		return nil, fmt.Errorf("%d bytes, want a positive multiple of 4", len(s))
	}
	v := make([]float32, len(s)/4)
	for i := range v {
		p := s[4*i : 4*i+4]
		v[i] = math.Float32frombits(uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24)
	}
	return v, nil
}
