/*
 * TurboJPEG (its 2.x interface, which 3.x still has) and libwebp, loaded at run time.
 * The prototypes are written out here, so that building needs no headers of theirs.
 */
#ifndef WEFT_PIXELS_NATIVE_H
#define WEFT_PIXELS_NATIVE_H

#include <stddef.h>
#include <stdint.h>

struct weft_turbo {
    void *(*init)(void);
    int (*header)(void *, const unsigned char *, unsigned long, int *, int *, int *, int *);
    int (*decompress)(void *, const unsigned char *, unsigned long, unsigned char *,
                      int, int, int, int, int);
    int (*destroy)(void *);
    char *(*message)(void *);
};

struct weft_webp {
    int (*info)(const uint8_t *, size_t, int *, int *);
    uint8_t *(*decode)(const uint8_t *, size_t, uint8_t *, size_t, int);
};

/* Open a library and fill in its functions. 0, or -1 with the reason in why (n bytes). */
int weft_turbo_open(const char *path, struct weft_turbo *lib, char *why, size_t n);
int weft_webp_open(const char *path, struct weft_webp *lib, char *why, size_t n);

enum { WEFT_RGBX = 0, WEFT_CMYK = 1 };

/*
 * Decodes to 4 bytes a pixel, rows without gaps. 0; 1 when the file is not w x h pixels;
 * -1 for any error or warning of the library, with its words in why.
 */
int weft_turbo_decode(const struct weft_turbo *lib, const uint8_t *data, size_t size,
                      int w, int h, int format, uint8_t *dst, char *why, size_t n);

/* Decodes to straight RGBA. 0; 1 when the file is not w x h pixels; -1 for any error. */
int weft_webp_decode(const struct weft_webp *lib, const uint8_t *data, size_t size,
                     int w, int h, uint8_t *dst);

#endif
