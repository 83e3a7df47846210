package dataset

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// longestID bounds the name of a user or an item, in bytes. What is longer is a text in the wrong column.
const longestID = 1000

// checkID tells what keeps a name from being one: names stand one to a line beside the vectors, and others read them.
func checkID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("is empty: every row needs one")
	case len(id) > longestID:
		return fmt.Errorf("is %d bytes long, of %d at most: is this the column of the ids?", len(id), longestID)
	case strings.ContainsAny(id, "\n\r\x00"):
		return fmt.Errorf("holds a line break or a zero byte: names stand one to a line beside the vectors")
	case !utf8.ValidString(id):
		return fmt.Errorf("is not UTF-8: save the file as UTF-8")
	}
	return nil
}

// readIDs reads one id a line. fs.ErrNotExist says that there is no such file.
func readIDs(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var ids []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		ids = append(ids, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s, after line %d: %v: want an id on each line", path, len(ids), err)
	}
	return ids, nil
}
