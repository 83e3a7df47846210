/* Resize kernels in portable C, and the choice between them and the AVX2 ones. */
#include "kernels.h"

#include <string.h>

int weft_have_avx2(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2");
#else
    return 0;
#endif
}

static inline uint8_t clip(int32_t sum)
{
    int32_t v = sum >> WEFT_PRECISION;
    return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

/* One pixel, its unused byte included. gcc and clang map these to NEON or SSE. */
typedef uint8_t pixel __attribute__((vector_size(4)));
typedef int32_t lanes __attribute__((vector_size(16)));

static void rows_portable(const uint8_t *src, ptrdiff_t src_stride, int rows, int n,
                          const int32_t *start, const int32_t *count,
                          const int32_t *weights, int ksize,
                          uint8_t *dst, ptrdiff_t dst_stride)
{
    for (int r = 0; r < rows; r++, src += src_stride, dst += dst_stride) {
        uint8_t *out = dst;
        for (int i = 0; i < n; i++, out += 3) {
            const uint8_t *p = src + 4 * (size_t)start[i];
            const int32_t *k = weights + (size_t)i * ksize;
            const int32_t half = 1 << (WEFT_PRECISION - 1);
            lanes sum = {half, half, half, half};
            for (int t = 0; t < count[i]; t++, p += 4) {
                pixel px;
                memcpy(&px, p, sizeof px);
                sum += __builtin_convertvector(px, lanes) * k[t];
            }
            out[0] = clip(sum[0]);
            out[1] = clip(sum[1]);
            out[2] = clip(sum[2]);
        }
    }
}

enum { SPAN = 64 };

static void columns_portable(const uint8_t *src, ptrdiff_t src_stride, int width, int n,
                             const int32_t *start, const int32_t *count,
                             const int32_t *weights, int ksize,
                             uint8_t *dst, ptrdiff_t dst_stride)
{
    for (int i = 0; i < n; i++, dst += dst_stride) {
        const uint8_t *rows = src + start[i] * src_stride;
        const int32_t *k = weights + (size_t)i * ksize;
        for (int x = 0; x < width; x += SPAN) {
            int32_t sum[SPAN];
            int m = width - x < SPAN ? width - x : SPAN;
            for (int j = 0; j < SPAN; j++)
                sum[j] = 1 << (WEFT_PRECISION - 1);
            const uint8_t *p = rows + x;
            for (int t = 0; t < count[i]; t++, p += src_stride) {
                if (m == SPAN) {
                    for (int j = 0; j < SPAN; j++)
                        sum[j] += p[j] * k[t];
                } else {
                    for (int j = 0; j < m; j++)
                        sum[j] += p[j] * k[t];
                }
            }
            for (int j = 0; j < m; j++)
                dst[x + j] = clip(sum[j]);
        }
    }
}

void weft_resize_rows(int avx2, const uint8_t *src, ptrdiff_t src_stride, int rows, int n,
                      const int32_t *start, const int32_t *count,
                      const int32_t *weights, int ksize,
                      const int16_t *quads, int quad_stride,
                      uint8_t *dst, ptrdiff_t dst_stride)
{
#ifdef __x86_64__
    if (avx2) {
        weft_resize_rows_avx2(src, src_stride, rows, n, start, count, quads, quad_stride, dst, dst_stride);
        return;
    }
#endif
    (void)avx2;
    (void)quads;
    (void)quad_stride;
    rows_portable(src, src_stride, rows, n, start, count, weights, ksize, dst, dst_stride);
}

void weft_resize_columns(int avx2, const uint8_t *src, ptrdiff_t src_stride, int width, int n,
                         const int32_t *start, const int32_t *count,
                         const int32_t *weights, int ksize,
                         uint8_t *dst, ptrdiff_t dst_stride)
{
#ifdef __x86_64__
    if (avx2) {
        weft_resize_columns_avx2(src, src_stride, width, n, start, count, weights, ksize, dst, dst_stride);
        return;
    }
#endif
    (void)avx2;
    columns_portable(src, src_stride, width, n, start, count, weights, ksize, dst, dst_stride);
}

void weft_transpose_rgb(const uint8_t *src, ptrdiff_t src_stride, int n, uint8_t *dst)
{
    for (int y = 0; y < n; y++) {
        const uint8_t *p = src + 3 * (size_t)y;
        for (int x = 0; x < n; x++, p += src_stride, dst += 3) {
            dst[0] = p[0];
            dst[1] = p[1];
            dst[2] = p[2];
        }
    }
}
