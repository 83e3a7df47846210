package tasks

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tenant separates shops that share a fleet: the first segment of every object
// key and of every Redis key.
type Tenant string

// ProductID names a product within its tenant.
type ProductID string

// UserID names a shopper within its tenant.
type UserID string

// Generation names one image recipe, one text recipe and one fusion model that
// belong together: "g" and the first 12 hex digits of the SHA-256 of their
// canonical JSON. Vectors of two generations are never compared.
type Generation string

// DefaultTenant is used where nobody named one.
const DefaultTenant Tenant = "default"

// ErrBadID reports an identifier outside the documented alphabet.
var ErrBadID = errors.New("bad id")

var (
	tenantPattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	idPattern         = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$`)
	generationPattern = regexp.MustCompile(`^g[0-9a-f]{12}$`)
)

// ParseTenant accepts [a-z0-9][a-z0-9-]{0,39}.
func ParseTenant(s string) (Tenant, error) {
	if !tenantPattern.MatchString(s) {
		return "", fmt.Errorf("%w: tenant %.60q: want 1 to 40 of a-z, 0-9 and '-', not starting with '-'", ErrBadID, s)
	}
	return Tenant(s), nil
}

// ParseProductID accepts [A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}.
func ParseProductID(s string) (ProductID, error) {
	if err := checkID("product", s); err != nil {
		return "", err
	}
	return ProductID(s), nil
}

// ParseUserID accepts [A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}.
func ParseUserID(s string) (UserID, error) {
	if err := checkID("user", s); err != nil {
		return "", err
	}
	return UserID(s), nil
}

// ParseGeneration accepts "g" and 12 lower-case hex digits.
func ParseGeneration(s string) (Generation, error) {
	if !generationPattern.MatchString(s) {
		return "", fmt.Errorf("%w: generation %.40q: want 'g' and 12 hex digits", ErrBadID, s)
	}
	return Generation(s), nil
}

// CheckID accepts the ids of rows and the names of their types, which have the
// alphabet of products and users. kind is what the error calls it.
func CheckID(kind, s string) error { return checkID(kind, s) }

func checkID(kind, s string) error {
	if !idPattern.MatchString(s) {
		return fmt.Errorf("%w: %s %.160q: want 1 to 128 of A-Z, a-z, 0-9, '_', '.', ':' and '-', starting with a letter, a digit or '_'", ErrBadID, kind, s)
	}
	return nil
}

// MaxNameBytes bounds the last segment of a media key, so that a payload stays
// under MaxPayload and a directory bucket can hold the file.
const MaxNameBytes = 255

// CheckName accepts a file name below a product's folder: valid UTF-8, no
// slash, no control character, not hidden, at most MaxNameBytes.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > MaxNameBytes:
		return fmt.Errorf("%w: file name of %d bytes: want 1 to %d", ErrBadID, len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: file name %q is not valid UTF-8", ErrBadID, name)
	case strings.HasPrefix(name, "."):
		return fmt.Errorf("%w: file name %q starts with a dot", ErrBadID, name)
	case strings.ContainsRune(name, '/') || strings.ContainsRune(name, '\\') || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: file name %q holds a slash, a backslash or a control character", ErrBadID, name)
	}
	return nil
}
