package pixels

import (
	"bytes"
	"encoding/binary"
)

const (
	tagOrientation = 0x0112
	maxIFDEntries  = 4096
)

// orientation returns the EXIF orientation, 1 to 8. Metadata that cannot be read says
// nothing: the answer is then that of the XMP packet, or 1.
func orientation(exif, xmp []byte) int {
	if o, ok := exifOrientation(exif); ok {
		return o
	}
	if o, ok := xmpOrientation(xmp); ok {
		return o
	}
	return 1
}

// exifOrientation reads the tag from a TIFF structure's first directory. A value out of
// range counts as upright, and as an answer.
func exifOrientation(b []byte) (int, bool) {
	for range 2 { // some writers put the prefix twice
		b = bytes.TrimPrefix(b, []byte("Exif\x00\x00"))
	}
	if len(b) < 8 {
		return 0, false
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0, false
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 0, false
	}
	entries := min(int(order.Uint16(b[at:])), maxIFDEntries)
	value, found := 0, false
	for e := b[at+2:]; entries > 0 && len(e) >= 12; entries, e = entries-1, e[12:] {
		if order.Uint16(e) != tagOrientation {
			continue
		}
		if v, ok := tagValue(b, e, order); ok {
			value, found = v, true
		}
	}
	if value < 1 || value > 8 {
		value = 1
	}
	return value, found
}

// tagValue returns the first value of a directory entry of an integer type.
func tagValue(b, entry []byte, order binary.ByteOrder) (int, bool) {
	size := int64(0)
	switch order.Uint16(entry[2:]) {
	case 3, 8: // short, signed short
		size = 2
	case 4, 9: // long, signed long
		size = 4
	default:
		return 0, false
	}
	count := int64(order.Uint32(entry[4:]))
	value := entry[8:]
	if count*size > 4 { // too long for the entry: it lies elsewhere
		at := int64(order.Uint32(value))
		if at+count*size > int64(len(b)) {
			return 0, false
		}
		value = b[at:]
	}
	switch {
	case count == 0:
		return 0, false
	case size == 2:
		return int(order.Uint16(value)), true
	}
	return int(order.Uint32(value)), true
}

// xmpOrientation finds tiff:Orientation, as attribute or element, without parsing XML.
func xmpOrientation(b []byte) (int, bool) {
	name := []byte("tiff:Orientation")
	for {
		i := bytes.Index(b, name)
		if i < 0 {
			return 0, false
		}
		b = b[i+len(name):]
		rest, ok := bytes.CutPrefix(b, []byte(`="`))
		if !ok {
			rest, ok = bytes.CutPrefix(b, []byte(">"))
		}
		if ok && len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
			if v := int(rest[0] - '0'); v >= 1 && v <= 8 {
				return v, true
			}
			return 1, true
		}
	}
}
