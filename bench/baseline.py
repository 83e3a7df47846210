"""The pipeline to beat: photos to features in plain Python, as one would write it first.

Pillow decodes and resizes, numpy makes the tensor, onnxruntime runs the same model file as weft. Some processes share
out the files of a folder; nothing is queued and nothing is stored. Each process runs one thread, without spinning.

Prints one JSON object: images, seconds, images_per_s (from the moment all processes are warm until the last is done),
and what it was measured with. Broken photos are counted in `errors` and not in `images`.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import sys
import time
from concurrent.futures import ProcessPoolExecutor

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
SIZE, SHORTER = 224, 256  # crop and shorter side, pixels
MEAN, STD = 127.0, 128.0
WARM_UP = 20  # photos each process encodes before the clock starts


def pixels(path):
    """RGB pixels [224, 224, 3] of a photo: upright, over white, shorter side to 256, centre crop."""
    from PIL import Image, ImageOps
    import numpy as np

    with Image.open(path) as photo:
        photo = ImageOps.exif_transpose(photo)
        if photo.mode in ("RGBA", "LA", "PA") or "transparency" in photo.info:
            photo = photo.convert("RGBA")
            white = Image.new("RGBA", photo.size, (255, 255, 255, 255))
            photo = Image.alpha_composite(white, photo)
        photo = photo.convert("RGB")
        width, height = photo.size
        scale = SHORTER / min(width, height)
        photo = photo.resize((max(SHORTER, round(width * scale)), max(SHORTER, round(height * scale))), Image.BICUBIC)
        left, top = (photo.width - SIZE) // 2, (photo.height - SIZE) // 2
        return np.asarray(photo.crop((left, top, left + SIZE, top + SIZE)))


def open_session(model):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def encode(session, paths):
    """Features of the photos in one run of the model, and how many could not be read."""
    import numpy as np

    batch, errors = [], 0
    for path in paths:
        try:
            batch.append(pixels(path))
        except Exception as err:  # one bad photo costs one photo
            print(f"baseline: {path}: {err}", file=sys.stderr)
            errors += 1
    if not batch:
        return None, errors
    tensor = (np.stack(batch).astype(np.float32) - MEAN) / STD
    tensor = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
    return session.run(None, {session.get_inputs()[0].name: tensor})[0], errors


def join(model, barrier):
    """Called once in each process: opens the model."""
    global session, start_line
    session, start_line = open_session(model), barrier


def work(paths, batch):
    """One process's share: (images, errors, when it began, when it ended), on the clock all processes share."""
    for start in range(0, min(WARM_UP, len(paths)), batch):
        encode(session, paths[start : start + batch])
    start_line.wait(timeout=120)
    began = time.monotonic()
    images = errors = 0
    for start in range(0, len(paths), batch):
        features, failed = encode(session, paths[start : start + batch])
        images += 0 if features is None else len(features)
        errors += failed
    return images, errors, began, time.monotonic()


def dump(model, paths, batch, target):
    """Writes the features of all photos, in order of their paths, for comparison with other encoders."""
    import numpy as np

    session = open_session(model)
    rows = [encode(session, paths[i : i + batch])[0] for i in range(0, len(paths), batch)]
    np.save(target, np.concatenate([row for row in rows if row is not None]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="photos, searched with its sub-folders")
    parser.add_argument("--model", required=True, help="the ONNX file: weft models list --json says where it lies")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1, help="photos in one run of the model")
    parser.add_argument("--limit", type=int, default=0, help="at most so many photos; 0 for all")
    parser.add_argument("--dump", help="also write the features to this .npy, in order of path")
    args = parser.parse_args()
    if args.processes < 1 or args.batch < 1:
        parser.error("--processes and --batch must be at least 1")

    paths = sorted(str(p) for p in args.folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    paths = paths[: args.limit or None]
    if not paths:
        parser.error(f"no photos in {args.folder}")

    # Threads of numpy's BLAS are off as well: one thread a process.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    spawn = multiprocessing.get_context("spawn")
    launched = time.monotonic()
    with ProcessPoolExecutor(args.processes, spawn, join, (args.model, spawn.Barrier(args.processes))) as pool:
        shares = [pool.submit(work, paths[i :: args.processes], args.batch) for i in range(args.processes)]
        results = [share.result() for share in shares]
    began, ended = min(r[2] for r in results), max(r[3] for r in results)
    seconds = ended - began

    import numpy
    import onnxruntime
    import PIL

    images = sum(r[0] for r in results)
    print(
        json.dumps(
            {
                "images": images,
                "seconds": round(seconds, 4),
                "images_per_s": round(images / seconds, 2),
                "errors": sum(r[1] for r in results),
                "processes": args.processes,
                "batch": args.batch,
                "start_s": round(began - launched, 4),
                "pillow": PIL.__version__,
                "numpy": numpy.__version__,
                "onnxruntime": onnxruntime.__version__,
            }
        )
    )
    if args.dump:
        dump(args.model, paths, args.batch, args.dump)


if __name__ == "__main__":
    main()
