package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"weft/tasks"
)

// contents makes files for the shop from the sample catalogue: photos with changed
// pixels, listings with changed words, and poison.
type contents struct {
	photos   []image.Image
	listings []map[string]any
	poison   []poison
}

// poison is a file that must end as dead for one reason.
type poison struct {
	name   string // of the file: product.json or a photo's
	reason tasks.Reason
	body   []byte
}

const mostPhotos = 80 // decoded and kept

func loadContents(folder string) (*contents, error) {
	c := &contents{}
	var whole []byte
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".jpg":
			if len(c.photos) >= mostPhotos {
				return nil
			}
			photo, err := jpeg.Decode(bytes.NewReader(body))
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			c.photos = append(c.photos, photo)
			whole = body
		case ".json":
			var listing map[string]any
			if err := json.Unmarshal(body, &listing); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			delete(listing, "images")
			c.listings = append(c.listings, listing)
		}
		return nil
	})
	if err == nil && (len(c.photos) == 0 || len(c.listings) == 0) {
		err = fmt.Errorf("%s holds no photos or no listings", folder)
	}
	c.poison = poisons(whole)
	return c, err
}

// photo is a JPEG whose pixels differ with every draw of the dice.
func (c *contents) photo(dice *rand.Rand) []byte {
	base := c.photos[dice.IntN(len(c.photos))]
	b := base.Bounds()
	canvas := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(canvas, canvas.Bounds(), base, b.Min, draw.Src)
	for range 3 {
		x, y := dice.IntN(b.Dx()), dice.IntN(b.Dy())
		patch := image.Rect(x, y, x+b.Dx()/4, y+b.Dy()/4)
		paint := color.RGBA{uint8(dice.UintN(256)), uint8(dice.UintN(256)), uint8(dice.UintN(256)), 255}
		draw.Draw(canvas, patch, image.NewUniform(paint), image.Point{}, draw.Src)
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, canvas, &jpeg.Options{Quality: 80}) // a bytes.Buffer takes everything
	return out.Bytes()
}

// listing is a product.json whose words differ with nearly every draw.
func (c *contents) listing(dice *rand.Rand) []byte {
	l := map[string]any{}
	for k, v := range c.listings[dice.IntN(len(c.listings))] {
		l[k] = v
	}
	l["title"] = fmt.Sprintf("%v, series %d", l["title"], dice.IntN(100_000))
	l["price"] = float64(dice.IntN(20_000)) / 100
	body, _ := json.Marshal(l) // came from JSON
	return body
}

// bad is some poison.
func (c *contents) bad(dice *rand.Rand) poison { return c.poison[dice.IntN(len(c.poison))] }

// poisons are files that no encoder can be given; photo is a whole JPEG.
func poisons(photo []byte) []poison {
	frame := slices.Index(photo, 0xc0) // of the frame header's marker, before any entropy-coded data
	for frame > 0 && photo[frame-1] != 0xff {
		frame += 1 + slices.Index(photo[frame+1:], 0xc0)
	}
	huge := bytes.Clone(photo)
	copy(huge[frame+4:], "\x75\x30\x75\x30") // 30,000 x 30,000
	return []poison{
		{"empty.jpg", tasks.ReasonEmpty, nil},
		{"page.jpg", tasks.ReasonNotAnImage, []byte("<!DOCTYPE html><html><body>404 Not Found</body></html>")},
		{"zeros.png", tasks.ReasonNotAnImage, make([]byte, 4096)},
		{"short.jpg", tasks.ReasonTruncated, photo[:len(photo)/2]},
		{"bare.jpg", tasks.ReasonCorrupt, []byte("\xff\xd8\xff\xd9")},
		{"cut.jpg", tasks.ReasonCorrupt, slices.Concat(photo[:len(photo)*2/3], photo[len(photo)-2:])},
		{"huge.jpg", tasks.ReasonTooManyPixels, huge},
		{"other.webp", tasks.ReasonUnsupported, []byte("II*\x00\x08\x00\x00\x00")},
		{"apple.jpg", tasks.ReasonUnsupported, []byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00")},
		{tasks.ListingName, tasks.ReasonBadJSON, []byte(`{"title": "Red dress`)},
		{tasks.ListingName, tasks.ReasonBadListing, []byte(`{"title": 7}`)},
		{tasks.ListingName, tasks.ReasonEmptyText, []byte(`{}`)},
	}
}
