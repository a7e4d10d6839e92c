#!/usr/bin/env bash
# Puts the ONNX Runtime library into ./runtime, where `housestyle` looks for it.
# First choice: the PyPI wheel, whose sha256 is pinned here; second: npm's onnxruntime-node; otherwise it says what to do.
set -euo pipefail
version=1.32.0
arch=$(uname -m)
case "$(uname -s)-$arch" in
  Linux-x86_64) hash=99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8 npm_arch=x64 ;;
  Linux-aarch64) hash=e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054 npm_arch=arm64 ;;
  *) echo "no pinned ONNX Runtime for $(uname -s)-$arch: install ONNX Runtime >= 1.24 and set HOUSESTYLE_RUNTIME_LIBRARY to its library" >&2; exit 4 ;;
esac
target=runtime/onnxruntime-$version
[ -e "$target/libonnxruntime.so" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Unpacks the one library out of an archive ($1) that Python can read; never the rest.
take_library() {
  mkdir -p "$target"
  python3 - "$1" "$target/libonnxruntime.so.part" <<'PY'
import re, shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(n for n in wheel.namelist() if re.search(r"capi/libonnxruntime\.so\.[0-9.]+$", n))
    with wheel.open(name) as source, open(sys.argv[2], "wb") as out:
        shutil.copyfileobj(source, out)
PY
  mv "$target/libonnxruntime.so.part" "$target/libonnxruntime.so"
}

from_pypi() {
  local pip=(python3 -m pip)
  if ! "${pip[@]}" --version >/dev/null 2>&1; then
    python3 -m venv "$work/venv" >/dev/null 2>&1 || return 1
    pip=("$work/venv/bin/python" -m pip)
  fi
  echo "onnxruntime==$version --hash=sha256:$hash" >"$work/requirements.txt"
  "${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --python-version 3.12 --implementation cp --abi cp312 --platform "manylinux_2_28_$arch" --platform "manylinux_2_27_$arch" \
    -d "$work" -r "$work/requirements.txt" || return 1
  take_library "$work"/onnxruntime-*.whl
}

from_npm() {
  command -v npm >/dev/null || return 1
  # npm checks the package against the registry's own integrity hash; its install script (a download) is not run.
  npm install --silent --no-save --no-package-lock --ignore-scripts --prefix "$work/npm" onnxruntime-node@1.30.0 || return 1
  mkdir -p "$target"
  cp "$(find "$work/npm" -path "*linux/$npm_arch/libonnxruntime.so*" -type f | head -n 1)" "$target/libonnxruntime.so"
}

if from_pypi; then
  echo "ONNX Runtime $version (PyPI wheel) is in $target" >&2
elif from_npm; then
  echo "ONNX Runtime (npm package) is in $target" >&2
else
  echo "could not fetch ONNX Runtime: needs python3 with pip or venv (Debian: apt install python3-venv), or npm." >&2
  echo "Or install ONNX Runtime >= 1.24 yourself and set HOUSESTYLE_RUNTIME_LIBRARY to its library." >&2
  exit 4
fi
