package browser

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"weft/processtest"
)

// samplePhoto copies a photo of the sample under a name of its own.
func samplePhoto(t *testing.T, product, name string) string {
	t.Helper()
	found, err := filepath.Glob("../../../examples/catalogue/" + product + "/photo.jpg")
	if err != nil || len(found) == 0 {
		t.Fatalf("no sample photo of %s: %v", product, err)
	}
	body, err := os.ReadFile(found[0])
	must(t, err)
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, body, 0o644))
	return path
}

// bomb is a PNG of few bytes that asks for 3.6 gigapixels.
func bomb(t *testing.T) string {
	t.Helper()
	const side = 60_000
	b := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, body []byte) {
		_ = binary.Write(b, binary.BigEndian, uint32(len(body)))
		b.WriteString(kind)
		b.Write(body)
		_ = binary.Write(b, binary.BigEndian, crc32.ChecksumIEEE(append([]byte(kind), body...)))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	chunk("IHDR", append(head, 1, 0, 0, 0, 0))
	var packed bytes.Buffer
	z, row := zlib.NewWriter(&packed), make([]byte, side/8+1)
	for range side {
		_, _ = z.Write(row)
	}
	must(t, z.Close())
	chunk("IDAT", packed.Bytes())
	chunk("IEND", nil)
	path := filepath.Join(t.TempDir(), "bomb.png")
	must(t, os.WriteFile(path, b.Bytes(), 0o644))
	return path
}

// pictures counts the photos that an element shows.
func (s *shop) pictures(selector string) int {
	return eval[int](s, fmt.Sprintf("[...document.querySelectorAll(%q)].filter((i) => i.complete && i.naturalWidth > 0).length", selector+" img"))
}

// A catalogue manager, the service desk and an engineer each go their way, with the
// mouse, through one running shop.
func TestRoads(t *testing.T) {
	s := open(t, nil, "dress-*", "hat-0*", "skirt-0*")
	t.Run("a dropped photo becomes a vector with neighbours", func(t *testing.T) { s.dropPhoto(t) })
	t.Run("a photo bomb is refused", func(t *testing.T) { s.dropBomb(t) })
	t.Run("dead letters are retried and dropped", func(t *testing.T) { s.mend(t) })
	t.Run("search by words and by a photo", func(t *testing.T) { s.search(t) })
	t.Run("the service desk sees a shopper", func(t *testing.T) { s.serviceDesk(t) })
	t.Run("the overview lives, reports and models are there", func(t *testing.T) { s.engineer(t) })
	t.Run("the keyboard is enough", func(t *testing.T) { s.byKeyboard(t) })
}

func (s *shop) dropPhoto(t *testing.T) {
	s.visit(t, "")
	s.run(t, "to the catalogue", chromedp.Click(`nav a[href$="/catalogue"]`, chromedp.NodeVisible))
	processtest.Until(t, "the products are shown as pictures", func() bool { return s.pictures("#grid") > 5 })
	s.picture(t, "catalogue")
	s.run(t, "choosing a photo", chromedp.SetUploadFiles("#files", []string{samplePhoto(t, "dress-07bf93d6", "Evening dress.JPG")}),
		chromedp.WaitVisible("#new"))
	if got := eval[string](s, `document.getElementById("new-id").value`); got != "evening-dress" {
		t.Errorf("the id that is suggested: %q", got)
	}
	s.run(t, "adding it", chromedp.SendKeys("#new-title", "An evening dress"), chromedp.Click("#add"))
	s.shows(t, "#state", "Vector ready")
	processtest.Until(t, "its neighbours are shown as pictures", func() bool { return s.pictures("#near") >= 6 })
	if nearest := eval[string](s, `document.querySelector("#near [data-product]").dataset.product`); nearest != "dress-07bf93d6" {
		t.Errorf("nearest to a copy of a photo is %q", nearest)
	}
	if path := eval[string](s, "location.pathname"); path != "/console/default/products/evening-dress" {
		t.Errorf("led to %s", path)
	}

	s.run(t, "editing the listing", chromedp.SendKeys("#price", "49.5"), chromedp.SendKeys("#attributes", "colour: charcoal\nsleeves: 2"), chromedp.Click("#listing button.main"))
	s.shows(t, "#saved", "Saved.")
	var stored struct {
		Title      string
		Price      float64
		Attributes map[string]any
	}
	if status := s.send(t, "GET", "products/evening-dress/listing", nil, &stored); status != 200 || stored.Title != "An evening dress" || stored.Price != 49.5 || stored.Attributes["colour"] != "charcoal" || stored.Attributes["sleeves"] != 2.0 {
		t.Errorf("stored as %+v, %d", stored, status)
	}
	s.shows(t, "#media", "product.json")
	s.picture(t, "product")

	// Somebody else changes the listing meanwhile: nothing of theirs is lost.
	s.send(t, "PUT", "products/evening-dress", strings.NewReader(`{"title":"Theirs"}`), nil)
	s.run(t, "saving over it", chromedp.Click("#listing button.main"))
	s.shows(t, "#listing-why", "Somebody else has changed the listing")
	s.calm(t)
}

