#!/usr/bin/env bash
# Trains every part that is not trained yet and writes the bundle. Stop it whenever you like; run it again and it goes on.
# `./train.sh base` uses the larger configuration (a GPU). One training at a time: two share the cores and win nothing.
set -euo pipefail
cd "$(dirname "$0")"
config=${1:-small}
python=.venv/bin/python
step() { "$python" -m "housestyle_models.$1" --config "$config" "${@:2}"; }
[ -e .work/emoji/images.npz ] || "$python" -m housestyle_models.emoji
step autoencoder
step clip
step evaluator
if [ "$config" = small ]; then
  # Two processes of one thread each beat one process of two threads on small convolutions.
  OMP_NUM_THREADS=1 .venv/bin/torchrun --nproc-per-node 2 -m housestyle_models.unet --config small --threads 1
else
  step unet
fi
step emoji_houses
