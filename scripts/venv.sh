#!/usr/bin/env bash
# Makes or refreshes a Python environment from a requirements file whose every package is pinned by hash.
#
#   scripts/venv.sh DIR REQUIREMENTS
#
# A stamp in DIR keeps the digest of the requirements, so that nothing happens while they stay the same.
set -euo pipefail

dir=$1 requirements=$2
stamp="$dir/.requirements-sha256"
want="$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$requirements")"
[ -x "$dir/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0

printf 'venv: preparing %s from %s\n' "$dir" "$requirements" >&2
mkdir -p "$(dirname "$dir")"
[ -x "$dir/bin/python" ] || python3 -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$requirements" </dev/null >&2
printf '%s\n' "$want" >"$stamp"
