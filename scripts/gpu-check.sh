#!/usr/bin/env bash
# Checks the encoders on this machine's NVIDIA GPU and prints what it finds; stops at the first thing that is not as it must be.
#
#   scripts/gpu-check.sh WEFT RUNTIME PHOTOS
#
# WEFT is the program, RUNTIME libonnxruntime.so of the onnxruntime-gpu package with the libonnxruntime_providers_ files beside
# it, PHOTOS a folder. CUDA, cuDNN and the driver must be found by the loader (LD_LIBRARY_PATH). About two minutes.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
weft=$1 cpu=(--onnxruntime "$2") gpu=(--onnxruntime "$2" --provider cuda) photos=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=(efficientnet-lite0 efficientnet-lite0-fp16 all-minilm-l6-v2)
step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

step 'goldens on the CPU'
"$weft" models verify "${cpu[@]}" "${models[@]}"

step 'goldens on the GPU, alone and in full batches'
for batch in 32 8 128; do
  echo "batch $batch"
  "$weft" models verify "${gpu[@]}" --batch "$batch" "${models[@]}"
done

step 'the photos on both'
find "$photos" -type f \( -name '*.jpg' -o -name '*.jpeg' -o -name '*.png' -o -name '*.webp' \) | sort >"$work/list"
"$weft" encode --model efficientnet-lite0 "${cpu[@]}" "$work/list" >"$work/cpu"
"$weft" encode --model efficientnet-lite0 "${gpu[@]}" "$work/list" >"$work/gpu"
python3 - "$work/cpu" "$work/gpu" <<'PY'
import json, math, sys
worst, most, rows = 1.0, 0.0, 0
for a, b in zip(open(sys.argv[1]), open(sys.argv[2]), strict=True):
    a, b = json.loads(a).get("vector"), json.loads(b).get("vector")
    assert (a is None) == (b is None)
    if a is None:
        continue
    ab, aa, bb = (sum(map(lambda p: p[0] * p[1], zip(x, y))) for x, y in ((a, b), (a, a), (b, b)))
    worst, rows = min(worst, ab / math.sqrt(aa * bb)), rows + 1
    most = max(most, max(abs(x - y) for x, y in zip(a, b)))
print(f"{rows} photos: worst cosine {worst:.9f}, largest difference {most:.2g}")
assert rows and worst >= 0.9999
PY

step 'no memory for a full batch: halved'
"$weft" models verify "${gpu[@]}" --batch 1024 --gpu-memory 512 efficientnet-lite0

step 'a GPU that is not there'
if "$weft" models verify "${gpu[@]}" --devices 63 efficientnet-lite0; then echo 'it was found' >&2; exit 1; fi
step 'TensorRT, which may not be installed'
"$weft" models verify "${gpu[@]}" --provider tensorrt efficientnet-lite0 || echo 'not here'

step 'photos to vectors, each beside another product'
bench() { "$weft" bench "$photos" --runs 2 "$@" 2>&1 | grep -E '^(run|start-up|peak)'; }
echo CPU; bench "${cpu[@]}"
echo GPU; bench "${gpu[@]}"
echo 'GPU, two copies of the model'; bench "${gpu[@]}" --sessions 2
echo 'GPU, half precision'; bench "${gpu[@]}" --image-model efficientnet-lite0-fp16
step done