func (s *shop) dropBomb(t *testing.T) {
	s.visit(t, "products/evening-dress")
	s.shows(t, "#state", "Vector ready")
	s.run(t, "choosing a bomb", chromedp.SetUploadFiles("#files", []string{bomb(t)}))
	s.shows(t, "#media", "Too many pixels")
	s.shows(t, "#media", "60000 × 60000 pixels")
	s.shows(t, "#state", "Vector ready") // of the photo that could be read
	s.run(t, "choosing no photo", chromedp.SetUploadFiles("#files", []string{filepath.Join(s.dir, "weft.lock")}))
	s.shows(t, "#problems", "not a JPEG")
	s.calm(t)
}

type letters struct {
	Letters []struct {
		Key  string
		Time time.Time
	}
}

func (s *shop) mend(t *testing.T) {
	photo, err := os.ReadFile(samplePhoto(t, "dress-07bf93d6", "x.jpg"))
	must(t, err)
	s.send(t, "PUT", "products/torn/images/front.jpg", bytes.NewReader(photo[:len(photo)/2]), nil)
	var before letters
	processtest.Until(t, "two letters", func() bool { s.send(t, "GET", "deadletters", nil, &before); return len(before.Letters) == 2 })
	s.visit(t, "deadletters")
	s.shows(t, "#letters", "torn / front.jpg")
	s.shows(t, "#letters", "Cut off")
	processtest.Until(t, "what there is of the photo is shown", func() bool { return s.pictures("#letters") == 1 })
	s.picture(t, "deadletters")

	s.run(t, "only those cut off", chromedp.Click(`label[for="r-truncated"]`))
	processtest.Until(t, "one is left in view", func() bool {
		return eval[int](s, `document.querySelectorAll("#letters [data-key]").length`) == 1
	})
	s.run(t, "trying again", chromedp.Click(`[data-key="media/torn/front.jpg"] button`))
	s.shows(t, "#count", "1 letter")
	processtest.Until(t, "it was tried, in vain", func() bool {
		var now letters
		s.send(t, "GET", "deadletters?reason=truncated", nil, &now)
		return len(now.Letters) == 1 && now.Letters[0].Time.After(before.Letters[len(before.Letters)-1].Time)
	})
	s.shows(t, "#letters", "torn / front.jpg")

	s.visit(t, "deadletters")
	s.run(t, "dropping one, after all not", chromedp.Click(`[data-key="media/torn/front.jpg"] button.plain`, chromedp.NodeVisible), chromedp.Click(`#sure button[value="no"]`, chromedp.NodeVisible))
	s.run(t, "dropping one", chromedp.Click(`[data-key="media/torn/front.jpg"] button.plain`), chromedp.Click(`#sure button[value="yes"]`, chromedp.NodeVisible))
	s.shows(t, "#count", "1 letter dropped")
	var after letters
	if s.send(t, "GET", "deadletters", nil, &after); len(after.Letters) != 1 || after.Letters[0].Key != "media/evening-dress/bomb.png" {
		t.Errorf("left are %+v", after)
	}
	s.calm(t)
}

