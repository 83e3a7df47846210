/*
 * The AVX2 kernels. A 22-bit weight does not fit the 16-bit multiply-add, so it is
 * split: w = high * 2^11 + low. Two sums of 16-bit products, joined at the end, give
 * the same 32-bit value as the one sum of 32-bit products, modulo 2^32 and therefore
 * exactly. Two multiply-adds do the work of four slow 32-bit multiplications.
 */
#ifdef __x86_64__

#include "kernels.h"

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

static inline AVX2 __m256i load_twice(const uint8_t *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}

static inline AVX2 __m256i weights_of(const int16_t *k)
{
    int64_t four;
    memcpy(&four, k, sizeof four);
    return _mm256_set1_epi64x(four);
}

static inline AVX2 __m256i join(__m256i high, __m256i low)
{
    return _mm256_add_epi32(_mm256_slli_epi32(high, WEFT_LOW_BITS), low);
}

static inline AVX2 void put(uint8_t *dst, int32_t pixel)
{
    memcpy(dst, &pixel, sizeof pixel);
}

/* Up to four rows at once, so that each weight is loaded once for all of them. */
static inline AVX2 __attribute__((always_inline)) void
rows_block(const uint8_t *src, ptrdiff_t stride, int rows, int n,
           const int32_t *start, const int32_t *count,
           const int16_t *quads, int quad_stride, uint8_t *dst, ptrdiff_t dst_stride)
{
    /* Per lane: taps 0,1 and taps 2,3 of one channel, widened to 16 bits, then of the next. */
    const __m256i spread = _mm256_setr_epi8(
        0, -1, 4, -1, 8, -1, 12, -1, 1, -1, 5, -1, 9, -1, 13, -1,
        2, -1, 6, -1, 10, -1, 14, -1, 3, -1, 7, -1, 11, -1, 15, -1);
    const __m256i half = _mm256_set1_epi32(1 << (WEFT_PRECISION - 1));
    const uint8_t *s1 = src + (rows > 1 ? stride : 0);
    const uint8_t *s2 = src + (rows > 2 ? 2 * stride : 0);
    const uint8_t *s3 = src + (rows > 3 ? 3 * stride : 0);

    for (int i = 0; i < n; i++, quads += quad_stride, dst += 3) {
        const int16_t *k = quads;
        size_t at = 4 * (size_t)start[i];
        __m256i h0 = _mm256_setzero_si256(), h1 = h0, h2 = h0, h3 = h0;
        __m256i l0 = h0, l1 = h0, l2 = h0, l3 = h0;
        for (int t = count[i]; t > 0; t -= 4, at += 16, k += 8) {
            __m256i high = weights_of(k), low = weights_of(k + 4);
            __m256i v = _mm256_shuffle_epi8(load_twice(src + at), spread);
            h0 = _mm256_add_epi32(h0, _mm256_madd_epi16(v, high));
            l0 = _mm256_add_epi32(l0, _mm256_madd_epi16(v, low));
            v = _mm256_shuffle_epi8(load_twice(s1 + at), spread);
            h1 = _mm256_add_epi32(h1, _mm256_madd_epi16(v, high));
            l1 = _mm256_add_epi32(l1, _mm256_madd_epi16(v, low));
            v = _mm256_shuffle_epi8(load_twice(s2 + at), spread);
            h2 = _mm256_add_epi32(h2, _mm256_madd_epi16(v, high));
            l2 = _mm256_add_epi32(l2, _mm256_madd_epi16(v, low));
            v = _mm256_shuffle_epi8(load_twice(s3 + at), spread);
            h3 = _mm256_add_epi32(h3, _mm256_madd_epi16(v, high));
            l3 = _mm256_add_epi32(l3, _mm256_madd_epi16(v, low));
        }
        /* Lanes: r0 g0 r1 g1 | b0 x0 b1 x1, and the same for rows 2 and 3. */
        __m256i a = _mm256_hadd_epi32(join(h0, l0), join(h1, l1));
        __m256i b = _mm256_hadd_epi32(join(h2, l2), join(h3, l3));
        a = _mm256_srai_epi32(_mm256_add_epi32(a, half), WEFT_PRECISION);
        b = _mm256_srai_epi32(_mm256_add_epi32(b, half), WEFT_PRECISION);
        __m256i bytes = _mm256_packs_epi32(a, b);
        bytes = _mm256_packus_epi16(bytes, bytes);
        __m128i px = _mm_unpacklo_epi16(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
        put(dst, _mm_extract_epi32(px, 0));
        if (rows > 1)
            put(dst + dst_stride, _mm_extract_epi32(px, 1));
        if (rows > 2)
            put(dst + 2 * dst_stride, _mm_extract_epi32(px, 2));
        if (rows > 3)
            put(dst + 3 * dst_stride, _mm_extract_epi32(px, 3));
    }
}

AVX2 void weft_resize_rows_avx2(const uint8_t *src, ptrdiff_t src_stride, int rows, int n,
                                const int32_t *start, const int32_t *count,
                                const int16_t *quads, int quad_stride,
                                uint8_t *dst, ptrdiff_t dst_stride)
{
    for (; rows >= 4; rows -= 4, src += 4 * src_stride, dst += 4 * dst_stride)
        rows_block(src, src_stride, 4, n, start, count, quads, quad_stride, dst, dst_stride);
    if (rows > 0)
        rows_block(src, src_stride, rows, n, start, count, quads, quad_stride, dst, dst_stride);
}

/* 32 bytes of one output row; an odd last tap is paired with itself at weight zero. */
static inline AVX2 __m256i column_span(const uint8_t *p, ptrdiff_t stride, int taps, const int32_t *k)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i h0 = zero, h1 = zero, h2 = zero, h3 = zero;
    __m256i l0 = zero, l1 = zero, l2 = zero, l3 = zero;
    const int32_t mask = (1 << WEFT_LOW_BITS) - 1;
    for (int t = 0; t < taps; t += 2, p += 2 * stride, k += 2) {
        int pair = t + 1 < taps;
        int32_t k0 = k[0], k1 = pair ? k[1] : 0;
        __m256i high = _mm256_set1_epi32((int32_t)((uint32_t)(k1 >> WEFT_LOW_BITS) << 16 | (uint16_t)(k0 >> WEFT_LOW_BITS)));
        __m256i low = _mm256_set1_epi32((k1 & mask) << 16 | (k0 & mask));
        __m256i a = _mm256_loadu_si256((const __m256i *)p);
        __m256i b = _mm256_loadu_si256((const __m256i *)(p + (pair ? stride : 0)));
        __m256i lo = _mm256_unpacklo_epi8(a, b), hi = _mm256_unpackhi_epi8(a, b);
        __m256i v = _mm256_unpacklo_epi8(lo, zero);
        h0 = _mm256_add_epi32(h0, _mm256_madd_epi16(v, high));
        l0 = _mm256_add_epi32(l0, _mm256_madd_epi16(v, low));
        v = _mm256_unpackhi_epi8(lo, zero);
        h1 = _mm256_add_epi32(h1, _mm256_madd_epi16(v, high));
        l1 = _mm256_add_epi32(l1, _mm256_madd_epi16(v, low));
        v = _mm256_unpacklo_epi8(hi, zero);
        h2 = _mm256_add_epi32(h2, _mm256_madd_epi16(v, high));
        l2 = _mm256_add_epi32(l2, _mm256_madd_epi16(v, low));
        v = _mm256_unpackhi_epi8(hi, zero);
        h3 = _mm256_add_epi32(h3, _mm256_madd_epi16(v, high));
        l3 = _mm256_add_epi32(l3, _mm256_madd_epi16(v, low));
    }
    const __m256i half = _mm256_set1_epi32(1 << (WEFT_PRECISION - 1));
    __m256i s0 = _mm256_srai_epi32(_mm256_add_epi32(join(h0, l0), half), WEFT_PRECISION);
    __m256i s1 = _mm256_srai_epi32(_mm256_add_epi32(join(h1, l1), half), WEFT_PRECISION);
    __m256i s2 = _mm256_srai_epi32(_mm256_add_epi32(join(h2, l2), half), WEFT_PRECISION);
    __m256i s3 = _mm256_srai_epi32(_mm256_add_epi32(join(h3, l3), half), WEFT_PRECISION);
    return _mm256_packus_epi16(_mm256_packs_epi32(s0, s1), _mm256_packs_epi32(s2, s3));
}

