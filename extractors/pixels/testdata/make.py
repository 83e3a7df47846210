"""Writes testdata: golden cases, variants of every format, and what Pillow makes of them.

    python3 make.py GOLDEN CLOTHING

GOLDEN holds index.json, pixels.npy and cases/, CLOTHING the photos that index.json names.
Needs Pillow 13, numpy and libturbojpeg (for JPEG layouts that Pillow does not write).
"""
import ctypes, ctypes.util, gzip, io, json, os, random, shutil, struct, sys, zlib
import numpy as np
from PIL import Image, ImageOps, features

HERE = os.path.dirname(os.path.abspath(__file__))
FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR, "lanczos": Image.LANCZOS}


def prepare(path, size, resize, mode, flt):
    im = ImageOps.exif_transpose(Image.open(path))
    if im.mode.startswith("I;16"):  # Pillow clips 16-bit gray to white; the high byte is meant
        im = Image.fromarray((np.asarray(im) >> 8).astype(np.uint8))
    if im.mode in ("RGBA", "LA", "PA") or "transparency" in im.info:
        im = im.convert("RGBA")
        white = Image.new("RGB", im.size, (255, 255, 255))
        white.paste(im, mask=im.getchannel("A"))
        im = white
    im = im.convert("RGB")
    w, h = im.size
    if mode == "squash":
        return np.asarray(im.resize((size, size), FILTERS[flt]))
    w, h = (resize, round(h * resize / w)) if w < h else (round(w * resize / h), resize)
    im = im.resize((w, h), FILTERS[flt])
    x, y = (w - size) // 2, (h - size) // 2
    return np.asarray(im.crop((x, y, x + size, y + size)))


# --- writers for what Pillow does not write -------------------------------------------

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(w, h, depth, colour, rows, extra=b"", interlace=0, late=b""):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + late + chunk(b"IEND", b"")


def pack(values, depth):
    """One PNG row of samples."""
    if depth == 16:
        return np.asarray(values, ">u2").tobytes()
    if depth == 8:
        return np.asarray(values, "u1").tobytes()
    bits = np.asarray(values, "u1").ravel()[:, None] >> np.arange(depth - 1, -1, -1) & 1
    return np.packbits(bits.ravel().astype("u1")).tobytes()


def rows_of(samples, depth):
    return b"".join(b"\0" + pack(r, depth) for r in samples)


def adam7(samples, depth):
    out = b""
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = samples[y::dy, x::dx]
        if part.size:
            out += rows_of(part, depth)
    return out


def gif_data(indices, bits):
    """LZW without compression: a clear code before the table grows."""
    codes, clear = [], 1 << bits
    for i, v in enumerate(indices):
        if i % (clear - 2) == 0:
            codes.append(clear)
        codes.append(int(v))
    codes.append(clear + 1)
    acc = n = 0
    out = bytearray()
    for c in codes:
        acc |= c << n
        n += bits + 1
        while n >= 8:
            out.append(acc & 255)
            acc >>= 8
            n -= 8
    if n:
        out.append(acc & 255)
    blocks = b"".join(bytes([len(out[i:i + 255])]) + bytes(out[i:i + 255]) for i in range(0, len(out), 255))
    return bytes([bits]) + blocks + b"\0"


