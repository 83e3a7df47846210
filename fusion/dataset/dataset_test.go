package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// write puts a file into dir and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, o Options) (*Dataset, Report) {
	t.Helper()
	d, r, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return d, r
}

// pairs writes interactions as user:item.
func pairs(d *Dataset, rows []Interaction) string {
	var s []string
	for _, r := range rows {
		s = append(s, d.Users[r.User]+":"+d.Items[r.Item])
	}
	return strings.Join(s, " ")
}

const given = `user,item,split
10,2,train
9,1,train
9,2,train
9,2,train
9,2,val
9,3,val
10,1,test
10,2,test
9,0,test
`

func TestGivenSplit(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "interactions.csv", given)
	d, r := load(t, Options{Dir: dir})
	if got := strings.Join(d.Users, " ") + "|" + strings.Join(d.Items, " "); got != "9 10|0 1 2 3" {
		t.Errorf("names %s: want them in the order of their numbers", got)
	}
	got := []string{pairs(d, d.Train), pairs(d, d.Val), pairs(d, d.Test), pairs(d, d.TrainVal)}
	want := []string{"9:1 9:2 10:2", "9:3", "9:0 10:1", "9:1 9:2 9:3 10:2"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parts %q, want %q", got, want)
	}
	if d.Train[1].Weight != 2 || r.Duplicates != 1 || r.Repeats != 2 || r.Split != Given || r.ColdItems != 2 {
		t.Errorf("weight %v, report %+v", d.Train[1].Weight, r)
	}
}

func TestTimeSplitKeepsMomentsTogetherAndOnlyFirsts(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("who,what,when,n\n")
	for i := range 20 { // newest first: the order of rows does not matter
		fmt.Fprintf(&b, "u%d,i%02d,2024-01-%02d 10:00:00,2\n", i%3, i, 20-i)
	}
	b.WriteString("u1,i19,2024-01-20 11:00:00,3\n") // a repeat in the last days of what u1 had on the first
	write(t, dir, "log.csv", b.String())
	d, r := load(t, Options{Dir: dir, Interactions: "log.csv", UserColumn: "who", ItemColumn: "what", TimeColumn: "when", WeightColumn: "n"})
	if r.Split != ByTime || len(d.Train) != 16 || len(d.Val) != 2 || len(d.Test) != 2 {
		t.Fatalf("%+v", r)
	}
	for _, row := range d.Test {
		if row.Time < r.TestFrom {
			t.Errorf("%+v is older than the beginning of test", row)
		}
		if d.Items[row.Item] == "i19" {
			t.Error("a repeat became a target")
		}
	}
	if Newest(d.Train) >= r.ValFrom || Newest(d.TrainVal) >= r.TestFrom || r.Repeats != 1 || d.Train[0].Weight != 2 {
		t.Errorf("train reaches %d, val begins %d; report %+v", Newest(d.Train), r.ValFrom, r)
	}
}

func TestLeaveLastAndByUser(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "interactions.csv", "user,item,time\na,x,100\na,y,200\na,z,300\na,x,400\nb,x,100\nb,y,200\nc,y,1\nc,z,2\nc,x,3\n")
	d, _ := load(t, Options{Dir: dir, Split: LeaveLast})
	if got := pairs(d, d.Train) + "|" + pairs(d, d.Val) + "|" + pairs(d, d.Test); got != "a:x b:x b:y c:y|a:y c:z|a:z c:x" {
		t.Error(got)
	}
	if d.Train[0].Last != 100_000 {
		t.Errorf("train knows of %d ms, after the val target", d.Train[0].Last)
	}
	one, _ := load(t, Options{Dir: dir, Split: PerUser, Seed: 1})
	same, _ := load(t, Options{Dir: dir, Split: PerUser, Seed: 1})
	if !reflect.DeepEqual(one, same) || len(one.Val) != 2 || len(one.Test) != 2 || len(one.Train) != 4 {
		t.Errorf("by user: %d %d %d", len(one.Train), len(one.Val), len(one.Test))
	}
}

// npy writes an array as numpy does.
func npy(dtype, shape string, numbers any) string {
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", dtype, shape)
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	_ = binary.Write(&b, binary.LittleEndian, uint16(len(dict)))
	b.WriteString(dict)
	_ = binary.Write(&b, binary.LittleEndian, numbers)
	return b.String()
}

