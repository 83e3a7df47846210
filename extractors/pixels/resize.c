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

static inline lanes load(const uint8_t *p)
{
    pixel px;
    memcpy(&px, p, sizeof px);
    return __builtin_convertvector(px, lanes);
}

static inline void store(uint8_t *out, lanes sum)
{
    out[0] = clip(sum[0]);
    out[1] = clip(sum[1]);
    out[2] = clip(sum[2]);
}

/*
 * Four rows at a time: four sums that do not wait for each other. At the end the last row
 * is computed as often as it takes to make four.
 */
static void rows_portable(const uint8_t *src, ptrdiff_t src_stride, int rows, int n,
                          const int32_t *start, const int32_t *count,
                          const int32_t *weights, int ksize,
                          uint8_t *dst, ptrdiff_t dst_stride)
{
    const int32_t half = 1 << (WEFT_PRECISION - 1);
    for (int r = 0; r < rows; r += 4) {
        int at[4];
        for (int j = 0; j < 4; j++)
            at[j] = r + j < rows ? r + j : rows - 1;
        const uint8_t *p0 = src + at[0] * src_stride, *p1 = src + at[1] * src_stride;
        const uint8_t *p2 = src + at[2] * src_stride, *p3 = src + at[3] * src_stride;
        for (int i = 0; i < n; i++) {
            const int32_t *k = weights + (size_t)i * ksize;
            size_t x = 4 * (size_t)start[i];
            lanes s0 = {half, half, half, half}, s1 = s0, s2 = s0, s3 = s0;
            for (int t = 0; t < count[i]; t++, x += 4) {
                s0 += load(p0 + x) * k[t];
                s1 += load(p1 + x) * k[t];
                s2 += load(p2 + x) * k[t];
                s3 += load(p3 + x) * k[t];
            }
            store(dst + at[0] * dst_stride + 3 * i, s0);
            store(dst + at[1] * dst_stride + 3 * i, s1);
            store(dst + at[2] * dst_stride + 3 * i, s2);
            store(dst + at[3] * dst_stride + 3 * i, s3);
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
