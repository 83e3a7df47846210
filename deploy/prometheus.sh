#!/usr/bin/env bash
# Prints the path of promtool or prometheus, as its argument says, which is built once, into the cache.
set -euo pipefail
PROMETHEUS_VERSION=v0.316.0
program=${XDG_CACHE_HOME:-$HOME/.cache}/weft/tools/$1-$PROMETHEUS_VERSION/$1
if [ ! -x "$program" ]; then
  echo "building $1 $PROMETHEUS_VERSION, some minutes, once" >&2
  (cd /tmp && GOBIN=$(dirname "$program") CGO_ENABLED=0 go install "github.com/prometheus/prometheus/cmd/$1@$PROMETHEUS_VERSION")
fi
echo "$program"