func TestArrays(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "interactions.csv", given)
	nan := float32(math.NaN())
	f4 := write(t, dir, "a.npy", npy("<f4", "5, 2", []float32{1, 2, nan, 1, 0, 0, 3, 4, 5, 6}))
	f2 := write(t, dir, "b.npy", npy("<f2", "4,", []uint16{0x3c00, 0xc000, 0x0001, 0x7bff}))
	f8 := write(t, dir, "c.npy", npy("<f8", "2, 1", []float64{.5, 7}))
	write(t, dir, "c.ids.txt", "3\nnew\n")
	d, r := load(t, Options{Dir: dir, Modalities: []NamedFile{{Name: "a", Path: f4}, {Name: "b", Path: f2}}})
	if len(d.Items) != 5 || fmt.Sprint(d.Modalities[0].Present) != "[true false false true true]" || r.Modalities[0].NotFinite != 1 || r.Modalities[0].Zero != 1 {
		t.Errorf("%v %+v", d.Modalities[0], r.Modalities)
	}
	if got := d.Modalities[1].Rows; !reflect.DeepEqual(got, []float32{1, -2, 1. / (1 << 24), 65504, 0}) {
		t.Errorf("float16 read as %v", got)
	}
	d, _ = load(t, Options{Dir: dir, Modalities: []NamedFile{{Name: "c", Path: f8}}})
	m, ok := d.Modality("c")
	if !ok || len(d.Items) != 5 || d.Items[4] != "new" || m.Row(3)[0] != .5 || m.Row(4)[0] != 7 || m.Present[0] {
		t.Errorf("items %v, rows %+v", d.Items, m)
	}
}

func TestTables(t *testing.T) {
	dir := t.TempDir()
	type row struct {
		User int64  `parquet:"user"`
		Item string `parquet:"item"`
		Time int64  `parquet:"time,timestamp(microsecond)"`
	}
	type vector struct {
		ID     string    `parquet:"id"`
		Vector []float32 `parquet:"vector,list"`
	}
	var log []row
	for i := range 30 {
		log = append(log, row{int64(i % 4), fmt.Sprint("p", i), int64(i+1) * 1e12})
	}
	if err := parquet.WriteFile(filepath.Join(dir, "interactions.parquet"), log); err != nil {
		t.Fatal(err)
	}
	vectors := filepath.Join(dir, "v.parquet")
	if err := parquet.WriteFile(vectors, []vector{{"p2", nil}, {"p1", []float32{1, 2}}, {"p4", []float32{2, 1}}}); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "prices.csv.gz")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte("\ufeffitem,name,price,weight\np1,a cup,2.5,\np3,a hat,4,1\n"))
	_ = z.Close()
	write(t, dir, "prices.csv.gz", b.String())
	write(t, dir, "people.csv", "user,gender,consent\n0,f,true\n1,m,false\n3,,\n77,f,\n")
	d, r := load(t, Options{Dir: dir, Profiles: filepath.Join(dir, "people.csv"), Modalities: []NamedFile{
		{Name: "text", Path: vectors}, {Name: "price", Path: table, Columns: []string{"price"}}}})
	if d.Train[0].Time != 1_000_000_000 { // 10¹² µs
		t.Errorf("time %d", d.Train[0].Time)
	}
	text, price := d.Modalities[0], d.Modalities[1]
	p1, p3 := rows(d.Items)["p1"], rows(d.Items)["p3"]
	if !reflect.DeepEqual(text.Row(p1), []float32{1, 2}) || text.Present[p3] || r.Modalities[0].Zero != 1 || r.Modalities[0].Missing != 27 || price.Row(p3)[0] != 4 {
		t.Errorf("%+v %v", r.Modalities, price.Rows)
	}
	if got := d.Profiles; len(got) != 1 || fmt.Sprintf("%q", got[0].Values) != `["f" "" "" ""]` || r.Declined != 1 {
		t.Errorf("%+v, declined %d", got, r.Declined)
	}
}

func TestTextColumn(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "interactions.csv", given)
	path := write(t, dir, "items.csv", "item,name,price\n0,a cup,1\n1,,2\n2,three hats,3\n")
	var asked []string
	o := Options{Dir: dir, Modalities: []NamedFile{{Name: "text", Path: path, Columns: []string{"name"}}, {Name: "price", Path: path, Columns: []string{"price"}}},
		Encode: func(texts []string) (vectors [][]float32, _ error) {
			asked = append(asked, texts...)
			for _, text := range texts {
				vectors = append(vectors, []float32{float32(len(text)), 1})
			}
			return vectors, nil
		}}
	d, _ := load(t, o)
	m := d.Modalities[0]
	if !reflect.DeepEqual(asked, []string{"a cup", "three hats"}) || !reflect.DeepEqual(m.Rows, []float32{5, 1, 0, 0, 10, 1, 0, 0}) || m.Present[1] || !m.Present[2] {
		t.Errorf("asked for %q, rows %v, present %v", asked, m.Rows, m.Present)
	}
	failure := errors.New("no encoder")
	o.Encode = func([]string) ([][]float32, error) { return nil, failure }
	if _, _, err := Load(o); !errors.Is(err, failure) {
		t.Error(err)
	}
	o.Encode = nil
	if _, _, err := Load(o); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), `"a cup"`) {
		t.Error(err)
	}
}

