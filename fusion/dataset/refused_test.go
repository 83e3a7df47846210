package dataset

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestBadInput(t *testing.T) {
	const fine = "user,item,split\n0,0,train\n0,1,val\n0,2,test\n"
	array := npy("<f4", "2, 1", []float32{1, 2})
	for name, c := range map[string]struct {
		interactions, feature, file string
		o                           Options
		kind                        error
		say                         []string
	}{
		"missing column":   {interactions: "customer,item,split\n0,0,train\n", kind: ErrTable, say: []string{"interactions.csv", `"user"`, `"customer"`}},
		"unknown part":     {interactions: "user,item,split\n0,0,train\n0,1,holdout\n", kind: ErrTable, say: []string{"row 3", `"split"`, `"holdout"`, "train, val or test"}},
		"empty part":       {interactions: "user,item,split\n0,0,train\n0,1,test\n", kind: ErrSplit, say: []string{"interactions.csv", "val", "empty"}},
		"only repeats":     {interactions: "user,item,split\n0,0,train\n0,0,val\n0,0,test\n", kind: ErrSplit, say: []string{"empty", "repeats"}},
		"no item":          {interactions: "user,item,split\n0,,train\n", kind: ErrTable, say: []string{"row 2", `"item"`}},
		"ragged":           {interactions: "user,item,split\n0,0\n", kind: ErrTable, say: []string{"interactions.csv", "line 2"}},
		"bad time":         {interactions: "user,item,time\n0,0,yesterday\n", kind: ErrTable, say: []string{"row 2", `"time"`, `"yesterday"`, "RFC 3339"}},
		"time before 1970": {interactions: "user,item,time\n0,0,-5\n", kind: ErrTable, say: []string{"row 2", `"-5"`, "1970"}},
		"one moment":       {interactions: "user,item,time\n0,0,5\n0,1,5\n1,0,5\n", kind: ErrSplit, say: []string{"train", "empty"}},
		"no times":         {interactions: fine, o: Options{Split: ByTime}, kind: ErrSplit, say: []string{`"time"`, "split by user"}},
		"no split":         {interactions: "user,item\n0,0\n", o: Options{Split: Given}, kind: ErrSplit, say: []string{`"split"`}},
		"bad weight":       {interactions: "user,item,split,n\n0,0,train,-1\n", o: Options{WeightColumn: "n"}, kind: ErrTable, say: []string{"row 2", `"n"`, `"-1"`}},
		"nothing":          {interactions: "user,item,split\n", kind: ErrTable, say: []string{"no rows"}},
		"unknown way":      {interactions: fine, o: Options{Split: "random"}, kind: ErrOptions, say: []string{`"random"`, "leave-last"}},
		"too few rows":     {interactions: fine, feature: array, file: "m.npy", kind: ErrTable, say: []string{"m.npy", "2 rows", `"2"`}},
		"wrong dtype":      {interactions: fine, feature: npy("<i8", "3, 1", []int64{1, 2, 3}), file: "m.npy", kind: ErrTable, say: []string{"m.npy", `"<i8"`, "astype"}},
		"cut array":        {interactions: fine, feature: array[:len(array)-2], file: "m.npy", kind: ErrTable, say: []string{"m.npy", "copy"}},
		"three axes":       {interactions: fine, feature: npy("<f4", "1, 1, 1", []float32{1}), file: "m.npy", kind: ErrTable, say: []string{"(1, 1, 1)"}},
		"no array":         {interactions: fine, feature: "hello", file: "m.npy", kind: ErrTable, say: []string{"numpy.save"}},
		"words":            {interactions: fine, feature: "id,x\n0,1\n1,warm\n", file: "m.csv", kind: ErrTable, say: []string{"m.csv", "row 3", `"x"`, `"warm"`}},
		"item twice":       {interactions: fine, feature: "id,x\n0,1\n0,2\n", file: "m.csv", kind: ErrTable, say: []string{"m.csv", "1 and 2", `"0"`}},
		"no id":            {interactions: fine, feature: "sku,x\n0,1\n", file: "m.csv", kind: ErrTable, say: []string{"m.csv", `"sku"`}},
		"others' items":    {interactions: fine, feature: "id,x\nz,NaN\n", file: "m.csv", kind: ErrTable, say: []string{"m.csv", "none of the"}},
		"no Parquet":       {interactions: fine, feature: "PAR1", file: "m.parquet", kind: ErrTable, say: []string{"m.parquet", "Parquet"}},
		"empty id":         {interactions: fine, feature: "id,x\n0,1\n,2\n", file: "m.csv", kind: ErrTable, say: []string{"m.csv", "row 2", "is empty"}},
		"line break":       {interactions: "user,item,split\n\"a\nb\",0,train\n", kind: ErrTable, say: []string{"row 2", `"user"`, "line break"}},
		"latin 1":          {interactions: "user,item,split\n0,caf\xe9,train\n", kind: ErrTable, say: []string{"row 2", `"item"`, "UTF-8"}},
		"long id":          {interactions: "user,item,split\n0," + strings.Repeat("x", 5000) + ",train\n", kind: ErrTable, say: []string{"row 2", "5000 bytes"}},
		"heavy":            {interactions: "user,item,split,n\n0,0,train,3e38\n", o: Options{WeightColumn: "n"}, kind: ErrTable, say: []string{"row 2", `"3e38"`, "1e+12"}},
		"nanoseconds":      {interactions: "user,item,time\n0,0,1700000000000000000\n", kind: ErrTable, say: []string{"row 2", "2200", "nanoseconds"}},
		"endless time":     {interactions: "user,item,time\n0,0,Inf\n", kind: ErrTable, say: []string{"row 2", `"Inf"`, "2200"}},
		"one user":         {interactions: fine, kind: ErrTable, say: []string{"one user", `"0"`}},
		"column twice":     {interactions: "user,user,item,split\n0,0,0,train\n", kind: ErrTable, say: []string{`"user"`, "twice"}},
		"gzip, not named":  {interactions: "\x1f\x8b\x08\x00", kind: ErrTable, say: []string{"interactions.csv", "gzip", ".gz"}},
		"UTF-16":           {interactions: "\xff\xfeu\x00", kind: ErrTable, say: []string{"interactions.csv", "UTF-16"}},
		"other ids":        {interactions: fine, feature: "id,x\nz,1\n", file: "m.csv", kind: ErrTable, say: []string{"m.csv", "none of the 3 items", `"z"`, `"0"`}},
		"all zero":         {interactions: fine, feature: npy("<f4", "3, 1", []float32{0, 1e-40, 0}), file: "m.npy", kind: ErrTable, say: []string{"m.npy", "3 are zero"}},
		"all alike":        {interactions: fine, feature: npy("<f4", "3, 2", []float32{1, 2, 1, 2, 1, 2}), file: "m.npy", kind: ErrTable, say: []string{"modality m", "same for all 3"}},
		"unknown ending":   {interactions: fine, feature: "x", file: "m.xls", kind: ErrTable, say: []string{"m.xls", ".parquet"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Dir = t.TempDir()
			write(t, c.o.Dir, "interactions.csv", c.interactions)
			if c.file != "" {
				c.o.Modalities = []NamedFile{{Name: "m", Path: write(t, c.o.Dir, c.file, c.feature)}}
			}
			_, _, err := Load(c.o)
			if !errors.Is(err, c.kind) {
				t.Fatalf("%v, want a %v", err, c.kind)
			}
			for _, word := range c.say {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
		})
	}
}

// A column is text or numbers by most of its cells, not by the first.
func TestColumnOfTextOrNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		cells [3]string
		texts int // that are encoded
		say   string
	}{
		"first empty":    {cells: [3]string{"", "a cup", "a hat"}, texts: 2},
		"first a number": {cells: [3]string{"501", "a cup", "a hat"}, texts: 3},
		"numbers":        {cells: [3]string{"", "1", "2.5"}},
		"one that is no": {cells: [3]string{"1", "n/a", "3"}, say: `row 3: column "x", value "n/a"`},
		"prices":         {cells: [3]string{"$1.50", "$2", "$3"}, texts: 3, say: `looks like numbers, such as "$1.50"`},
		"broken":         {cells: [3]string{"caf\xe9", "a cup", "a hat"}, texts: 3, say: "1 of 3 texts"},
	} {
		dir := t.TempDir()
		write(t, dir, "interactions.csv", given)
		path := write(t, dir, "m.csv", fmt.Sprintf("item,x\n1,%s\n2,%s\n3,%s\n", c.cells[0], c.cells[1], c.cells[2]))
		asked := 0
		_, r, err := Load(Options{Dir: dir, Modalities: []NamedFile{{Name: "m", Path: path, Columns: []string{"x"}}}, Encode: func(texts []string) (vectors [][]float32, _ error) {
			for i := range texts {
				vectors = append(vectors, []float32{float32(i), 1})
			}
			asked = len(texts)
			return vectors, nil
		}})
		if said := fmt.Sprint(r.Warnings, err); asked != c.texts || !strings.Contains(said, c.say) || c.say == "" && err != nil {
			t.Errorf("%s: %d texts encoded, said %s", name, asked, said)
		}
	}
}