AVX2 void weft_resize_columns_avx2(const uint8_t *src, ptrdiff_t src_stride, int width, int n,
                                   const int32_t *start, const int32_t *count,
                                   const int32_t *weights, int ksize,
                                   uint8_t *dst, ptrdiff_t dst_stride)
{
    for (int i = 0; i < n; i++, dst += dst_stride, weights += ksize) {
        const uint8_t *p = src + start[i] * src_stride;
        int x = 0;
        for (; x + 32 <= width; x += 32)
            _mm256_storeu_si256((__m256i *)(dst + x), column_span(p + x, src_stride, count[i], weights));
        if (x < width) {
            uint8_t tail[32];
            _mm256_storeu_si256((__m256i *)tail, column_span(p + x, src_stride, count[i], weights));
            memcpy(dst + x, tail, (size_t)(width - x));
        }
    }
}

AVX2 void weft_planes_avx2(const uint8_t *rgb, size_t n, const float mean[3], const float std[3],
                           float *const plane[3])
{
    __m256i pick[3];
    __m256 m[3], s[3];
    for (int c = 0; c < 3; c++) {
        pick[c] = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            (char)c, -1, -1, -1, (char)(c + 3), -1, -1, -1, (char)(c + 6), -1, -1, -1, (char)(c + 9), -1, -1, -1));
        m[c] = _mm256_set1_ps(mean[c]);
        s[c] = _mm256_set1_ps(std[c]);
    }
    /* Eight pixels are 24 bytes but the second load reads to byte 28: n must leave two more pixels. */
    for (size_t i = 0; i < n; i += 8, rgb += 24) {
        __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)rgb)),
                                            _mm_loadu_si128((const __m128i *)(rgb + 12)), 1);
        for (int c = 0; c < 3; c++) {
            __m256 x = _mm256_cvtepi32_ps(_mm256_shuffle_epi8(v, pick[c]));
            _mm256_storeu_ps(plane[c] + i, _mm256_div_ps(_mm256_sub_ps(x, m[c]), s[c]));
        }
    }
}

#endif