def gif_frame(x, y, idx, bits=7, local=None, transparent=None, interlaced=False):
    h, w = idx.shape
    out = b""
    if transparent is not None:
        out += b"!\xf9\x04" + bytes([1, 5, 0, transparent, 0])
    if interlaced:
        idx = np.concatenate([idx[0::8], idx[4::8], idx[2::4], idx[1::2]])
    flags = (0x40 if interlaced else 0) | (0x80 | (len(local) // 3).bit_length() - 2 if local else 0)
    return out + b"," + struct.pack("<HHHHB", x, y, w, h, flags) + (local or b"") + gif_data(idx.ravel(), bits)


def gif(w, h, frames, palette=None, end=b";"):
    flags = 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0
    return b"GIF89a" + struct.pack("<HHBBB", w, h, flags, 0, 0) + (palette or b"") + b"".join(frames) + end


def riff(chunks):
    body = b"".join(k + struct.pack("<I", len(b)) + b + b"\0" * (len(b) % 2) for k, b in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def riff_chunks(b):
    at, out = 12, []
    while at < len(b):
        n = struct.unpack("<I", b[at + 4:at + 8])[0]
        out.append((b[at:at + 4], b[at + 8:at + 8 + n]))
        at += 8 + n + n % 2
    return out


def u24(v):
    return struct.pack("<I", v)[:3]


def turbo(array, fmt, sampling, quality=90, flags=0):
    lib = ctypes.CDLL("libturbojpeg.so.0")
    lib.tjInitCompress.restype = ctypes.c_void_p
    out, n = ctypes.c_void_p(), ctypes.c_ulong()
    a = np.ascontiguousarray(array)
    rc = lib.tjCompress2(ctypes.c_void_p(lib.tjInitCompress()), a.ctypes.data_as(ctypes.c_void_p), a.shape[1], 0,
                         a.shape[0], fmt, ctypes.byref(out), ctypes.byref(n), sampling, quality, flags)
    assert rc == 0
    return ctypes.string_at(out, n.value)


def exif(order, kind, value, count=1, prefix=b"Exif\0\0"):
    if order == "<":
        head, size = b"II*\0\x08\0\0\0", {3: "<Hxx", 4: "<I", 1: "<Bxxx"}[kind]
    else:
        head, size = b"MM\0*\0\0\0\x08", {3: ">Hxx", 4: ">I", 1: ">Bxxx"}[kind]
    e = struct.pack(order + "HHI", 0x112, kind, count) + struct.pack(size, value)
    make = struct.pack(order + "HHI4s", 0x10f, 2, 4, b"abc\0")
    return prefix + head + struct.pack(order + "H", 2) + make + e + b"\0\0\0\0"


def app1(body):
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def saved(im, fmt, **kw):
    b = io.BytesIO()
    im.save(b, fmt, **kw)
    return b.getvalue()


def variants(photo):
    """name -> bytes"""
    im = photo.convert("RGB")
    a = np.asarray(im)
    h, w = a.shape[:2]
    gray = np.asarray(im.convert("L"))
    yy, xx = np.mgrid[0:h, 0:w]
    alpha = ((xx * 5 + yy * 3) % 256).astype("u1")
    rgba = np.dstack([a, alpha])
    big = lambda v: v.astype("u2") * 257 ^ 0x5a
    v = {}
    jpg = saved(im, "JPEG", quality=88)
    # JPEG
    for name, s in (("444", 0), ("422", 1), ("420", 2), ("gray", 3), ("440", 4), ("411", 5)):
        v[f"jpeg-{name}.jpg"] = turbo(a, 0, s)
    v["jpeg-progressive-440.jpg"] = turbo(a, 0, 4, 90, 16384)
    for n in range(1, 6):  # chroma planes of one to three columns and rows
        v[f"jpeg-420-{n}x9.jpg"] = turbo(a[:9, :n], 0, 2)
        v[f"jpeg-422-9x{n}.jpg"] = turbo(a[:n, :9], 0, 1)
    v["jpeg-rgb.jpg"] = saved(im, "JPEG", quality=90, keep_rgb=True)
    v["jpeg-restarts.jpg"] = saved(im, "JPEG", quality=90, restart_marker_rows=1)
    v["jpeg-cmyk.jpg"] = saved(im.convert("CMYK"), "JPEG", quality=90)
    cmyk = 255 - np.asarray(im.convert("CMYK"))
    v["jpeg-ycck-420.jpg"] = turbo(cmyk, 11, 2)
    v["jpeg-ycck-444.jpg"] = turbo(cmyk, 11, 0)
    v["jpeg-trailing-bytes.jpg"] = jpg + b"more bytes after the end" * 9
    for o in range(1, 9):
        v[f"jpeg-exif-{o}-be.jpg"] = jpg[:2] + app1(exif(">", 3, o)) + jpg[2:]
    v["jpeg-exif-long.jpg"] = jpg[:2] + app1(exif("<", 4, 6)) + jpg[2:]
    v["jpeg-exif-byte.jpg"] = jpg[:2] + app1(exif("<", 1, 8)) + jpg[2:]
    v["jpeg-exif-9.jpg"] = jpg[:2] + app1(exif("<", 3, 9)) + jpg[2:]
    v["jpeg-exif-two.jpg"] = jpg[:2] + app1(exif("<", 3, 6, 2)) + jpg[2:]
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description %s/></x:xmpmeta>"
    v["jpeg-xmp.jpg"] = jpg[:2] + app1(xmp % b'tiff:Orientation="6"') + jpg[2:]
    v["jpeg-xmp-element.jpg"] = jpg[:2] + app1(xmp % b"><tiff:Orientation>5</tiff:Orientation><x") + jpg[2:]
    v["jpeg-xmp-and-exif.jpg"] = jpg[:2] + app1(exif("<", 3, 3)) + app1(xmp % b'tiff:Orientation="6"') + jpg[2:]
    # PNG
    for depth in (1, 2, 4):
        g = gray >> (8 - depth)
        v[f"png-gray{depth}.png"] = png(w, h, depth, 0, rows_of(g, depth))
        v[f"png-gray{depth}-interlaced.png"] = png(w, h, depth, 0, adam7(g, depth), interlace=1)
        ramp = bytes((i * 37 + c * 91) % 256 for i in range(1 << depth) for c in range(3))
        v[f"png-palette{depth}.png"] = png(w, h, depth, 3, rows_of(g, depth), chunk(b"PLTE", ramp))
        v[f"png-palette{depth}-trns.png"] = png(w, h, depth, 3, rows_of(g, depth), chunk(b"PLTE", ramp) + chunk(b"tRNS", b"\x40\x00"))
    for name, colour, px in (("gray", 0, gray), ("rgb", 2, a.reshape(h, -1)), ("gray-alpha", 4, np.dstack([gray, alpha]).reshape(h, -1)), ("rgba", 6, rgba.reshape(h, -1))):
        v[f"png-{name}8.png"] = png(w, h, 8, colour, rows_of(px, 8))
        v[f"png-{name}16.png"] = png(w, h, 16, colour, rows_of(big(px), 16))
        n = px.shape[1] // w
        v[f"png-{name}8-interlaced.png"] = png(w, h, 8, colour, adam7(px.reshape(h, w, n), 8), interlace=1)
    v["png-rgb8-trns.png"] = png(w, h, 8, 2, rows_of((a & 0xc0).reshape(h, -1), 8), chunk(b"tRNS", struct.pack(">HHH", 0xc0, 0xc0, 0xc0)))
    v["png-gray8-trns.png"] = png(w, h, 8, 0, rows_of(gray & 0xe0, 8), chunk(b"tRNS", struct.pack(">H", 0xe0)))
    v["png-exif.png"] = png(w, h, 8, 2, rows_of(a.reshape(h, -1), 8), chunk(b"eXIf", exif(">", 3, 7, prefix=b"")))
    v["png-exif-late.png"] = png(w, h, 8, 2, rows_of(a.reshape(h, -1), 8), late=chunk(b"eXIf", exif("<", 3, 6, prefix=b"")))
    v["png-xmp.png"] = png(w, h, 8, 2, rows_of(a.reshape(h, -1), 8), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x tiff:Orientation="8"/>'))
    v["png-animated.png"] = saved(im, "PNG", save_all=True, append_images=[ImageOps.mirror(im), ImageOps.flip(im)])
    # GIF
    pal = random.Random(1).randbytes(3 * 128)
    idx = gray >> 1
    v["gif-plain.gif"] = gif(w, h, [gif_frame(0, 0, idx)], pal)
    v["gif-no-trailer.gif"] = gif(w, h, [gif_frame(0, 0, idx)], pal, b"")
    v["gif-interlaced.gif"] = gif(w, h, [gif_frame(0, 0, idx, interlaced=True)], pal)
    v["gif-transparent.gif"] = gif(w, h, [gif_frame(0, 0, idx // 8, transparent=5)], pal)
    v["gif-offset.gif"] = gif(w, h, [gif_frame(7, 5, idx[:20, :24])], pal)
    v["gif-offset-transparent.gif"] = gif(w, h, [gif_frame(7, 5, idx[:20, :24] // 8, transparent=3)], pal)
    v["gif-local-palette.gif"] = gif(w, h, [gif_frame(0, 0, idx, local=pal[::-1])], pal)
    v["gif-no-palette.gif"] = gif(w, h, [gif_frame(0, 0, idx)])
    v["gif-gray-ramp.gif"] = gif(w, h, [gif_frame(0, 0, idx)], bytes(i // 3 for i in range(3 * 128)))
    v["gif-short-palette.gif"] = gif(w, h, [gif_frame(0, 0, idx)], pal[:3 * 16])
    v["gif-sticks-out.gif"] = gif(w // 2, h // 2, [gif_frame(3, 2, idx)], pal)
    v["gif-animated.gif"] = gif(w, h, [gif_frame(0, 0, idx), gif_frame(2, 2, idx[:9, :9], transparent=1)], pal)
    # WebP
    for n in (1, 2, 3, 40):
        for m in (1, 2, 3, 39):
            v[f"webp-lossy-{n}x{m}.webp"] = saved(im.crop((0, 0, n, m)), "WEBP", quality=80)
    v["webp-lossless.webp"] = saved(im, "WEBP", lossless=True)
    soft = Image.fromarray(rgba, "RGBA")
    v["webp-alpha.webp"] = saved(soft, "WEBP", quality=80)
    v["webp-alpha-lossless.webp"] = saved(soft, "WEBP", lossless=True, exact=True)
    v["webp-exif.webp"] = saved(im, "WEBP", quality=80, exif=exif("<", 3, 6))
    v["webp-xmp.webp"] = saved(im, "WEBP", quality=80, xmp=b'<x tiff:Orientation="7"/>')
    v["webp-animated.webp"] = saved(im, "WEBP", quality=80, save_all=True, append_images=[ImageOps.mirror(im), im], duration=90)
    for name, still, flag in (("lossy", saved(im, "WEBP", quality=80), 2), ("alpha", v["webp-alpha.webp"], 0x12), ("lossless", v["webp-lossless.webp"], 2), ("alpha-lossless", v["webp-alpha-lossless.webp"], 0x12)):
        frame = [(k, b) for k, b in riff_chunks(still) if k in (b"ALPH", b"VP8 ", b"VP8L")]
        body = riff(frame)[12:]
        head = u24(4) + u24(3) + u24(w - 1) + u24(h - 1) + u24(90) + b"\0"
        v[f"webp-animated-offset-{name}.webp"] = riff([
            (b"VP8X", bytes([flag, 0, 0, 0]) + u24(w + 15) + u24(h + 11)), (b"ANIM", b"\x20\x40\x60\xff\0\0"),
            (b"ANMF", head + body), (b"ANMF", head + body)])
    # Shapes on both sides of Pillow's choice of the first pass: height - out > 2 * (width - out).
    for w, h in ((5, 200), (200, 5), (30, 75), (30, 76), (90, 250), (31, 40), (1, 30), (30, 1), (24, 24), (28, 90)):
        for turned in ("", "-turned"):
            noise = np.frombuffer(random.Random(w * h).randbytes(w * h * 3), "u1").reshape(h, w, 3)
            late = chunk(b"eXIf", exif(">", 3, 6, prefix=b"")) if turned else b""
            v[f"shape-{w}x{h}{turned}.png"] = png(w, h, 8, 2, rows_of(noise.reshape(h, -1), 8), late=late)
    return v


def main(golden, clothing):
    index = json.load(open(os.path.join(golden, "index.json")))
    names = []
    for c in index["cases"]:
        base = os.path.basename(c)
        if c.startswith("data/clothing/"):
            shutil.copyfile(os.path.join(clothing, c[len("data/clothing/"):]), os.path.join(HERE, "photos", base))
            names.append("photos/" + base)
        else:
            # exif-2 … exif-8 differ from exif-1 in one byte, which the test writes.
            if not (base.startswith("exif-") and base != "exif-1.jpg"):
                shutil.copyfile(os.path.join(golden, "cases", base), os.path.join(HERE, "cases", base))
            names.append("cases/" + base)
    px = np.load(os.path.join(golden, "pixels.npy"))
    Image.fromarray(px.reshape(-1, px.shape[2], 3)).save(os.path.join(HERE, "golden.webp"), lossless=True, method=6, quality=100)
    json.dump({"cases": names}, open(os.path.join(HERE, "golden.json"), "w"), indent=1)

    photo = Image.open(os.path.join(clothing, index["cases"][0][len("data/clothing/"):])).resize((47, 61), Image.LANCZOS)
    specs = [(24, 28, "shortest-crop", "bicubic"), (32, 32, "squash", "bicubic"), (24, 25, "shortest-crop", "bilinear"),
             (31, 33, "shortest-crop", "lanczos"), (17, 0, "squash", "lanczos"), (96, 97, "shortest-crop", "bicubic")]
    rows, out = [], b""
    for i, (name, data) in enumerate(variants(photo).items()):
        path = os.path.join(HERE, "variants", name)
        open(path, "wb").write(data)
        # All but the largest on shapes; elsewhere the first and one of the others in turn.
        for s in specs[:5] if name.startswith("shape") else [specs[0], specs[1 + i % (len(specs) - 1)]]:
            rows.append({"file": "variants/" + name, "size": s[0], "resize": s[1], "mode": s[2], "filter": s[3]})
            out += prepare(path, *s).tobytes()
    for c in ("photos/" + os.path.basename(index["cases"][0]), "cases/odd-401x299.jpg", "cases/tall-60x1200.png", "cases/exif-1.jpg"):
        for s in specs[1:5]:
            rows.append({"file": c, "size": s[0], "resize": s[1], "mode": s[2], "filter": s[3]})
            out += prepare(os.path.join(HERE, c), *s).tobytes()
    json.dump({"pillow": Image.__version__, "rows": rows}, open(os.path.join(HERE, "variants.json"), "w"), indent=1)
    with open(os.path.join(HERE, "variants.rgb.gz"), "wb") as f:
        f.write(gzip.compress(out, 9, mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