// Rows stay with their items where lists are null, empty or have holes.
func TestHoles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "interactions.csv", given)
	type row struct {
		ID     string     `parquet:"id"`
		Vector []*float32 `parquet:"vector,list"`
	}
	x := func(v float32) *float32 { return &v }
	path := filepath.Join(dir, "v.parquet")
	if err := parquet.WriteFile(path, []row{{"1", nil}, {"2", []*float32{x(1), x(2)}}, {"3", []*float32{x(3), nil}}, {"0", []*float32{x(5), x(6)}}}); err != nil {
		t.Fatal(err)
	}
	d, r := load(t, Options{Dir: dir, Modalities: []NamedFile{{Name: "m", Path: path}}})
	if m := d.Modalities[0]; !reflect.DeepEqual(m.Rows, []float32{5, 6, 0, 0, 1, 2, 0, 0}) || r.Modalities[0].NotFinite != 1 || r.Modalities[0].Zero != 1 {
		t.Errorf("%v, %+v", m.Rows, r.Modalities)
	}
	if err := parquet.WriteFile(path, []row{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(Options{Dir: dir, Modalities: []NamedFile{{Name: "m", Path: path}}}); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), "no rows") {
		t.Error(err)
	}
}

func TestProfilesThatCannotBeRead(t *testing.T) {
	wide := "user"
	for i := range 101 {
		wide += fmt.Sprintf(",a%d", i)
	}
	for name, c := range map[string]struct{ table, say string }{
		"consent under another name": {"user,gender,profiling_consent\n9,f,false\n", `"profiling_consent"`},
		"consent in capitals":        {"user,gender,Consent\n9,f,perhaps\n", `"perhaps"`},
		"consent twice":              {"user,gender,consent,CONSENT\n9,f,true,false\n", `"CONSENT"`},
		"attribute twice":            {"user,gender,gender\n9,f,m\n", `"gender" twice`},
		"strangers":                  {"user,gender\nz,f\n", "none of its 1 users"},
		"too wide":                   {wide, "101 attributes"},
	} {
		dir := t.TempDir()
		write(t, dir, "interactions.csv", given)
		if _, _, err := Load(Options{Dir: dir, Profiles: write(t, dir, "users.csv", c.table)}); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want %q", name, err, c.say)
		}
	}
}

