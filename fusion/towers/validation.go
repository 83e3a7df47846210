package towers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// ValidationFile holds the slice on which the blocks of a model were chosen, so that another fusion can be measured on the
// very same shoppers. It does not leave the machine that trained.
const ValidationFile = "validation.json"

// Validation is the shoppers of the validation part, without their names, and what the model made of them.
type Validation struct {
	Recall float64 `json:"recall@20"` // of the model, as it serves but fitted on the train part alone
	NDCG   float64 `json:"ndcg@20"`
	Asked  []Asked `json:"users"`
}

// Asked is one shopper who had products in the train part and took others in the validation part.
type Asked struct {
	Seen  []Seen  `json:"seen"`
	Truth []int32 `json:"truth"` // rows of items.ids.txt, ascending
}

// Seen is one product of a history.
type Seen struct {
	Item   int32   `json:"item"` // row of items.ids.txt
	Last   int64   `json:"last"` // Unix ms; 0 where there are no times
	Weight float32 `json:"weight"`
	Looked bool    `json:"looked,omitempty"` // and not taken: it may be asked for
}

// ReadValidation reads the slice of a model's folder, and the ids of its products in the order of their rows.
func ReadValidation(dir string) (v Validation, items []string, err error) {
	manifest, _, err := ReadManifest(dir)
	if err != nil {
		return v, nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, ValidationFile))
	if err != nil {
		return v, nil, fmt.Errorf("%w: the slice it was chosen on: %w", ErrModel, err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != manifest.Files[ValidationFile] {
		return v, nil, fmt.Errorf("%w: %s is not what the manifest says", ErrModel, filepath.Join(dir, ValidationFile))
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, nil, fmt.Errorf("%w: %s: %v", ErrModel, ValidationFile, err)
	}
	if items, err = readLines(filepath.Join(dir, idsFile)); err != nil {
		return v, nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	for i, a := range v.Asked {
		rows := append([]int32(nil), a.Truth...)
		for _, s := range a.Seen {
			rows = append(rows, s.Item)
		}
		for _, row := range rows {
			if row < 0 || int(row) >= len(items) {
				return v, nil, fmt.Errorf("%w: %s: user %d has item %d of %d", ErrModel, ValidationFile, i, row, len(items))
			}
		}
	}
	return v, items, nil
}
