/* Float planes of a prepared picture. */
#include "kernels.h"

void weft_planes(const uint8_t *rgb, size_t n, const float mean[3], const float std[3],
                 float *r, float *g, float *b)
{
    size_t i = 0;
#ifdef __x86_64__
    if (n >= 16 && weft_have_avx2()) {
        float *const plane[3] = {r, g, b};
        i = (n - 2) / 8 * 8;
        weft_planes_avx2(rgb, i, mean, std, plane);
    }
#endif
    for (; i < n; i++) {
        r[i] = ((float)rgb[3 * i] - mean[0]) / std[0];
        g[i] = ((float)rgb[3 * i + 1] - mean[1]) / std[1];
        b[i] = ((float)rgb[3 * i + 2] - mean[2]) / std[2];
    }
}