// A few rows in the far future move what counts as recent; a column of 0 and 1 is a modality.
func TestRowsFarAhead(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("user,item,time\n")
	for i := range 300 {
		fmt.Fprintf(&b, "u%d,i%d,%d\n", i%7, i%31, 1700000000+i*86400)
	}
	write(t, dir, "interactions.csv", b.String()+"u1,i30,2093-01-01\n")
	flags := "item,on\n"
	for i := range 31 {
		flags += fmt.Sprintf("i%d,%d\n", i, i%2)
	}
	d, r := load(t, Options{Dir: dir, Modalities: []NamedFile{{Name: "flag", Path: write(t, dir, "flags.csv", flags)}}})
	if len(d.Modalities) != 1 || r.Modalities[0].Present != 15 {
		t.Errorf("a flag: %+v", r.Modalities)
	}
	if said := fmt.Sprint(r.Warnings); !strings.Contains(said, "1 rows of interactions.csv are more than a year newer") || !strings.Contains(said, "2093-01-01") {
		t.Error(said)
	}
}

func TestTwoFilesOrNone(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Load(Options{Dir: dir}); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), "interactions.parquet") {
		t.Error(err)
	}
	write(t, dir, "interactions.csv", given)
	write(t, dir, "interactions.tsv", given)
	if _, _, err := Load(Options{Dir: dir}); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), "interactions.tsv") {
		t.Error(err)
	}
}
