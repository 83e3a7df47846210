package tasks

import (
	"path"
	"strings"
)

// MediaPrefix begins every key that the catalogue team owns, below the tenant.
const MediaPrefix = "media/"

// ListingName is the file that holds a product's listing.
const ListingName = "product.json"

// Modality names what an encoder reads. The set is open: a manifest may name
// others.
type Modality string

// The modalities that weft's own extractors read.
const (
	Image Modality = "image"
	Text  Modality = "text"
)

// Medium is an object below media/, as its key tells.
type Medium struct {
	Key      string    // below the tenant: media/<product-id>/<name>
	Product  ProductID // "" where the folder is not a valid id
	Modality Modality  // "" for a file that weft ignores
	Err      error     // why the key is refused (wraps ErrBadID), else nil
}

var photoExtensions = map[string]bool{".jpg": true, ".jpeg": true, ".png": true, ".webp": true, ".gif": true}

// ParseMediaKey reads a key below the tenant. A key that weft ignores (another
// extension, a file directly in media/, a deeper folder) has no modality and no
// error; a photo or listing under a bad id or a bad name has an error.
func ParseMediaKey(key string) Medium {
	m := Medium{Key: key}
	folder, name, ok := strings.Cut(strings.TrimPrefix(key, MediaPrefix), "/")
	if !ok || !strings.HasPrefix(key, MediaPrefix) || strings.Contains(name, "/") {
		return m
	}
	switch {
	case name == ListingName:
		m.Modality = Text
	case photoExtensions[strings.ToLower(path.Ext(name))] && !strings.HasPrefix(name, "."):
		m.Modality = Image
	default:
		return m
	}
	if m.Product, m.Err = ParseProductID(folder); m.Err == nil {
		m.Err = CheckName(name)
	}
	return m
}

// ProductPrefix is the folder of one product below the tenant, with its slash.
func ProductPrefix(id ProductID) string { return MediaPrefix + string(id) + "/" }
