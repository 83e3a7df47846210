package pixels

import "bytes"

// Formats that are decoded.
const (
	JPEG = "JPEG"
	PNG  = "PNG"
	GIF  = "GIF"
	WebP = "WebP"
)

// Info is what a file's headers say.
type Info struct {
	Format        string // JPEG, PNG, GIF or WebP
	Width, Height int    // of the whole picture, as stored
	Frames        int    // at least 1
	Orientation   int    // EXIF, 1 to 8; 1 when absent or unreadable
	Memory        int64  // bytes that decoding takes at its peak, an estimate from above

	jpeg jpegHeader
	gif  gifFrame
	webp webpFrame
}

// Probe reads a file's headers and checks them against lim (zero fields take their
// defaults), without decoding a pixel. It walks the file's structure to its end, so that
// a truncated file and an animation of too many frames are found here. Errors are *Error.
func Probe(data []byte, lim Limits) (Info, error) {
	lim = lim.withDefaults()
	if len(data) == 0 {
		return Info{}, refuse(Empty, "the file has no bytes")
	}
	if int64(len(data)) > lim.MaxBytes {
		return Info{}, refuse(TooManyBytes, "%d bytes, at most %d are allowed", len(data), lim.MaxBytes)
	}
	format, err := sniff(data)
	if err != nil {
		return Info{}, err
	}
	info := Info{Format: format, Frames: 1, Orientation: 1}
	var exif, xmp []byte
	switch format {
	case JPEG:
		exif, xmp, err = probeJPEG(data, lim, &info)
	case PNG:
		exif, xmp, err = probePNG(data, lim, &info)
	case GIF:
		err = probeGIF(data, lim, &info)
	case WebP:
		exif, xmp, err = probeWebP(data, lim, &info)
	}
	if err != nil {
		return Info{}, err
	}
	info.Orientation = orientation(exif, xmp)
	return info, nil
}

type signature struct {
	format string
	at     int
	magic  string
}

// signatures lists what a file can start with; the first ones are decoded, the others
// are images by a name that a person can act on.
func signatures() []signature {
	return []signature{
		{JPEG, 0, "\xff\xd8\xff"}, {PNG, 0, "\x89PNG\r\n\x1a\n"}, {GIF, 0, "GIF87a"}, {GIF, 0, "GIF89a"},
		{"AVIF", 4, "ftypavif"}, {"AVIF", 4, "ftypavis"},
		{"HEIC", 4, "ftypheic"}, {"HEIC", 4, "ftypheix"}, {"HEIC", 4, "ftypmif1"}, {"HEIC", 4, "ftypmsf1"},
		{"TIFF", 0, "II*\x00"}, {"TIFF", 0, "MM\x00*"},
		{"JPEG 2000", 0, "\x00\x00\x00\x0cjP  "}, {"JPEG 2000", 0, "\xff\x4f\xff\x51"},
		{"JPEG XL", 0, "\x00\x00\x00\x0cJXL "}, {"JPEG XL", 0, "\xff\x0a"},
		{"PSD", 0, "8BPS"}, {"QOI", 0, "qoif"},
	}
}

// sniff names the format by the first bytes alone: names and types of files lie.
func sniff(data []byte) (string, error) {
	if len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		return WebP, nil
	}
	for _, s := range signatures() {
		if len(data) >= s.at && bytes.HasPrefix(data[s.at:], []byte(s.magic)) {
			switch s.format {
			case JPEG, PNG, GIF:
				return s.format, nil
			}
			return "", refuse(Unsupported, "%s images are not supported; convert to JPEG, PNG, GIF or WebP", s.format)
		}
	}
	if len(data) >= 14 && data[0] == 'B' && data[1] == 'M' && bytes.Equal(data[6:10], make([]byte, 4)) {
		return "", refuse(Unsupported, "BMP images are not supported; convert to JPEG, PNG, GIF or WebP")
	}
	for _, magic := range []string{"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF8", "RIFF"} {
		if len(data) < len(magic) && len(data) > 1 && magic[:len(data)] == string(data) {
			return "", refuse(Truncated, "only the first %d bytes of an image file", len(data))
		}
	}
	if string(data[:min(4, len(data))]) == "RIFF" && len(data) < 12 {
		return "", refuse(Truncated, "only the first %d bytes of an image file", len(data))
	}
	head := bytes.ToLower(bytes.TrimLeft(data[:min(256, len(data))], "\ufeff \t\r\n"))
	switch {
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")):
		return "", refuse(NotAnImage, "the file is an HTML page")
	case bytes.HasPrefix(head, []byte("<svg")), bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<svg")):
		return "", refuse(Unsupported, "SVG images are not supported; convert to PNG")
	}
	return "", refuse(NotAnImage, "it starts with %q, as no image format does", data[:min(8, len(data))])
}