func (s *shop) search(t *testing.T) {
	s.visit(t, "search")
	s.run(t, "by words", chromedp.SendKeys("#q", "a warm hat"), chromedp.Click("#words button"))
	s.shows(t, "#said", "“a warm hat”")
	first := eval[string](s, `document.querySelector("#grid [data-product]")?.dataset.product`)
	if !strings.HasPrefix(first, "hat-") {
		t.Errorf("first for a warm hat is %q", first)
	}
	processtest.Until(t, "shown as pictures", func() bool { return s.pictures("#grid") > 3 })
	s.picture(t, "search")
	s.run(t, "by a photo", chromedp.SetUploadFiles("#files", []string{samplePhoto(t, "dress-07bf93d6", "snapshot.jpg")}))
	s.shows(t, "#said", "snapshot.jpg")
	if first := eval[string](s, `document.querySelector("#grid [data-product]").dataset.product`); first != "evening-dress" && first != "dress-07bf93d6" {
		t.Errorf("first for a photo of the shop is %q", first)
	}
	s.run(t, "by a bomb", chromedp.SetUploadFiles("#files", []string{bomb(t)}))
	s.shows(t, "#problems", "60000x60000 pixels")
	s.calm(t)
}

func (s *shop) serviceDesk(t *testing.T) {
	now := time.Now()
	var rows strings.Builder
	for i, product := range []string{"dress-07bf93d6", "evening-dress"} {
		fmt.Fprintf(&rows, `{"id":"e%d","user":"anna","product":%q,"type":%q,"time":%q}`+"\n", i, product, []string{"purchase", "view"}[i], now.Add(time.Duration(i-10)*time.Hour).UTC().Format(time.RFC3339))
	}
	if status := s.send(t, "POST", "events", strings.NewReader(rows.String()), nil, "Content-Type", "application/x-ndjson"); status != 202 {
		t.Fatalf("events: %d", status)
	}
	processtest.Until(t, "anna has a vector", func() bool {
		var known struct{ Vector *struct{ Generation string } }
		return s.send(t, "GET", "users/anna", nil, &known) == 200 && known.Vector != nil
	})
	s.visit(t, "shoppers")
	s.run(t, "asking for anna", chromedp.SendKeys("#user", "anna"), chromedp.Click("#find button"))
	s.shows(t, "#history", "bought")
	s.shows(t, "#road", "this shopper's own vector")
	s.shows(t, "#road", "1 product already bought is left out")
	s.shows(t, "#profile", "1 basket")
	processtest.Until(t, "offers are shown as pictures", func() bool { return s.pictures("#next") >= 6 })
	if eval[bool](s, `!!document.querySelector('#next [data-product="dress-07bf93d6"]')`) {
		t.Error("what she has bought is offered")
	}
	s.run(t, "asking why", chromedp.Click("#next button"))
	processtest.Until(t, "it says why, or why it cannot", func() bool { got := s.text("#explanation"); return got != "" && got != "Asking …" })
	s.picture(t, "shopper")
	s.visit(t, "shoppers/nobody")
	s.shows(t, "#said", "is not known")
	s.shows(t, "#road", "Not personal")
	s.calm(t)
}

func (s *shop) engineer(t *testing.T) {
	s.visit(t, "")
	s.shows(t, "#pulse", "Live")
	s.shows(t, "#tiles", "everything is up to date")
	s.shows(t, "#crew", "/s")
	s.shows(t, "#last", "Too many pixels")
	s.picture(t, "overview")
	s.visit(t, "models")
	s.shows(t, "#generations", "efficientnet-lite0")
	s.visit(t, "reports")
	s.shows(t, "#reports", "None yet")
	must(t, os.MkdirAll(filepath.Join(s.dir, "bucket/default/lake/v1/reports"), 0o755))
	const page = `<!DOCTYPE html><style>p{color:rgb(1,2,3)}</style><script>parent.document.title="ran"</script><p>Figures`
	must(t, os.WriteFile(filepath.Join(s.dir, "bucket/default/lake/v1/reports/20260102t030405z-data.html"), []byte(page), 0o644))
	s.visit(t, "reports")
	s.run(t, "opening it", chromedp.Click("#reports a", chromedp.NodeVisible))
	processtest.Until(t, "it is framed", func() bool {
		return strings.HasPrefix(eval[string](s, `document.getElementById("frame")?.src ?? ""`), "blob:")
	})
	if title := eval[string](s, "document.title"); title == "ran" {
		t.Error("a report ran a script")
	}
}
