package clean

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"time"

	"weft/behaviour"
)

// Product is what the catalogue says of a product.
type Product struct {
	ID        string
	Title     string
	Category  string
	Brand     string
	Currency  string
	Price     *float64
	UpdatedAt time.Time // when that was said; zero: not told
}

// Fit computes Statistics from rows given one by one. Its memory does not grow with
// the rows. The zero Fit is not ready: see NewFit.
type Fit struct {
	until      int64 // Unix ms; 0: no end
	newest     int64
	tables     map[string]*digest
	values     map[string]*Distribution
	attributes map[string]*attributeFit
	users      int64
	price      Distribution
	category   names
	brand      names
}

type attributeFit struct {
	numbers     Distribution
	names       names
	items       names
	seen, lists int64 // users who have it at all; those with a list
	numeric     int64 // with a number
}

// NewFit begins.
func NewFit() *Fit {
	f := &Fit{tables: map[string]*digest{}, values: map[string]*Distribution{}, attributes: map[string]*attributeFit{}}
	for _, t := range []string{"events", "users", "products"} {
		f.tables[t] = &digest{hash: sha256.New()}
	}
	return f
}

// Until lets rows that come from now on take no part if their time is until or later:
// statistics for training know nothing of what is measured on. Products without a
// time do take part.
func (f *Fit) Until(until time.Time) { f.until = until.UnixMilli() }

// digest counts rows and hashes them.
type digest struct {
	rows int64
	hash hash.Hash
}

func (d *digest) add(fields ...string) {
	d.rows++
	for _, f := range fields {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(f)))
		d.hash.Write(n[:]) // so that "ab","c" is not "a","bc"
		d.hash.Write([]byte(f))
	}
}

// endOfTime is the last millisecond that JSON can hold, of the year 9999.
const endOfTime = 253_402_300_799_999

// takes tells whether a row of this time (Unix ms) takes part, and notes it.
func (f *Fit) takes(ms int64) bool {
	if f.until != 0 && ms >= f.until {
		return false
	}
	f.newest = max(f.newest, min(ms, endOfTime))
	return true
}

// Event takes in an event that UserEvents or Shoppers has passed.
func (f *Fit) Event(e *behaviour.Event) {
	if !f.takes(e.Time) {
		return
	}
	f.tables["events"].add(e.Key, e.Digest)
	d := f.values[e.Type]
	if d == nil {
		d = &Distribution{}
		f.values[e.Type] = d
	}
	if e.Value == nil {
		d.Miss()
	} else {
		d.Add(*e.Value)
	}
}

// User takes in a user who consents to profiling; who does not is left out of
// statistics too. An error names attributes that cannot be read.
func (f *Fit) User(u *behaviour.User) error {
	if u.Profiling == "no" || Dated(u) && !f.takes(u.Time) {
		return nil
	}
	given, err := attributesOf(u)
	if err != nil {
		return err
	}
	f.tables["users"].add(u.Key, u.Digest)
	f.users++
	for name, a := range given {
		if a.missing() {
			continue
		}
		fit := f.attributes[name]
		if fit == nil {
			if len(f.attributes) == mostAttributes {
				continue
			}
			fit = &attributeFit{}
			f.attributes[name] = fit
		}
		fit.add(a)
	}
	return nil
}

// Dated tells a user's row that says itself when it was stated. Another one has the
// time at which it was taken in, which says nothing of when it became true.
func Dated(u *behaviour.User) bool { return !slices.Contains(u.Imputed, behaviour.FieldTime) }

// mostAttributes bounds memory where attributes are made up of data.
const mostAttributes = 200

func (a *attributeFit) add(v attribute) {
	a.seen++
	switch {
	case v.isList:
		a.lists++
		for _, item := range v.list {
			a.items.add(item)
		}
		return
	case v.number != nil:
		a.numeric++
		a.numbers.Add(*v.number)
	}
	a.names.add(v.name)
}

// kind is what at least nine in ten values are: numbers or lists; otherwise names.
func (a *attributeFit) kind() Kind {
	switch {
	case a.numeric*10 >= a.seen*9:
		return KindNumber
	case a.lists*10 >= a.seen*9:
		return KindList
	}
	return KindCategory
}

// Product takes in a product.
func (f *Fit) Product(p *Product) {
	if !p.UpdatedAt.IsZero() && !f.takes(p.UpdatedAt.UnixMilli()) {
		return
	}
	price := ""
	if p.Price == nil {
		f.price.Miss()
	} else {
		price = strconv.FormatFloat(*p.Price, 'g', -1, 64)
		f.price.Add(*p.Price)
	}
	f.tables["products"].add(p.ID, p.Title, p.Category, p.Brand, price, p.Currency, p.UpdatedAt.UTC().Format(time.RFC3339Nano))
	f.category.add(p.Category)
	f.brand.add(p.Brand)
}

// Statistics are those of the rows so far.
func (f *Fit) Statistics() *Statistics {
	s := &Statistics{Version: Version, Rows: map[string]From{}, EventValues: map[string]Numeric{}, Attributes: map[string]Attribute{},
		Price: f.price.Numeric(), Category: f.category.categorical(), Brand: f.brand.categorical()}
	if f.newest > 0 {
		s.AsOf = time.UnixMilli(f.newest).UTC()
	}
	if f.until > 0 {
		s.Until = time.UnixMilli(f.until).UTC()
	}
	for name, d := range f.tables {
		s.Rows[name] = From{d.rows, hex.EncodeToString(d.hash.Sum(nil))}
	}
	for kind, d := range f.values {
		s.EventValues[kind] = d.Numeric()
	}
	for name, a := range f.attributes {
		s.Attributes[name] = a.summary(f.users)
	}
	return s
}

func (a *attributeFit) summary(users int64) Attribute {
	out := Attribute{Kind: a.kind()}
	switch out.Kind {
	case KindNumber:
		n := a.numbers.Numeric()
		n.Missing = users - n.Count
		out.Numeric, out.Mistyped = &n, a.seen-a.numeric
	case KindList:
		c := a.items.categorical()
		c.Missing = users - a.lists
		out.Categorical, out.Mistyped = &c, a.seen-a.lists
	default:
		c := a.names.categorical()
		c.Missing = users - c.Count
		out.Categorical, out.Mistyped = &c, a.lists
	}
	return out
}
