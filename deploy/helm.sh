#!/usr/bin/env bash
# Prints the path of helm, which is built once, into the cache.
set -euo pipefail
HELM_VERSION=v3.22.0
helm=${XDG_CACHE_HOME:-$HOME/.cache}/weft/tools/helm-$HELM_VERSION/helm
if [ ! -x "$helm" ]; then
  echo "building helm $HELM_VERSION, some minutes, once" >&2
  (cd /tmp && GOBIN=$(dirname "$helm") CGO_ENABLED=0 go install "helm.sh/helm/v3/cmd/helm@$HELM_VERSION")
fi
echo "$helm"
