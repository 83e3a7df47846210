package gather

import (
	"time"

	"weft/fusion"
	"weft/storage/lake"
	"weft/tasks"
)

// Row is a product's vectors as the lake keeps them. version was taken before the parts were read.
func (p *Product) Row(generation tasks.Generation, version int64, made fusion.ProductVectors) lake.Product {
	content := made.Content
	if len(content) == len(made.Vector) && len(content) > 0 && &content[0] == &made.Vector[0] {
		content = nil // the lake says so with an empty column
	}
	return lake.Product{
		Row: lake.Row{Key: lake.ProductKey(string(generation), string(p.ID)), Version: version}, ID: string(p.ID), Generation: string(generation),
		Vector: made.Vector, Content: content, Source: made.Source, Modalities: made.Modalities, Sources: p.Sources(), UpdatedAt: time.Now().UnixMilli(),
		Title: p.Listing.Title, Category: p.Listing.Category, Price: p.Listing.Price, Image: p.Image(), Attributes: p.Listing.Facts(),
	}
}

// Row is a shopper's vector as the lake keeps it. version was taken before the parts were read.
func (u *User) Row(generation tasks.Generation, version int64, made fusion.UserVector) lake.UserVector {
	return lake.UserVector{
		Row: lake.Row{Key: lake.UserKey(string(generation), string(u.ID)), Version: version}, User: string(u.ID), Generation: string(generation),
		Vector: made.Vector, Modalities: made.Modalities, Sources: u.Sources, UpdatedAt: time.Now().UnixMilli(),
	}
}
