package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mostAttributes bounds the columns that are learned: each has a model of its own.
const mostAttributes = 100

// consentColumn, in letters of any case, says whether a user's attributes may be used; absent or empty is yes.
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
	consent := slices.IndexFunc(t.columns, func(name string) bool { return strings.EqualFold(name, consentColumn) })
	var columns []int
	for c, name := range t.columns {
		if c == user || c == consent {
			continue
		}
		if strings.Contains(strings.ToLower(name), consentColumn) { // not to be passed over, nor learned
			return nil, 0, fmt.Errorf("%w: %s has a column %q: consent is read from one column, %q, true or false; rename or remove it", ErrTable, filepath.Base(path), clip(name), consentColumn)
		}
		if _, err := t.column(name, "an attribute"); err != nil {
			return nil, 0, err
		}
		columns = append(columns, c)
	}
	if len(columns) == 0 || len(columns) > mostAttributes {
		return nil, 0, fmt.Errorf("%w: %s has %d attributes beside the user, of 1 to %d: columns such as age_band or gender", ErrTable, filepath.Base(path), len(columns), mostAttributes)
	}
	for _, c := range columns {
		attributes = append(attributes, Attribute{Name: t.columns[c], Values: make([]string, len(users))})
	}
	strangers, known := 0, 0
	at := rows(users)
	seen := make([]bool, len(users))
	err = t.each(func(row []cell, _ int) error {
		i, ok := at[row[user].Text]
		if !ok {
			strangers++
			return nil
		}
		known++
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
	if err == nil && known == 0 && strangers > 0 {
		err = fmt.Errorf("%w: %s: none of its %d users is among those of the interactions, such as %q: compare the two", ErrTable, filepath.Base(path), strangers, users[0])
	}
	return attributes, declined, err
}
