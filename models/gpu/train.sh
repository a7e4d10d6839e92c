#!/usr/bin/env bash
# Trains the world on a GPU machine without a network, in nine minutes, and leaves the parts in OUT as pieces of 15 MiB.
#     gpu/train.sh FOLDER OUT [SECONDS] [further arguments of `housestyle_models.world gpu`]
# FOLDER is what prepare.sh made. Every part is stopped by the clock; `--no-compile` does without torch.compile, `--toy` rehearses on a CPU.
set -euo pipefail
folder=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
seconds=${3:-530}
shift $(($# < 3 ? $# : 3))
cd "$(dirname "$0")/.."
site=$(mktemp -d)
python=${PYTHON:-python3}
"$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$site" "$folder"/wheels/*.whl
export PYTHONPATH="$site:$PWD" PYTHONUNBUFFERED=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-4}"
export HOUSESTYLE_WORLD_WORK=${HOUSESTYLE_WORLD_WORK:-$(mktemp -d)}
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-$(mktemp -d)}
parcel=()
if [ -d "$folder/parcel" ]; then parcel=(--parcel "$folder/parcel"); fi
exec "$python" -m housestyle_models.world gpu --pack "$folder/drawings.json.xz" --out "$out" --seconds "$seconds" "${parcel[@]}" "$@"
