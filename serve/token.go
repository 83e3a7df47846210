package serve

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"weft/tasks"
)

// Role is what a token may be used for.
type Role string

// The roles. A token may have several; Admin is every role, and what no other one allows.
const (
	Read      Role = "read"      // GET of products, users, lists, status and the stream of updates
	Catalogue Role = "catalogue" // PUT and DELETE of listings and photos; notifications of the bucket
	Events    Role = "events"    // POST of events, reviews and users
	Admin     Role = "admin"
)

// roles are all of them.
var roles = []Role{Read, Catalogue, Events, Admin}

// AllTenants in place of a tenant's name makes a token good for every tenant that is served.
const AllTenants tasks.Tenant = "*"

// Token admits whoever holds it to a tenant, as far as its roles go. The secret itself is not kept.
type Token struct {
	// Name of whom it was given to, for the log. May be empty.
	Name string
	// Tenant that it is good for, or AllTenants.
	Tenant tasks.Tenant
	// Roles, at least one.
	Roles []Role
	// SHA256 of the secret. A secret has 128 bits of chance or more (see NewSecret), so a
	// plain digest tells nothing of it.
	SHA256 [sha256.Size]byte
}

// Shortest and longest secret.
const (
	minSecretBytes = 16
	maxSecretBytes = 512
)

// NewSecret makes a secret of 160 random bits.
func NewSecret() string { return "weft-" + strings.ToLower(rand.Text()+rand.Text()[:6]) }

// NewToken is the token of a secret, which has 16 to 512 printable ASCII characters without spaces.
func NewToken(tenant tasks.Tenant, secret string, granted ...Role) (Token, error) {
	printable := !slices.ContainsFunc([]byte(secret), func(b byte) bool { return b <= ' ' || b > '~' })
	if len(secret) < minSecretBytes || len(secret) > maxSecretBytes || !printable {
		return Token{}, fmt.Errorf("%w: a token of %d characters: want %d to %d printable ASCII characters without spaces", ErrConfig, len(secret), minSecretBytes, maxSecretBytes)
	}
	t := Token{Tenant: tenant, Roles: granted, SHA256: sha256.Sum256([]byte(secret))}
	return t, t.Validate()
}

// Validate names the first field that cannot be used. It wraps ErrConfig.
func (t Token) Validate() error {
	if t.Tenant != AllTenants {
		if _, err := tasks.ParseTenant(string(t.Tenant)); err != nil {
			return fmt.Errorf("%w: tenant of token %.40q: %w; or %q for every tenant", ErrConfig, t.Name, err, AllTenants)
		}
	}
	if len(t.Roles) == 0 {
		return fmt.Errorf("%w: token %.40q has no role: want some of %v", ErrConfig, t.Name, roles)
	}
	for _, r := range t.Roles {
		if !slices.Contains(roles, r) {
			return fmt.Errorf("%w: role %.40q of token %.40q: want one of %v", ErrConfig, r, t.Name, roles)
		}
	}
	return nil
}

// grants tells whether the token has a role.
func (t Token) grants(r Role) bool {
	return slices.Contains(t.Roles, r) || slices.Contains(t.Roles, Admin)
}

// tokenLine is a Token as a file has it.
type tokenLine struct {
	Name   string       `json:"name,omitempty"`
	Tenant tasks.Tenant `json:"tenant"`
	Roles  []Role       `json:"roles"`
	SHA256 string       `json:"sha256"`
}

// MarshalJSON writes a token as a line of a file.
func (t Token) MarshalJSON() ([]byte, error) {
	return json.Marshal(tokenLine{t.Name, t.Tenant, t.Roles, hex.EncodeToString(t.SHA256[:])})
}

// ReadTokens reads a file of tokens: one JSON object on each line, with tenant, roles, the
// SHA-256 of the secret in hex, and perhaps a name. Empty lines and those that begin with # are
// passed over. An error names the line; it wraps ErrConfig.
func ReadTokens(r io.Reader) ([]Token, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxTokensBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxTokensBytes {
		return nil, fmt.Errorf("%w: the file of tokens has more than %d bytes", ErrConfig, maxTokensBytes)
	}
	var tokens []Token
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		t, err := parseToken(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		tokens = append(tokens, t)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%w: the file holds no token", ErrConfig)
	}
	return tokens, nil
}

const maxTokensBytes = 16 << 20

func parseToken(line []byte) (Token, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var l tokenLine
	if err := d.Decode(&l); err != nil {
		return Token{}, fmt.Errorf(`%w: want {"tenant":…,"roles":[…],"sha256":…}: %w`, ErrConfig, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Token{}, fmt.Errorf("%w: want one object on a line", ErrConfig)
	}
	sum, err := hex.DecodeString(l.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return Token{}, fmt.Errorf("%w: sha256 of token %.40q: want 64 hex digits, the SHA-256 of the secret", ErrConfig, l.Name)
	}
	t := Token{Name: l.Name, Tenant: l.Tenant, Roles: l.Roles, SHA256: [sha256.Size]byte(sum)}
	return t, t.Validate()
}
