package main

import (
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	perClass      = 24       // products of each class
	maxPhotoBytes = 60 << 10 // larger photos are passed over: the sample lives in the repository
	detailQuality = 85
)

// partsOf says what is kept of the nth product of a class: most have a photo and a text, two of them a close-up as
// well; one has no text and one no photo, as happens in shops.
func partsOf(n int) []string {
	switch n {
	case 3, 19:
		return []string{partPhoto, partDetail, partText}
	case 7:
		return []string{partPhoto}
	case 15:
		return []string{partText}
	default:
		return []string{partPhoto, partText}
	}
}

// selectPhotos picks the sample from a folder with one folder of photos per class, copies the photos into catalogue
// and returns the index. The choice is every nth photo by name.
func selectPhotos(photos, catalogue string) ([]entry, error) {
	var entries []entry
	for _, class := range classes() {
		names, err := candidates(filepath.Join(photos, class))
		if err != nil {
			return nil, err
		}
		for n := range perClass {
			name := names[n*len(names)/perClass]
			e := entry{Product: class + "-" + strings.SplitN(name, "-", 2)[0], Class: class, Photo: name, Parts: partsOf(n)}
			if err := keep(&e, filepath.Join(photos, class, name), filepath.Join(catalogue, e.Product)); err != nil {
				return nil, fmt.Errorf("%s/%s: %w", class, name, err)
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func classes() []string {
	names := make([]string, 0, len(garments))
	for class := range garments {
		names = append(names, class)
	}
	slices.Sort(names)
	return names
}

// candidates lists the photos of a class that are small enough, by name.
func candidates(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(f.Name(), ".jpg") && info.Size() <= maxPhotoBytes {
			names = append(names, f.Name())
		}
	}
	if len(names) < perClass {
		return nil, fmt.Errorf("%s: %d usable photos, want at least %d", dir, len(names), perClass)
	}
	return names, nil
}

// keep measures the photo and writes the parts of e that are files of their own; the text follows from the index.
func keep(e *entry, photo, dir string) error {
	img, err := readPhoto(photo)
	if err != nil {
		return err
	}
	e.Look = measure(img)
	if !e.has(partPhoto) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	body, err := os.ReadFile(photo)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), body, 0o644); err != nil {
		return err
	}
	if !e.has(partDetail) {
		return nil
	}
	out, err := os.Create(filepath.Join(dir, "detail.jpg"))
	if err != nil {
		return err
	}
	if err := jpeg.Encode(out, middle(img), &jpeg.Options{Quality: detailQuality}); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func readPhoto(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return jpeg.Decode(f)
}

// middle is a copy of the middle of img, three fifths of each side: where the garment fills the frame.
func middle(img image.Image) image.Image {
	b := img.Bounds()
	crop := image.NewRGBA(image.Rect(0, 0, b.Dx()*3/5, b.Dy()*3/5))
	draw.Draw(crop, crop.Bounds(), img, b.Min.Add(image.Pt(b.Dx()/5, b.Dy()/5)), draw.Src)
	return crop
}
