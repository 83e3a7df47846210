package tasks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Type is what a worker is asked to do.
type Type string

// The four task types.
const (
	ImageEmbed  Type = "image:embed"  // one photo → its feature
	TextEmbed   Type = "text:embed"   // one listing → its feature
	ProductFuse Type = "product:fuse" // stored features of a product → its vector
	UserFuse    Type = "user:fuse"    // stored parts of a shopper → their vector
)

// Types lists the task types.
func Types() []Type { return []Type{ImageEmbed, TextEmbed, ProductFuse, UserFuse} }

// Lane separates what a person waits for from what fills a backlog.
type Lane string

// The two lanes of every task type.
const (
	Live Lane = "live"
	Bulk Lane = "bulk"
)

// Lanes lists the lanes, the preferred one first.
func Lanes() []Lane { return []Lane{Live, Bulk} }

// PayloadVersion is the newest payload that this code reads and writes.
const PayloadVersion = 1

// MaxPayload bounds an encoded task in bytes: tasks carry references, never content.
const MaxPayload = 1024

var (
	// ErrNewerPayload reports a payload written by a newer weft: it is put back
	// for a worker that can read it.
	ErrNewerPayload = errors.New("payload is newer than this worker")
	// ErrBadPayload reports a payload that no worker can read.
	ErrBadPayload = errors.New("bad payload")
)

// Task is a reference to work: which object or id, in which generation.
type Task struct {
	Version    int        `json:"v"`
	Type       Type       `json:"type"`
	Tenant     Tenant     `json:"tenant"`
	Generation Generation `json:"gen"`
	Lane       Lane       `json:"lane"`

	Product ProductID `json:"product,omitempty"` // all but user:fuse
	User    UserID    `json:"user,omitempty"`    // user:fuse
	Key     string    `json:"key,omitempty"`     // embed: object key below the tenant
	ETag    string    `json:"etag,omitempty"`    // embed: the object version that was listed
	Attempt int       `json:"n,omitempty"`       // attempt epoch: raised when a task is issued again
	Trace   string    `json:"trace,omitempty"`   // one correlation id from object to vector
}

// ID identifies an embed task, so that the same work is not queued twice: the
// digest of tenant, key, ETag, generation and attempt epoch.
func (t Task) ID() string {
	h := sha256.New()
	for _, s := range []string{string(t.Type), string(t.Tenant), t.Key, t.ETag, string(t.Generation), strconv.Itoa(t.Attempt)} {
		_, _ = io.WriteString(h, s)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Subject is the id that a fuse task computes a vector for.
func (t Task) Subject() string {
	if t.Type == UserFuse {
		return string(t.User)
	}
	return string(t.Product)
}

// Encode validates t and returns its payload, at most MaxPayload bytes.
func (t Task) Encode() ([]byte, error) {
	t.Version = PayloadVersion
	if err := t.validate(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	if len(b) > MaxPayload {
		return nil, fmt.Errorf("%w: %d bytes for key %.80q, the limit is %d", ErrBadPayload, len(b), t.Key, MaxPayload)
	}
	return b, nil
}

// Decode reads a payload. It returns ErrNewerPayload for a later version and
// ErrBadPayload for anything else that Encode would not have written.
func Decode(payload []byte) (Task, error) {
	if len(payload) > MaxPayload {
		return Task{}, fmt.Errorf("%w: %d bytes, the limit is %d", ErrBadPayload, len(payload), MaxPayload)
	}
	var head struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(payload, &head); err != nil {
		return Task{}, fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	if head.Version > PayloadVersion {
		return Task{}, fmt.Errorf("%w: version %d, this worker reads up to %d", ErrNewerPayload, head.Version, PayloadVersion)
	}
	var t Task
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Task{}, fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	return t, t.validate()
}

func (t Task) validate() error {
	if t.Version != PayloadVersion {
		return fmt.Errorf("%w: version %d", ErrBadPayload, t.Version)
	}
	if _, err := ParseTenant(string(t.Tenant)); err != nil {
		return fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	if _, err := ParseGeneration(string(t.Generation)); err != nil {
		return fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	if t.Lane != Live && t.Lane != Bulk {
		return fmt.Errorf("%w: lane %.20q: want live or bulk", ErrBadPayload, t.Lane)
	}
	switch t.Type {
	case ImageEmbed, TextEmbed:
		m := ParseMediaKey(t.Key)
		if m.Err != nil || m.Product == "" || m.Product != t.Product {
			return fmt.Errorf("%w: key %.80q is not a medium of product %.80q", ErrBadPayload, t.Key, t.Product)
		}
		if t.ETag == "" {
			return fmt.Errorf("%w: no etag for key %.80q", ErrBadPayload, t.Key)
		}
	case ProductFuse:
		if _, err := ParseProductID(string(t.Product)); err != nil {
			return fmt.Errorf("%w: %w", ErrBadPayload, err)
		}
	case UserFuse:
		if _, err := ParseUserID(string(t.User)); err != nil {
			return fmt.Errorf("%w: %w", ErrBadPayload, err)
		}
	default:
		return fmt.Errorf("%w: type %.40q", ErrBadPayload, t.Type)
	}
	return nil
}
