/* Colour: alpha, CMYK, and YCbCr as the reference decoders turn it into RGB. */
#include "kernels.h"

static inline uint8_t clip8(int v)
{
    return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

/* a*b/255, rounded, for 0 <= a*b <= 65025. */
static inline unsigned over255(unsigned v)
{
    v += 128;
    return (v + (v >> 8)) >> 8;
}

void weft_over_white(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++, p += 4) {
        unsigned a = p[3], white = 255 * (255 - a);
        p[0] = (uint8_t)over255(p[0] * a + white);
        p[1] = (uint8_t)over255(p[1] * a + white);
        p[2] = (uint8_t)over255(p[2] * a + white);
    }
}

void weft_cmyk(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++, p += 4) {
        int k = p[3];
        p[0] = clip8(k - (int)over255((255u - p[0]) * (unsigned)k));
        p[1] = clip8(k - (int)over255((255u - p[1]) * (unsigned)k));
        p[2] = clip8(k - (int)over255((255u - p[2]) * (unsigned)k));
    }
}

/* Doubles one chroma row of n samples: each output leans 3:1 to the nearer sample. */
static void widen(const uint8_t *in, int n, uint8_t *out)
{
    out[0] = in[0];
    for (int i = 0; i + 1 < n; i++) {
        out[2 * i + 1] = (uint8_t)((3 * in[i] + in[i + 1] + 2) >> 2);
        out[2 * i + 2] = (uint8_t)((3 * in[i + 1] + in[i] + 1) >> 2);
    }
    out[2 * n - 1] = in[n - 1];
}

/* The same in both directions: near is the row closer to the output row, far the other. */
static void widen_between(const uint8_t *near, const uint8_t *far, int n, uint8_t *out)
{
    int this = 3 * near[0] + far[0];
    out[0] = (uint8_t)((4 * this + 8) >> 4);
    for (int i = 0; i + 1 < n; i++) {
        int next = 3 * near[i + 1] + far[i + 1];
        out[2 * i + 1] = (uint8_t)((3 * this + next + 7) >> 4);
        out[2 * i + 2] = (uint8_t)((3 * next + this + 8) >> 4);
        this = next;
    }
    out[2 * n - 1] = (uint8_t)((4 * this + 7) >> 4);
}

static void between(const uint8_t *near, const uint8_t *far, int n, int bias, uint8_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = (uint8_t)((3 * near[i] + far[i] + bias) >> 2);
}

/* One row of chroma at full width; returns where it lies. */
static const uint8_t *chroma_row(const uint8_t *c, ptrdiff_t stride, int cw, int ch, int row, int w,
                                 int hsub, int vsub, uint8_t *line)
{
    int at = row / vsub;
    const uint8_t *near = c + at * stride;
    /* Rows outside the plane repeat its edge. */
    int next = row % 2 ? at + 1 : at - 1;
    const uint8_t *far = c + (next < 0 ? 0 : next >= ch ? ch - 1 : next) * stride;

    if (hsub == 1 && vsub == 1)
        return near;
    if (hsub == 2 && vsub == 1 && cw > 2) {
        widen(near, cw, line);
    } else if (hsub == 2 && vsub == 2 && cw > 2) {
        widen_between(near, far, cw, line);
    } else if (hsub == 1 && vsub == 2) {
        between(near, far, cw, row % 2 ? 2 : 1, line);
    } else {
        for (int i = 0; i < w; i++)
            line[i] = near[i / hsub];
    }
    return line;
}

void weft_jpeg_ycc(const uint8_t *y, ptrdiff_t y_stride, const uint8_t *cb, const uint8_t *cr,
                   ptrdiff_t c_stride, int w, int h, int hsub, int vsub, uint8_t *line, uint8_t *dst)
{
    int cw = (w + hsub - 1) / hsub, ch = (h + vsub - 1) / vsub;
    for (int row = 0; row < h; row++, y += y_stride) {
        const uint8_t *u = chroma_row(cb, c_stride, cw, ch, row, w, hsub, vsub, line);
        const uint8_t *v = chroma_row(cr, c_stride, cw, ch, row, w, hsub, vsub, line + w + 16);
        for (int x = 0; x < w; x++, dst += 4) {
            int b = u[x] - 128, r = v[x] - 128;
            dst[0] = clip8(y[x] + ((91881 * r + 32768) >> 16));
            dst[1] = clip8(y[x] + ((-22554 * b - 46802 * r + 32768) >> 16));
            dst[2] = clip8(y[x] + ((116130 * b + 32768) >> 16));
            dst[3] = 255;
        }
    }
}

static inline uint8_t clip14(int v)
{
    return v < 0 ? 0 : v >= 1 << 14 ? 255 : (uint8_t)(v >> 6);
}

static inline void webp_pixel(int y, int u, int v, uint8_t *dst)
{
    int luma = (y * 19077) >> 8;
    dst[0] = clip14(luma + ((v * 26149) >> 8) - 14234);
    dst[1] = clip14(luma - ((u * 6419) >> 8) - ((v * 13320) >> 8) + 8708);
    dst[2] = clip14(luma + ((u * 33050) >> 8) - 17685);
    dst[3] = 255;
}

/* Chroma at output column x, between the nearer and the farther chroma row. */
static inline int webp_chroma(const uint8_t *near, const uint8_t *far, int x, int w)
{
    if (x == 0 || (x == w - 1 && w % 2 == 0))
        return (3 * near[x / 2] + far[x / 2] + 2) >> 2;
    int i = (x - 1) / 2;
    int all = near[i] + near[i + 1] + far[i] + far[i + 1] + 8;
    if (x % 2)
        return (((all + 2 * (near[i + 1] + far[i])) >> 3) + near[i]) >> 1;
    return (((all + 2 * (near[i] + far[i + 1])) >> 3) + near[i + 1]) >> 1;
}

void weft_webp_yuv(const uint8_t *y, ptrdiff_t y_stride, const uint8_t *u, const uint8_t *v,
                   ptrdiff_t c_stride, int w, int h, uint8_t *dst)
{
    int ch = (h + 1) / 2;
    for (int row = 0; row < h; row++, y += y_stride) {
        int at = row / 2, next = row % 2 ? at + 1 : at - 1;
        next = next < 0 ? 0 : next >= ch ? ch - 1 : next;
        for (int x = 0; x < w; x++, dst += 4)
            webp_pixel(y[x], webp_chroma(u + at * c_stride, u + next * c_stride, x, w),
                       webp_chroma(v + at * c_stride, v + next * c_stride, x, w), dst);
    }
}
