#!/usr/bin/env bash
# Runs every fuzz target of the module for a bounded time each.
#
#   scripts/fuzz.sh [SECONDS]      (default 20)
set -euo pipefail

seconds=${1:-20}
found=0
while IFS=: read -r file target; do
  found=$((found + 1))
  printf 'fuzz: %s in %s, %s s\n' "$target" "$(dirname "$file")" "$seconds" >&2
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s"
done < <(git ls-files -- '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]*' /dev/null | sed 's/func //')
[ "$found" -gt 0 ] || { echo 'fuzz: no fuzz target found' >&2; exit 1; }
