package pixels

/*
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "native.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// native holds the functions of the loaded libraries. Libraries stay loaded for the life
// of the process; loading one again is free.
type native struct {
	turbo C.struct_weft_turbo
	libwp C.struct_weft_webp
}

const reasonBytes = 512

func load(libs Libraries) (*native, error) {
	n := new(native)
	err := open(libs.TurboJPEG, turboJPEG(), func(path, why *C.char) C.int {
		return C.weft_turbo_open(path, &n.turbo, why, reasonBytes)
	})
	if err != nil {
		return nil, err
	}
	err = open(libs.WebP, libWebP(), func(path, why *C.char) C.int {
		return C.weft_webp_open(path, &n.libwp, why, reasonBytes)
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// open tries the one path given, or else the usual names in turn.
func open(path string, lib library, try func(path, why *C.char) C.int) error {
	names := lib.names
	if path != "" {
		names = []string{path}
	}
	why := (*C.char)(C.malloc(reasonBytes))
	defer C.free(unsafe.Pointer(why))
	first := ""
	for _, name := range names {
		c := C.CString(name)
		rc := try(c, why)
		C.free(unsafe.Pointer(c))
		if rc == 0 {
			return nil
		}
		if first == "" {
			first = C.GoString(why)
		}
	}
	return fmt.Errorf("%w: %s (tried %q: %s); %s, or name its file in Libraries.%s, or use class %q",
		ErrLibrary, lib.name, names, first, lib.install, lib.field, Go)
}

func (n *native) jpeg(bufs *buffers, data []byte, info *Info) (raster, error) {
	r := bufs.raster(info.Width, info.Height)
	format := C.int(C.WEFT_RGBX)
	if info.jpeg.components == 4 {
		format = C.WEFT_CMYK
	}
	var why [reasonBytes]C.char
	rc := C.weft_turbo_decode(&n.turbo, (*C.uint8_t)(&data[0]), C.size_t(len(data)),
		C.int(r.w), C.int(r.h), format, (*C.uint8_t)(&r.pix[0]), &why[0], reasonBytes)
	switch {
	case rc < 0:
		bufs.put(r.pix)
		return raster{}, refuse(Corrupt, "JPEG: %s", C.GoString(&why[0]))
	case rc > 0:
		bufs.put(r.pix)
		return raster{}, refuse(Corrupt, "JPEG: headers that contradict each other")
	}
	if format == C.WEFT_CMYK {
		cmykToRGB(r)
	}
	return r, nil
}

// webp decodes to straight RGBA.
func (n *native) webp(r raster, still []byte) error {
	switch rc := C.weft_webp_decode(&n.libwp, (*C.uint8_t)(&still[0]), C.size_t(len(still)),
		C.int(r.w), C.int(r.h), (*C.uint8_t)(&r.pix[0])); {
	case rc < 0:
		return refuse(Corrupt, "WebP: libwebp cannot decode it")
	case rc > 0:
		return refuse(Corrupt, "WebP: headers that contradict each other")
	}
	return nil
}
