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

// What was stated after train's end is for content alone.
func TestContentKnowsWhatWasStatedLater(t *testing.T) {
	var rows []NamedRow
	for i, part := range []string{"train", "val", "test"} {
		for u, item := range []string{"a", "b", "c", "a"} {
			if part != "train" {
				item = []string{"b", "c", "a", "c"}[u]
			}
			rows = append(rows, NamedRow{User: fmt.Sprint("u", (u+i)%5), Item: item, Time: int64(100*i + u + 1), Part: part, Weight: 1})
		}
	}
	tables := Tables{Split: ByTime, Rows: rows, Features: []NamedFeatures{{Name: "text", Dim: 2, IDs: []string{"a", "b"}, Rows: []float32{1, 2, 3, 4}}}, Categories: map[string]string{"a": "hat"}}
	d, _, err := From(tables)
	if err != nil {
		t.Fatal(err)
	}
	if m, c := d.Content(); &m[0].Rows[0] != &d.Modalities[0].Rows[0] || c[0] != "hat" {
		t.Error("without anything later, content knows what all know")
	}
	tables.Later = NamedFeatures{Name: "text", Dim: 2, IDs: []string{"c", "stranger"}, Rows: []float32{5, 6, 7, 8}}
	tables.LaterCategories = map[string]string{"c": "shoe", "stranger": "shoe"}
	if d, _, err = From(tables); err != nil {
		t.Fatal(err)
	}
	m, c := d.Content()
	if !reflect.DeepEqual(m[0].Rows, []float32{1, 2, 3, 4, 5, 6}) || !m[0].Present[2] || !reflect.DeepEqual(c, []string{"hat", "", "shoe"}) {
		t.Errorf("content knows %v %v %q", m[0].Rows, m[0].Present, c)
	}
	if d.Modalities[0].Present[2] || d.Modalities[0].Row(2)[0] != 0 || d.Categories[2] != "" {
		t.Errorf("ranking knows %v, %q", d.Modalities[0].Rows, d.Categories)
	}
}
