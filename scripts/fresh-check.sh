#!/usr/bin/env bash
# Proves that a target works from a fresh clone: clones HEAD into a temporary folder and runs make there.
#
#   scripts/fresh-check.sh [--empty] [TARGET...]      (default target: test)
#
# --empty also starts with an empty HOME, so that Go's module and build caches, pip's cache, the model cache and the
# environments for tests are all fetched and built again. The settings of pip and Go stay. What was made is removed at
# the end; KEEP=1 leaves it.
set -euo pipefail

empty=no
[ "${1:-}" = --empty ] && { empty=yes; shift; }
[ $# -gt 0 ] || set -- test

top="$(git rev-parse --show-toplevel)"
dir="$(mktemp -d "${TMPDIR:-/tmp}/weft-fresh.XXXXXX")"
cleanup() {
  if [ -n "${KEEP:-}" ]; then echo "fresh-check: kept $dir" >&2; return; fi
  chmod -R u+w "$dir"
  rm -rf "$dir"
}
trap cleanup EXIT

git clone --quiet --no-hardlinks "$top" "$dir/weft"
cd "$dir/weft"
echo "fresh-check: $(git rev-parse --short HEAD) in $dir, caches: $([ $empty = yes ] && echo empty || echo shared)" >&2
if [ "$empty" = yes ]; then
  # Where Go and pip fetch from is a setting of the machine, not a cache: it is read before HOME moves.
  GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)"
  export GOPROXY GOSUMDB
  pip_config="${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf"
  [ -f "$pip_config" ] && export PIP_CONFIG_FILE="${PIP_CONFIG_FILE:-$pip_config}"
  unset XDG_CACHE_HOME XDG_DATA_HOME GOPATH GOBIN GOCACHE GOMODCACHE GOENV
  export HOME="$dir/home"
  mkdir -p "$HOME"
fi
start=$SECONDS
status=0
make "$@" </dev/null || status=$?
echo "fresh-check: make $* ended with $status after $((SECONDS - start)) s" >&2
git status --short | sed 's/^/fresh-check: left in the tree: /' >&2
exit "$status"
