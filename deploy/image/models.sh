#!/usr/bin/env bash
# Fetches the models and the runtime for an image: deploy/image/models.sh OUT CACHE
# Each file is held against the SHA-256 in its manifest; what only the conversion needed is left out.
set -euo pipefail
out=$1 cache=$2
"$out/weft" models pull --cache "$cache"
rm -rf "$cache/tmp" "$cache/pull.lock"
