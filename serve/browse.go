package serve

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// BrowseQuery asks for a page of the products that have a vector.
type BrowseQuery struct {
	Tenant   string `path:"tenant" doc:"The shop" example:"default"`
	Match    string `query:"match" maxLength:"200" doc:"Only products whose title or id holds this, whatever its case"`
	Category string `query:"category" maxLength:"1000" doc:"Only products of this category"`
	After    string `query:"after" maxLength:"200" doc:"Where the page before ended: its next"`
	K        int    `query:"k" minimum:"1" maximum:"1000" default:"50" doc:"How many at most"`

	after position
}

// position of a product among all, the last updated first.
type position struct {
	updated int64
	id      string
}

func (p position) compare(o position) int {
	return cmp.Or(cmp.Compare(o.updated, p.updated), cmp.Compare(p.id, o.id))
}

func (p position) String() string { return strconv.FormatInt(p.updated, 36) + "." + p.id }

// Resolve reads the position.
func (q *BrowseQuery) Resolve(huma.Context) []error {
	if q.After == "" {
		return nil
	}
	updated, id, ok := strings.Cut(q.After, ".")
	ms, err := strconv.ParseInt(updated, 36, 64)
	if !ok || err != nil {
		return []error{&huma.ErrorDetail{Location: "query.after", Value: q.After, Message: "want the next of the page before, as it is"}}
	}
	q.after = position{ms, id}
	return nil
}

// BrowseAnswer is a page of products, the last updated first.
type BrowseAnswer struct {
	Body struct {
		Products   []BrowsedProduct `json:"products" nullable:"false"`
		Next       string           `json:"next,omitempty" doc:"For after; absent on the last page"`
		Matching   int              `json:"matching" doc:"Products that match, on all pages"`
		Categories []CategoryCount  `json:"categories" nullable:"false" doc:"Of all products, the largest first; at most 200"`
	}
}

// BrowsedProduct is a product in a page.
type BrowsedProduct struct {
	ID        string    `json:"id"`
	Title     string    `json:"title,omitempty"`
	Category  string    `json:"category,omitempty"`
	Price     *float64  `json:"price,omitempty"`
	Image     string    `json:"image,omitempty" doc:"Key of the main photo below the tenant"`
	UpdatedAt time.Time `json:"updated_at" doc:"When its vector was published"`
}

// CategoryCount counts the products of a category.
type CategoryCount struct {
	Name     string `json:"name"`
	Products int    `json:"products"`
}

const mostCategories = 200

func (s *Server) browse(ctx context.Context, in *BrowseQuery) (*BrowseAnswer, error) {
	shelf, ready := tenantOf(ctx).catalogue.shelf()
	if !ready {
		return nil, reading()
	}
	leave, err := s.search.enter(ctx, 1)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer leave()
	var out BrowseAnswer
	out.Body.Products, out.Body.Categories = []BrowsedProduct{}, []CategoryCount{}
	match := strings.ToLower(in.Match)
	categories := map[string]int{}
	// The first K+1 of those after the position, in order.
	var page []*Entry
	order := func(a, b *Entry) int { return position{a.UpdatedAt, a.ID}.compare(position{b.UpdatedAt, b.ID}) }
	for _, e := range shelf.Content().Entries() {
		categories[e.Category]++
		if in.Category != "" && e.Category != in.Category ||
			match != "" && !strings.Contains(strings.ToLower(e.Title), match) && !strings.Contains(strings.ToLower(e.ID), match) {
			continue
		}
		out.Body.Matching++
		if in.After != "" && (position{e.UpdatedAt, e.ID}).compare(in.after) <= 0 {
			continue
		}
		if len(page) <= in.K || order(e, page[in.K]) < 0 {
			i, _ := slices.BinarySearchFunc(page, e, order)
			page = slices.Insert(page, i, e)
			page = page[:min(len(page), in.K+1)]
		}
	}
	if len(page) > in.K {
		page = page[:in.K]
		out.Body.Next = position{page[in.K-1].UpdatedAt, page[in.K-1].ID}.String()
	}
	for _, e := range page {
		out.Body.Products = append(out.Body.Products, BrowsedProduct{ID: e.ID, Title: e.Title, Category: e.Category, Price: e.Price, Image: e.Image, UpdatedAt: time.UnixMilli(e.UpdatedAt).UTC()})
	}
	for name, n := range categories {
		if name != "" {
			out.Body.Categories = append(out.Body.Categories, CategoryCount{name, n})
		}
	}
	slices.SortFunc(out.Body.Categories, func(a, b CategoryCount) int {
		return cmp.Or(cmp.Compare(b.Products, a.Products), cmp.Compare(a.Name, b.Name))
	})
	out.Body.Categories = out.Body.Categories[:min(mostCategories, len(out.Body.Categories))]
	return &out, nil
}
