package pixels

/*
#include "kernels.h"
*/
import "C"

// Tensor writes one prepared image as an encoder's input: three planes of size*size
// float32, (value - mean) / std, each the correctly rounded float32 result. rgb holds
// size*size*3 bytes and dst room for as many floats; both must (it panics as any short
// slice does). mean and std are in units of 0 to 255 and in the order of the planes,
// which is red, green, blue, or blue, green, red with bgr.
func Tensor(dst []float32, rgb []byte, size int, mean, std [3]float32, bgr bool) {
	n := size * size
	dst, rgb = dst[:3*n], rgb[:3*n]
	if n == 0 {
		return
	}
	plane := [3]*C.float{(*C.float)(&dst[0]), (*C.float)(&dst[n]), (*C.float)(&dst[2*n])}
	if bgr {
		plane[0], plane[2] = plane[2], plane[0]
		mean[0], mean[2] = mean[2], mean[0]
		std[0], std[2] = std[2], std[0]
	}
	C.weft_planes((*C.uint8_t)(&rgb[0]), C.size_t(n), (*C.float)(&mean[0]), (*C.float)(&std[0]), plane[0], plane[1], plane[2])
}