func TestTimes(t *testing.T) {
	want := int64(1291192000000 - 160000) // 2010-12-01 08:24:00 UTC
	for _, text := range []string{"2010-12-01 08:24:00", "2010-12-01T08:24:00Z", "2010-12-01T10:24:00+02:00", "1291191840", "1291191840000", "2010-12-01 08:24"} {
		c := times{zone: Options{}.must(t).Zone}
		if got, err := c.parse(text); err != nil || got != want {
			t.Errorf("%s: %d %v, want %d", text, got, err, want)
		}
	}
	c := times{layout: "02/01/2006", zone: Options{}.must(t).Zone}
	if got, err := c.parse("01/12/2010"); err != nil || got != 1291161600000 {
		t.Errorf("%d %v", got, err)
	}
}

func (o Options) must(t *testing.T) Options {
	t.Helper()
	o.Dir = "x"
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

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

// A few rows in the far future move what counts as recent.
func TestRowsFarAhead(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("user,item,time\n")
	for i := range 300 {
		fmt.Fprintf(&b, "u%d,i%d,%d\n", i%7, i%31, 1700000000+i*86400)
	}
	write(t, dir, "interactions.csv", b.String()+"u1,i30,2093-01-01\n")
	_, r := load(t, Options{Dir: dir})
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

func FuzzArray(f *testing.F) {
	f.Add([]byte(npy("<f4", "2, 1", []float32{1, 2})))
	f.Add([]byte(npy("<f2", "3,", []uint16{1, 2, 3})))
	f.Fuzz(func(t *testing.T, b []byte) {
		data, n, dim, err := parseNPY(bytes.NewReader(b))
		if err == nil && len(data) != n*dim {
			t.Errorf("%d numbers for %d×%d", len(data), n, dim)
		}
	})
}

// What was looked at in train and bought in val is asked for; what was bought in train is not, whatever came before or after.
func TestKindsOfRows(t *testing.T) {
	row := func(user, item, part string, at int64, weight float32) NamedRow {
		return NamedRow{User: user, Item: item, Part: part, Time: at, Weight: weight, Seen: weight < 5}
	}
	d, r, err := From(Tables{Split: ByTime, Full: 8, Rows: []NamedRow{
		row("u", "a", "train", 10, 1), row("u", "a", "train", 12, 1), row("u", "a", "train", 20, 5), row("u", "b", "train", 11, 1),
		row("v", "a", "train", 5, 5), row("u", "a", "val", 30, 5), row("u", "b", "val", 31, 1), row("u", "b", "val", 33, 5), row("u", "c", "val", 32, 1),
		row("v", "b", "test", 50, 5), row("u", "b", "test", 52, 5), row("u", "c", "test", 51, 5), row("v", "c", "test", 53, 1),
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Interaction{{User: 0, Item: 0, Time: 10, Last: 20, Weight: 7, Wait: 10, Look: 2}, {User: 0, Item: 1, Time: 11, Last: 11, Weight: 1, Seen: true}, {User: 1, Item: 0, Time: 5, Last: 5, Weight: 5}}
	if !reflect.DeepEqual(d.Train, want) {
		t.Errorf("train %+v", d.Train)
	}
	if len(d.Val) != 1 || d.Val[0].Item != 1 || d.Val[0].Time != 33 || len(d.Test) != 2 || d.Test[0].Item != 2 || d.Test[1].Item != 1 {
		t.Errorf("val %+v, test %+v", d.Val, d.Test)
	}
	if got := Taken(d.Train, 2); !reflect.DeepEqual(got, [][]int32{{0}, {0}}) {
		t.Errorf("taken %v", got)
	}
	if r.Targets != firstTake || d.Full != 8 {
		t.Errorf("targets: %s; full %g", r.Targets, d.Full)
	}
	s := Strength{Full: 8, Power: .5}
	if s.At(d.Train[0], 15) != .5 || s.At(d.Train[0], 21) <= .9 || s.Of(9) != 1 || (Strength{}).Of(.1) != 1 {
		t.Errorf("strengths %g, %g, %g", s.At(d.Train[0], 15), s.At(d.Train[0], 21), s.Of(9))
	}
	sum := float32(0)
	s.Each(d.Train[0], func(at int64, more float32) {
		if sum += more; at != 10 && at != 20 {
			t.Errorf("something was said at %d", at)
		}
	})
	if math.Abs(float64(sum-s.Of(7))) > 1e-6 {
		t.Errorf("%g was said in all, want %g", sum, s.Of(7))
	}
}
