package vectors

import "weft/storage/lake"

// OfProduct is a row of the lake as Redis holds it.
func OfProduct(row lake.Product) Record {
	content := row.Content
	if len(content) == 0 {
		content = row.Vector // untrained: one vector serves as both
	}
	return Record{
		ID: row.ID, Vector: row.Vector, Content: content, Modalities: row.Modalities, SourceVersion: row.Version, Sources: row.Sources,
		UpdatedAt: row.UpdatedAt, Title: row.Title, Category: row.Category, Price: row.Price, Image: row.Image, Attributes: row.Attributes,
	}
}

// OfUser is a row of the lake as Redis holds it.
func OfUser(row lake.UserVector) Record {
	return Record{ID: row.User, Vector: row.Vector, Modalities: row.Modalities, SourceVersion: row.Version, Sources: row.Sources, UpdatedAt: row.UpdatedAt}
}
