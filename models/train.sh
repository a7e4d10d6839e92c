#!/usr/bin/env bash
# Trains every part that is not trained yet and writes the bundle. Stop it whenever you like; run it again and it goes on.
# `./train.sh base` uses the larger configuration (a GPU, one training after the other). On two cores two trainings of one
# thread each, side by side, do more than one of two threads: small convolutions do not fill both.
set -euo pipefail
cd "$(dirname "$0")"
config=${1:-small}
models=.venv/bin/housestyle-models
train() { "$models" train "$1" --config "$config" "${@:2}"; }
both() {
  if [ "$config" = base ]; then
    train "$1" && train "$2"
  else
    OMP_NUM_THREADS=1 train "$1" --threads 1 &
    OMP_NUM_THREADS=1 train "$2" --threads 1
    wait $!
  fi
}
[ -e .work/emoji/looks.npz ] || "$models" data
both autoencoder clip
both evaluator unet
"$models" export --config "$config"
