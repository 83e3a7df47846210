package dataset

import (
	"fmt"
	"strconv"
	"strings"
)

// NPYHeader begins a .npy file (format 1.0) of an element type, such as <f4, and a shape, in C order; the numbers follow it
// as they lie in memory. They begin at a multiple of 64 bytes, and for up to two dimensions below 2³¹ always at the same.
func NPYHeader(dtype string, shape ...int) []byte {
	var dims []string
	for _, n := range shape {
		dims = append(dims, strconv.Itoa(n))
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += "," // as Python writes a tuple of one
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", dtype, tuple)
	const head = 10 // magic, version and the length of the dictionary
	pad := 64 - (head+len(dict)+1)%64
	dict += strings.Repeat(" ", pad%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8))
	return append(b, dict...)
}
