package main

import (
	"errors"
	"path/filepath"
	"strings"
)

// writeShop makes a product of every photo below photos, which holds a folder for each class: the photo, and a listing
// written from the class and the colours measured in the photo, as for the sample.
func writeShop(photos, shop string) error {
	if photos == "" {
		return errors.New("-shop needs -photos: the folder that holds one folder of photos per class")
	}
	var entries []entry
	for _, class := range classes() {
		found, err := filepath.Glob(filepath.Join(photos, class, "*.jpg"))
		if err != nil {
			return err
		}
		for _, path := range found {
			name := strings.TrimSuffix(filepath.Base(path), ".jpg")
			e := entry{Product: class + "-" + name, Class: class, Photo: filepath.Base(path), Parts: []string{partPhoto, partText}}
			if err := keep(&e, path, filepath.Join(shop, e.Product)); err != nil {
				return err
			}
			entries = append(entries, e)
		}
	}
	return writeListings(entries, shop)
}
