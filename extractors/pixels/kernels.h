/*
 * Pixel kernels of package pixels. All of them are pure functions over memory
 * that the caller owns; none allocates, keeps a pointer or calls back into Go.
 */
#ifndef WEFT_PIXELS_KERNELS_H
#define WEFT_PIXELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that must be readable behind the last source byte of a kernel. */
#define WEFT_SLACK 64

/* Fixed-point bits of a resize weight (8-bit samples, 32-bit sums). */
#define WEFT_PRECISION 22

/* Bits of a weight that go into the low one of its two 16-bit halves. */
#define WEFT_LOW_BITS 11

/*
 * weft_resize_rows: the horizontal pass. For each of `rows` rows of 4-byte pixels
 * it writes n packed 3-byte pixels; up to one byte behind a row's last pixel is
 * overwritten, so dst_stride >= 3*n+1.
 *   start[i], count[i]  first source pixel and number of taps of output i
 *   weights[i*ksize+t]  22-bit fixed-point weight of tap t
 *   quads               the same weights in groups of four taps: 4 high halves, then
 *                       4 low halves, zero-filled; quad_stride int16 values per output
 * avx2 says whether the processor has it (weft_have_avx2); results do not depend on it.
 */
void weft_resize_rows(int avx2, const uint8_t *src, ptrdiff_t src_stride, int rows,
                      int n, const int32_t *start, const int32_t *count,
                      const int32_t *weights, int ksize,
                      const int16_t *quads, int quad_stride,
                      uint8_t *dst, ptrdiff_t dst_stride);

/*
 * weft_resize_columns: the vertical pass. Output row i is the weighted sum of rows
 * start[i]... of src, `width` bytes each, whatever the pixel layout.
 */
void weft_resize_columns(int avx2, const uint8_t *src, ptrdiff_t src_stride, int width,
                         int n, const int32_t *start, const int32_t *count,
                         const int32_t *weights, int ksize,
                         uint8_t *dst, ptrdiff_t dst_stride);

/* weft_transpose_rgb: dst[y][x] = src[x][y] for n*n packed RGB pixels. */
void weft_transpose_rgb(const uint8_t *src, ptrdiff_t src_stride, int n, uint8_t *dst);

/* weft_over_white: composites n non-premultiplied RGBA pixels over white, in place. */
void weft_over_white(uint8_t *rgba, size_t n);

/* weft_cmyk: turns n inverted (Adobe) CMYK pixels into RGBX, in place. */
void weft_cmyk(uint8_t *cmyk, size_t n);

/*
 * weft_jpeg_ycc: YCbCr planes to RGBX as libjpeg does, with its "fancy" chroma
 * upsampling for 2x1, 2x2 and 1x2 (hsub x vsub); other ratios replicate.
 * line is scratch of 2*(w+16) bytes.
 */
void weft_jpeg_ycc(const uint8_t *y, ptrdiff_t y_stride, const uint8_t *cb, const uint8_t *cr,
                   ptrdiff_t c_stride, int w, int h, int hsub, int vsub,
                   uint8_t *line, uint8_t *dst);

/* weft_webp_yuv: 4:2:0 limited-range YUV planes to RGBX as libwebp's fancy upsampler does. */
void weft_webp_yuv(const uint8_t *y, ptrdiff_t y_stride, const uint8_t *u, const uint8_t *v,
                   ptrdiff_t c_stride, int w, int h, uint8_t *dst);

/* weft_planes: plane[c][i] = (rgb[3*i+c] - mean[c]) / std[c] for n pixels, correctly rounded. */
void weft_planes(const uint8_t *rgb, size_t n, const float mean[3], const float std[3],
                 float *r, float *g, float *b);

/* weft_have_avx2: whether the AVX2 kernels can run here. */
int weft_have_avx2(void);

#ifdef __x86_64__
void weft_resize_rows_avx2(const uint8_t *src, ptrdiff_t src_stride, int rows, int n,
                           const int32_t *start, const int32_t *count,
                           const int16_t *quads, int quad_stride,
                           uint8_t *dst, ptrdiff_t dst_stride);
void weft_resize_columns_avx2(const uint8_t *src, ptrdiff_t src_stride, int width, int n,
                              const int32_t *start, const int32_t *count,
                              const int32_t *weights, int ksize,
                              uint8_t *dst, ptrdiff_t dst_stride);
void weft_planes_avx2(const uint8_t *rgb, size_t n, const float mean[3], const float std[3],
                      float *const plane[3]);
#endif

#endif
