#!/usr/bin/env bash
# Runs KEDA's own scaler, with the metadata of the ScaledObject that helm makes of our chart, against weft serve over a real
# Redis. WEFT is the binary. Building what KEDA is made of takes some ten minutes of two cores, once.
set -euo pipefail
cd "$(dirname "$0")"
helm=$(../helm.sh)
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
"$helm" template shop ../helm/weft --kube-version 1.31.0 -f ../helm/values/fleet.yaml > "$rendered"
# Without go vet, which would go through all that KEDA is made of.
CGO_ENABLED=0 go test -mod=mod -vet=off -count=1 -v . -args -manifests "$rendered" -weft "$(realpath "${WEFT:-../../bin/weft}")"
