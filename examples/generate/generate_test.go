package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func sampleIndex(t *testing.T) []entry {
	t.Helper()
	in, err := os.Open("../photos.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	entries, err := readIndex(in)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// The kept files are exactly what the index says, and each text is what the generator writes today.
func TestCatalogueMatchesIndex(t *testing.T) {
	const catalogue = "../catalogue"
	id := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$`)
	want := map[string]bool{}
	perClassSeen := map[string]int{}
	for _, e := range sampleIndex(t) {
		perClassSeen[e.Class]++
		if !id.MatchString(e.Product) {
			t.Errorf("product id %q is not one weft accepts", e.Product)
		}
		for _, part := range e.Parts {
			name := part + ".jpg"
			if part == partText {
				name = "product.json"
				got, err := os.ReadFile(filepath.Join(catalogue, e.Product, name))
				if err != nil {
					t.Error(err)
					continue
				}
				text, err := describeProduct(e).encode()
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, text) {
					t.Errorf("%s/%s differs from what the generator writes; run go generate ./examples/generate", e.Product, name)
				}
			}
			want[e.Product+"/"+name] = true
		}
	}
	for class := range garments {
		if perClassSeen[class] != perClass {
			t.Errorf("class %s: %d products, want %d", class, perClassSeen[class], perClass)
		}
	}
	var total int64
	files, err := filepath.Glob(catalogue + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name, _ := filepath.Rel(catalogue, path)
		if !want[filepath.ToSlash(name)] {
			t.Errorf("%s is not in photos.csv", name)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if len(files) != len(want) {
		t.Errorf("%d files in the catalogue, the index names %d", len(files), len(want))
	}
	if total > 8<<20 {
		t.Errorf("the catalogue holds %d bytes; keep it under 8 MiB, it is in every clone", total)
	}
}

// The colours in the index are the ones measured from the photos that were kept.
func TestIndexMatchesPhotos(t *testing.T) {
	for _, e := range sampleIndex(t) {
		if !e.has(partPhoto) {
			continue
		}
		img, err := readPhoto(filepath.Join("../catalogue", e.Product, "photo.jpg"))
		if err != nil {
			t.Fatal(err)
		}
		if got := measure(img); got != e.Look {
			t.Errorf("%s: the photo looks %+v, the index says %+v", e.Product, got, e.Look)
		}
	}
}

// scene paints a garment of one colour in the middle of a background, with an optional stripe across it.
func scene(background, garment, stripe color.Color) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 300, 400))
	for y := range 400 {
		for x := range 300 {
			c := background
			if x > 75 && x < 225 && y > 80 && y < 320 {
				c = garment
				if stripe != nil && y > 170 && y < 230 {
					c = stripe
				}
			}
			img.Set(x, y, c)
		}
	}
	return img
}

func TestMeasure(t *testing.T) {
	red, navy := color.RGBA{200, 25, 40, 255}, color.RGBA{20, 25, 70, 255}
	white, floor := color.RGBA{250, 250, 250, 255}, color.RGBA{170, 130, 90, 255}
	dimWhite, dimRoom := color.RGBA{190, 190, 188, 255}, color.RGBA{110, 20, 30, 255}
	for name, tc := range map[string]struct {
		img  image.Image
		want look
	}{
		"red on a wooden floor":          {scene(floor, red, nil), look{"red", ""}},
		"navy on white":                  {scene(white, navy, nil), look{"navy", ""}},
		"white on a red cloth, dim room": {scene(dimRoom, dimWhite, nil), look{"white", ""}},
		"white on white":                 {scene(white, white, nil), look{"white", ""}},
		"navy with a red stripe":         {scene(white, navy, red), look{"navy", "red"}},
	} {
		if got := measure(tc.img); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// No placeholder is left in any text, and a listing names its colour, its kind and its photos.
func TestListings(t *testing.T) {
	for _, e := range sampleIndex(t) {
		l := describeProduct(e)
		body, err := l.encode()
		if err != nil {
			t.Fatal(err)
		}
		var back listing
		if err := json.Unmarshal(body, &back); err != nil {
			t.Fatalf("%s: %v", e.Product, err)
		}
		if strings.ContainsAny(l.Title+l.Description, "{}") {
			t.Errorf("%s: a placeholder is left in %q / %q", e.Product, l.Title, l.Description)
		}
		if !strings.Contains(strings.ToLower(l.Title+" "+l.Description), e.Look.Colour) {
			t.Errorf("%s: the text does not name its colour %q: %q", e.Product, e.Look.Colour, l.Description)
		}
		photos := 0
		for _, part := range e.Parts {
			if part != partText {
				photos++
			}
		}
		if len(l.Images) != photos {
			t.Errorf("%s: %d images listed, %d kept", e.Product, len(l.Images), photos)
		}
	}
}
