#include "native.h"

#include <dlfcn.h>
#include <stdio.h>

/* Constants of TurboJPEG's interface. */
enum {
    TJPF_RGBX = 2,
    TJPF_CMYK = 11,
    TJFLAG_ACCURATEDCT = 4096,
    TJFLAG_LIMITSCANS = 32768
};

static int find(void *lib, const char *name, void *where, char *why, size_t n)
{
    void *f = dlsym(lib, name);
    if (f == NULL) {
        snprintf(why, n, "it has no function %s", name);
        return -1;
    }
    *(void **)where = f;
    return 0;
}

static void *open_library(const char *path, char *why, size_t n)
{
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL) {
        const char *reason = dlerror();
        snprintf(why, n, "%s", reason != NULL ? reason : "dlopen failed");
    }
    return lib;
}

int weft_turbo_open(const char *path, struct weft_turbo *lib, char *why, size_t n)
{
    void *so = open_library(path, why, n);
    if (so == NULL)
        return -1;
    if (find(so, "tjInitDecompress", &lib->init, why, n) != 0 ||
        find(so, "tjDecompressHeader3", &lib->header, why, n) != 0 ||
        find(so, "tjDecompress2", &lib->decompress, why, n) != 0 ||
        find(so, "tjDestroy", &lib->destroy, why, n) != 0 ||
        find(so, "tjGetErrorStr2", &lib->message, why, n) != 0) {
        dlclose(so);
        return -1;
    }
    return 0;
}

int weft_webp_open(const char *path, struct weft_webp *lib, char *why, size_t n)
{
    void *so = open_library(path, why, n);
    if (so == NULL)
        return -1;
    if (find(so, "WebPGetInfo", &lib->info, why, n) != 0 ||
        find(so, "WebPDecodeRGBAInto", &lib->decode, why, n) != 0) {
        dlclose(so);
        return -1;
    }
    return 0;
}

/*
 * A handle is made for each file. It costs a fraction of a microsecond, while a used one
 * remembers: after a failure it refuses good files, and it lends the Huffman and
 * quantisation tables of one file to the next that lacks its own.
 */
int weft_turbo_decode(const struct weft_turbo *lib, const uint8_t *data, size_t size,
                      int w, int h, int format, uint8_t *dst, char *why, size_t n)
{
    int rc = -1, fw = 0, fh = 0, sampling = 0, space = 0;
    void *handle = lib->init();
    if (handle == NULL) {
        snprintf(why, n, "no memory for a decoder");
        return -1;
    }
    /* It complains about unusual subsampling, which decompress takes; sizes are set by then. */
    lib->header(handle, data, size, &fw, &fh, &sampling, &space);
    lib->destroy(handle);
    if (fw != 0 && (fw != w || fh != h))
        return 1;
    handle = lib->init();
    if (handle == NULL) {
        snprintf(why, n, "no memory for a decoder");
        return -1;
    }
    rc = lib->decompress(handle, data, size, dst, w, 4 * w, h,
                         format == WEFT_CMYK ? TJPF_CMYK : TJPF_RGBX,
                         TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS);
    if (rc != 0) {
        const char *m = lib->message(handle);
        snprintf(why, n, "%s", m != NULL ? m : "no reason given");
        rc = -1;
    } else if (fw == 0) {
        rc = 1; /* decoded, but nobody vouches for its size */
    }
    lib->destroy(handle);
    return rc;
}

int weft_webp_decode(const struct weft_webp *lib, const uint8_t *data, size_t size,
                     int w, int h, uint8_t *dst)
{
    int fw = 0, fh = 0;
    if (!lib->info(data, size, &fw, &fh))
        return -1;
    if (fw != w || fh != h)
        return 1;
    return lib->decode(data, size, dst, (size_t)4 * w * h, 4 * w) == NULL ? -1 : 0;
}
