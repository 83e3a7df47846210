package dataset

import "slices"

// contentTables are modalities and categories with what was stated after train's end.
type contentTables struct {
	modalities []Modality
	categories []string
}

// Content is the modalities, in their order, and the categories that content may be learned from: also what was stated after
// train's end, since content is fitted on no interaction and so cannot tell what people did later.
func (d *Dataset) Content() (modalities []Modality, categories []string) {
	if d.content == nil {
		return d.Modalities, d.Categories
	}
	return d.content.modalities, d.content.categories
}

// later keeps what was stated after train's end beside what was known.
func (d *Dataset) later(t Tables) {
	c := contentTables{modalities: slices.Clone(d.Modalities), categories: slices.Clone(d.Categories)}
	at := rows(d.Items)
	k := slices.IndexFunc(c.modalities, func(m Modality) bool { return m.Name == t.Later.Name && m.Dim == t.Later.Dim })
	if k >= 0 {
		m := &c.modalities[k]
		m.Rows, m.Present = slices.Clone(m.Rows), slices.Clone(m.Present)
		for i, id := range t.Later.IDs {
			if item, known := at[id]; known {
				copy(m.Row(item), t.Later.Rows[i*m.Dim:(i+1)*m.Dim])
				m.Present[item] = true
			}
		}
	}
	if c.categories == nil && len(t.LaterCategories) > 0 {
		c.categories = make([]string, len(d.Items))
	}
	for id, category := range t.LaterCategories {
		if item, known := at[id]; known {
			c.categories[item] = category
		}
	}
	if k >= 0 || len(t.LaterCategories) > 0 {
		d.content = &c
	}
}
