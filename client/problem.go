package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What a Problem can be, for errors.Is.
var (
	// ErrNotFound: there is nothing under that id, or not yet a vector.
	ErrNotFound = errors.New("not found")
	// ErrWaiting: the product's media are there, its vector is not yet. Also ErrNotFound.
	ErrWaiting = errors.New("waiting for its vector")
	// ErrDead: the product's media were given up, for the reasons in the problem. Also ErrNotFound.
	ErrDead = errors.New("given up")
	// ErrDeclined: the user does not want a profile. Also ErrNotFound.
	ErrDeclined = errors.New("declined profiling")
	// ErrUnauthorized: the token is missing or not one of this tenant.
	ErrUnauthorized = errors.New("not authorized")
	// ErrInvalid: the request will never be accepted as it is.
	ErrInvalid = errors.New("invalid request")
	// ErrPrecondition: the object is not in the state that the Condition demands.
	ErrPrecondition = errors.New("precondition failed")
	// ErrGone: the updates after that position are no longer kept.
	ErrGone = errors.New("no longer kept")
	// ErrUnavailable: the server cannot answer now; later helps.
	ErrUnavailable = errors.New("unavailable")
)

// The types of problems that a status code alone does not tell apart.
const (
	TypeWaiting  = "urn:weft:problem:waiting"  // 404: media are there, the vector is not yet
	TypeDead     = "urn:weft:problem:dead"     // 404: media are there and were given up
	TypeDeclined = "urn:weft:problem:declined" // 404: the user does not want a profile
)

// Problem is an answer other than success: problem details after RFC 9457.
type Problem struct {
	Type   string         `json:"type,omitempty"`
	Title  string         `json:"title,omitempty"`
	Status int            `json:"status,omitempty"`
	Detail string         `json:"detail,omitempty"`
	Errors []ProblemField `json:"errors,omitempty"`

	// RequestID finds the request in the server's log. "" if the server named none.
	RequestID string `json:"-"`
	// RetryAfter is how long the server asks to wait. 0 if it does not say.
	RetryAfter time.Duration `json:"-"`
}

// ProblemField is what is wrong with one part of a request.
type ProblemField struct {
	Message  string `json:"message,omitempty"`
	Location string `json:"location,omitempty"` // such as path.id, query.k, body.price
	Value    any    `json:"value,omitempty"`
}

// Error tells status, detail, the fields and the request id.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "weft: %d %s", p.Status, p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, f := range p.Errors {
		fmt.Fprintf(&b, "; %s", f.Message)
		if f.Location != "" {
			fmt.Fprintf(&b, " (%s: %.160s)", f.Location, fmt.Sprint(f.Value))
		}
	}
	if p.RequestID != "" {
		b.WriteString(" [request " + p.RequestID + "]")
	}
	return b.String()
}

// Is makes errors.Is(err, ErrNotFound) and the like work.
func (p *Problem) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return p.Status == http.StatusNotFound
	case ErrWaiting:
		return p.Type == TypeWaiting
	case ErrDead:
		return p.Type == TypeDead
	case ErrDeclined:
		return p.Type == TypeDeclined
	case ErrUnauthorized:
		return p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
	case ErrPrecondition:
		return p.Status == http.StatusPreconditionFailed
	case ErrGone:
		return p.Status == http.StatusGone
	case ErrUnavailable:
		return retryable(p.Status)
	case ErrInvalid:
		switch p.Status {
		case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
			return true
		}
	}
	return false
}

// problemOf reads an answer that is not a success. Whatever stands between (a
// proxy's HTML page) becomes the detail.
func problemOf(res *http.Response, body []byte) *Problem {
	p := &Problem{}
	if !strings.Contains(res.Header.Get("Content-Type"), "json") || json.Unmarshal(body, p) != nil {
		text := strings.ToValidUTF8(strings.TrimSpace(string(body)), "\uFFFD")
		p = &Problem{Detail: fmt.Sprintf("%.200s", text)}
	}
	p.Status = res.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(res.StatusCode)
	}
	p.RequestID = res.Header.Get("X-Request-Id")
	p.RetryAfter = retryAfter(res.Header.Get("Retry-After"), time.Now())
	return p
}
