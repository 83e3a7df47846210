#!/usr/bin/env bash
# Runs the steps of the Dockerfile without an engine, into a folder, and then weft doctor from there: as another user,
# with nothing that it may write but /tmp. deploy/image/rehearse.sh [OUT]
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-$(mktemp -d)}
trap '[ $# -gt 0 ] || { chmod -R u+w "$out"; rm -rf "$out"; }' EXIT
deploy/image/build.sh "$out" rehearsal
deploy/image/models.sh "$out" "$out/models"
chmod 755 "$out" && chmod -R a+rX,a-w "$out/models"
du -sh "$out/weft" "$out/models"
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs); fi
cd /
env -i PATH=/usr/local/bin:/usr/bin:/bin WEFT_CACHE="$out/models" TMPDIR=/tmp "${as[@]}" "$out/weft" doctor
