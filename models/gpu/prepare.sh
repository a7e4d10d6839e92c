#!/usr/bin/env bash
# Collects in one folder (default .work/gpu) what a GPU machine without a network needs: the packed drawings, the wheels that its
# Python (3.12, with PyTorch, transformers and tokenizers) lacks, and, if given, the folder of pieces of an earlier call to go on from.
#     gpu/prepare.sh [FOLDER] [PIECES]
# WORK (HOUSESTYLE_WORLD_WORK, default .work/world) holds the pack: `python -m housestyle_models.world pack` makes it.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.work/gpu}
work=${HOUSESTYLE_WORLD_WORK:-.work/world}
python=${PYTHON:-python3}
mkdir -p "$folder/wheels"
cp "$work/drawings.json.xz" "$folder/"
platforms=()
for tag in manylinux_2_28 manylinux_2_17 manylinux2014; do platforms+=(--platform "${tag}_x86_64"); done
"$python" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp "${platforms[@]}" \
  -d "$folder/wheels" diffusers==0.42.1 resvg_py==0.5.0 importlib_metadata==10.2.0 zipp==4.1.2 lazy_importer==0.1.0
if [ $# -gt 1 ]; then
  rm -rf "$folder/parcel"
  cp -r "$2" "$folder/parcel"
fi
du -sh "$folder"
