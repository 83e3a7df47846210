package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// consentColumn says whether a user's attributes may be used; absent or empty is yes.
const consentColumn = "consent"

// readProfiles reads one row per user. Users without interactions are passed over; declined counts those of ours who do
// not consent, whose values are left out.
func readProfiles(path, userColumn string, users []string) (attributes []Attribute, declined int, err error) {
	t, err := openTable(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = t.close() }()
	user, err := t.column(userColumn, "the user")
	if err != nil {
		return nil, 0, err
	}
	consent := slices.Index(t.columns, consentColumn)
	var columns []int
	for c, name := range t.columns {
		if c != user && c != consent {
			columns = append(columns, c)
			attributes = append(attributes, Attribute{Name: name, Values: make([]string, len(users))})
		}
	}
	if len(columns) == 0 {
		return nil, 0, fmt.Errorf("%w: %s has no attribute beside the user: add columns such as age_band or gender", ErrTable, filepath.Base(path))
	}
	at := rows(users)
	seen := make([]bool, len(users))
	err = t.each(func(row []cell, _ int) error {
		i, ok := at[row[user].Text]
		if !ok {
			return nil
		}
		if seen[i] {
			return badCell(userColumn, row[user].Text, "has a row already: keep one for each user")
		}
		seen[i] = true
		if consent >= 0 && row[consent].Text != "" {
			yes, err := strconv.ParseBool(row[consent].Text)
			if err != nil {
				return badCell(consentColumn, row[consent].Text, "want true or false")
			}
			if !yes {
				declined++
				return nil
			}
		}
		for k, c := range columns {
			attributes[k].Values[i] = row[c].Text
		}
		return nil
	})
	return attributes, declined, err
}
