package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Event is one thing that a shopper did. A row without ID is identified by its
// content, one without Time happened when it was received.
type Event struct {
	ID         string         `json:"id,omitempty"`
	User       string         `json:"user"`
	Product    string         `json:"product,omitempty"`
	Type       string         `json:"type"` // view, click, cart, purchase, return, wishlist, dislike, share, search, follow, or your own
	Time       time.Time      `json:"time,omitzero"`
	Value      *float64       `json:"value,omitempty"`       // of a purchase: price times quantity
	Query      string         `json:"query,omitempty"`       // of a search
	TargetUser string         `json:"target_user,omitempty"` // of a follow
	Context    map[string]any `json:"context,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// Review is what a shopper wrote of a product.
type Review struct {
	ID         string         `json:"id,omitempty"`
	User       string         `json:"user"`
	Product    string         `json:"product"`
	Rating     float64        `json:"rating,omitempty"` // 1 to 5; 0: none
	Title      string         `json:"title,omitempty"`
	Text       string         `json:"text,omitempty"`
	Time       time.Time      `json:"time,omitzero"`
	Helpful    int            `json:"helpful,omitempty"` // votes
	Attributes map[string]any `json:"attributes,omitempty"`
}

// User is what is known of a shopper apart from behaviour.
type User struct {
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes,omitempty"` // age, gender, city, interests, …
	Consent    *Consent       `json:"consent,omitempty"`    // nil: the tenant's default
	Time       time.Time      `json:"time,omitzero"`        // of the statement: the newest one stands
}

// Consent is what a shopper has agreed to.
type Consent struct {
	Profiling bool `json:"profiling"`
}

// Collected says what became of the rows of a request.
// Rows = Accepted + Dead + Duplicate + Declined + Waiting.
type Collected struct {
	Rows      int         `json:"rows"`
	Accepted  int         `json:"accepted" doc:"Stored"`
	Dead      int         `json:"dead" doc:"Refused, with a reason"`
	Duplicate int         `json:"duplicate" doc:"Stored before"`
	Declined  int         `json:"declined" doc:"Not wanted: the user has not agreed to a profile, or a newer statement is stored"`
	Waiting   int         `json:"waiting" doc:"Stored; the product that the row names is not in the catalogue yet"`
	Results   []RowResult `json:"results" nullable:"false" doc:"One for each row, in order, where there are at most 1000; else the first 1000 that were not accepted"`
	Steps     []RowStep   `json:"steps" nullable:"false" doc:"What each step of cleaning did"`
}

// RowResult is what became of one row.
type RowResult struct {
	Line    int    `json:"line" doc:"Of the body, or place in the array, from 1"`
	ID      string `json:"id,omitempty" doc:"The id that the row has, or was given"`
	Outcome string `json:"outcome" enum:"accepted,dead,duplicate,declined,waiting"`
	Reason  string `json:"reason,omitempty" doc:"Of a dead or declined row: a code"`
	Message string `json:"message,omitempty" doc:"Of a dead row: the field, what it holds, and what to do"`
	For     string `json:"for,omitempty" doc:"Of a waiting row: the product"`
}

// RowStep counts what one step of cleaning did.
type RowStep struct {
	Step    string `json:"step"`
	Reached int    `json:"reached"`
	Changed int    `json:"changed"`
	Refused int    `json:"refused"`
}

// Events sends events, and returns once all that were accepted are durable. Repeating
// it is safe: a row that was stored counts as duplicate.
func (c *Client) Events(ctx context.Context, events ...Event) (Collected, error) {
	return postRows(ctx, c, "events", events)
}

// Reviews sends reviews; see Events.
func (c *Client) Reviews(ctx context.Context, reviews ...Review) (Collected, error) {
	return postRows(ctx, c, "reviews", reviews)
}

// Users sends what is known of shoppers; see Events.
func (c *Client) Users(ctx context.Context, users ...User) (Collected, error) {
	return postRows(ctx, c, "users", users)
}

func postRows[R any](ctx context.Context, c *Client, kind string, rows []R) (Collected, error) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	for i := range rows {
		if err := e.Encode(rows[i]); err != nil {
			return Collected{}, fmt.Errorf("client: %s, row %d: %w", kind, i+1, err)
		}
	}
	return c.Lines(ctx, kind, body.Bytes(), Lines{})
}

// Lines says what a body of lines is a part of. The zero Lines is a body of its own.
type Lines struct {
	Source string    // name of the file, for messages
	File   string    // digest of the file's content: rows without id are identified by it and their line
	First  int       // line of the file that the body begins with, from 1
	At     time.Time // when the file was last written: the time of rows without one
}

// Lines sends rows as lines of JSON as they are. kind is events, reviews or users.
func (c *Client) Lines(ctx context.Context, kind string, body []byte, of Lines) (Collected, error) {
	if kind != "events" && kind != "reviews" && kind != "users" {
		return Collected{}, errors.New("client: kind of rows " + strconv.Quote(kind) + ": want events, reviews or users")
	}
	if len(body) == 0 {
		return Collected{}, nil
	}
	query := url.Values{}
	if of.File != "" {
		query.Set("file", of.File)
		query.Set("first", strconv.Itoa(max(1, of.First)))
		query.Set("source", of.Source)
		if !of.At.IsZero() {
			query.Set("at", of.At.UTC().Format(time.RFC3339Nano))
		}
	}
	u := c.tenant + "/" + kind
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	var done Collected
	err := c.do(ctx, request{method: http.MethodPost, url: u, body: body, header: http.Header{"Content-Type": {"application/x-ndjson"}}}, &done)
	return done, err
}
