package main

import (
	"fmt"
	"strings"
)

// npyHeader begins a .npy file (format 1.0) of the given element type and shape,
// in C order. The data follow it as they lie in memory.
func npyHeader(dtype string, shape ...int) []byte {
	var dims strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&dims, "%d, ", n)
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", dtype, dims.String())
	const head = 10 // magic, version and the length of the dictionary
	pad := 64 - (head+len(dict)+1)%64
	dict += strings.Repeat(" ", pad%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8))
	return append(b, dict...)
}
