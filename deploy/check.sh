#!/usr/bin/env bash
# Checks what deploy/ holds with what can run without an engine or a cluster: helm (lint, schema, three sets of values, values
# that must be refused), promtool (rules, their tests, the scrape configuration), the syntax of every file and script.
# helm and promtool are built once, into the cache (about ten minutes on two busy cores).
set -euo pipefail
cd "$(dirname "$0")"
note() { printf 'deploy-check: %s\n' "$*" >&2; }
helm=$(./helm.sh)
promtool=$(./prometheus.sh promtool)

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
template() { "$helm" template shop helm/weft --kube-version 1.31.0 "$@"; }
for set in small fleet gpu; do
  "$helm" lint --strict --quiet helm/weft -f helm/values/$set.yaml
  template -f helm/values/$set.yaml > "$rendered/$set.yaml"
  note "$set: $(grep -c '^kind:' "$rendered/$set.yaml") resources"
done
# What must be refused: a grace period below the drain time, an unknown value, no bucket, no secret, a GPU provider without a GPU,
# a name that no tenant can have.
refused() {
  if template "$@" > /dev/null 2>&1; then
    note "helm accepts: $*"
    exit 1
  fi
}
refused -f helm/values/small.yaml --set worker.terminationGracePeriodSeconds=45
refused -f helm/values/small.yaml --set worker.replica=2
refused -f helm/values/small.yaml --set keda.coolDown=5
refused -f helm/values/small.yaml --set secrets.token=short
refused -f helm/values/small.yaml --set encoders.provider=cuda
refused -f helm/values/fleet.yaml --set keda.minReplicas=9,keda.maxReplicas=3
refused --set existingSecret=weft
refused --set objects=s3://shop
refused -f helm/values/small.yaml --set 'tenants={Shop}'
refused -f helm/values/small.yaml --set tenant=shop # several, since one release serves many
# The autoscaler's figure is a total: it must be an AverageValue of 1, and the worker without a number of its own.
grep -q 'metricType: AverageValue' "$rendered/fleet.yaml" && grep -q 'valueLocation: workers_wanted' "$rendered/fleet.yaml"
python3 - "$rendered" <<'PYTHON'
import sys, pathlib
try:
    import yaml
except ImportError:
    sys.exit("deploy-check: python3 needs PyYAML")
for name in ("small", "fleet", "gpu"):
    docs = {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(open(f"{sys.argv[1]}/{name}.yaml")) if d}
    scaled = ("ScaledObject", "shop-worker") in docs
    for (kind, what), d in docs.items():
        if kind != "Deployment":
            continue
        spec, pod = d["spec"], d["spec"]["template"]["spec"]
        assert ("replicas" in spec) != (scaled and what == "shop-worker"), (name, what, "KEDA and Helm would fight over replicas")
        assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"], (name, what)
        for c in pod["containers"]:
            s = c["securityContext"]
            assert s["readOnlyRootFilesystem"] and not s["allowPrivilegeEscalation"] and s["capabilities"]["drop"] == ["ALL"], (name, what)
            assert "requests" in c["resources"] and "memory" in c["resources"]["limits"], (name, what)
            for e in c["env"]:
                assert "value" not in e or e["name"] == "WEFT_TOKENS" or not any(w in e["name"] for w in ("QUEUE", "VECTORS", "KEY", "TOKEN")), (name, what, e["name"], "a secret in plain sight")
        env = {e["name"]: e.get("value") for c in pod["containers"] for e in c["env"]}
        assert "WEFT_TENANT" not in env and env.get("WEFT_TENANTS") == ("acme,zeta" if name == "fleet" else None), (name, what, "works for other tenants")
        assert ("WEFT_TOKENS" in env) == (name == "fleet" and what == "shop-serve"), (name, what)
        if what == "shop-worker":
            assert env.get("WEFT_DEVICES") == ("0,1" if name == "gpu" else None), name
            assert pod["terminationGracePeriodSeconds"] >= 50, name
    if scaled:
        trigger = docs["ScaledObject", "shop-worker"]["spec"]["triggers"][0]
        assert trigger["metricType"] == "AverageValue" and trigger["metadata"]["targetValue"] == "1", name
for path in pathlib.Path(".").rglob("*.y*ml"):
    if "templates" not in path.parts:
        list(yaml.safe_load_all(path.read_text()))
services = yaml.safe_load(open("compose/compose.yaml"))["services"]
for name in ("scheduler", "worker", "serve"):
    assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"], name
for s in services.values():
    for v in s.get("volumes", []):
        source = v.split(":")[0]
        assert not source.startswith(".") or (pathlib.Path("compose") / source).exists(), v
print("deploy-check: manifests and compose file hold", file=sys.stderr)
PYTHON

"$promtool" check rules helm/weft/files/alerts.yaml > /dev/null
(cd prometheus && "$promtool" test rules alerts_test.yaml quality_test.yaml > /dev/null)
cp compose/prometheus.yml helm/weft/files/alerts.yaml "$rendered/"
"$promtool" check config "$rendered/prometheus.yml" > /dev/null
python3 -m json.tool helm/weft/files/dashboard.json > /dev/null
for script in *.sh image/*.sh keda/*.sh; do bash -n "$script"; done
note "all of it holds; not run here: the images, compose, a cluster, a GPU"
