#!/usr/bin/env bash
# Builds the program: deploy/image/build.sh OUT VERSION
set -euo pipefail
out=$1 version=$2
mkdir -p "$out"
CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version" -o "$out/weft" ./cmd/weft
