// Command generate keeps the sample catalogue of examples/catalogue.
//
// Each product's text is written from its line in photos.csv (class and colours), the same on every run. With -photos
// and a folder holding one folder of photos per class it also draws the sample afresh: it chooses and copies the
// photos, and finds each garment's colours by comparing what the middle of the photo holds with its border.
// With -shop too it leaves the sample alone and makes a shop of all photos instead, each with a listing.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . -examples ..

func main() {
	photos := flag.String("photos", "", "folder with one folder of photos per class; draws the sample afresh")
	examples := flag.String("examples", "examples", "folder that holds photos.csv and catalogue/")
	shop := flag.String("shop", "", "folder to make a shop of all -photos in, one product each; the sample is left alone")
	flag.Parse()
	if *shop != "" {
		if err := writeShop(*photos, *shop); err != nil {
			fmt.Fprintln(os.Stderr, "generate:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*photos, *examples); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(photos, examples string) error {
	index, catalogue := filepath.Join(examples, "photos.csv"), filepath.Join(examples, "catalogue")
	if photos != "" {
		if err := drawSample(photos, index, catalogue); err != nil {
			return err
		}
	}
	in, err := os.Open(index)
	if err != nil {
		return err
	}
	defer in.Close()
	entries, err := readIndex(in)
	if err != nil {
		return err
	}
	return writeListings(entries, catalogue)
}

func drawSample(photos, index, catalogue string) error {
	entries, err := selectPhotos(photos, catalogue)
	if err != nil {
		return err
	}
	out, err := os.Create(index)
	if err != nil {
		return err
	}
	if err := writeIndex(out, entries); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func writeListings(entries []entry, catalogue string) error {
	for _, e := range entries {
		if !e.has(partText) {
			continue
		}
		body, err := describeProduct(e).encode()
		if err != nil {
			return err
		}
		dir := filepath.Join(catalogue, e.Product)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "product.json"), body, 0o644); err != nil {
			return err
		}
	}
	return nil
}
