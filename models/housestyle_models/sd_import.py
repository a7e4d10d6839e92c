"""Imports a Stable-Diffusion-1.x-shaped pipeline as a bundle.

In: a folder as diffusers' `save_pretrained` writes it (unet, vae, text_encoder, tokenizer, scheduler), weights as safetensors.
Out: a bundle without evaluator and image tower (see `bundle`). What always holds: nothing is unpickled, no code from the folder
runs, nothing is fetched; a pipeline of another shape is refused with the reason.

`python -m housestyle_models.sd_import --pipeline DIR --out DIR [--name NAME] [--styles styles.yaml] [--licence SPDX]`
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from diffusers import AutoencoderKL, UNet2DConditionModel
from tokenizers import Tokenizer
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from .bundle import Components, Metadata, Written, write_bundle
from .tokenizer import clip_tokenizer, encode

TEXT_ENCODERS = {"CLIPTextModel": CLIPTextModel, "CLIPTextModelWithProjection": CLIPTextModelWithProjection}
EXPECTED = {
    "unet": {"UNet2DConditionModel"},
    "vae": {"AutoencoderKL"},
    "text_encoder": set(TEXT_ENCODERS),
    "tokenizer": {"CLIPTokenizer", "CLIPTokenizerFast"},
}
"""The classes a Stable-Diffusion-1.x-shaped `model_index.json` names."""
PROBES = ["a photo of a fox", "Zażółć, 42 it's!", "   two\n words "]


def load(pipeline: Path) -> Components:
    """The parts of a saved pipeline, in fp32. A ValueError says what does not fit."""
    index = _json(pipeline / "model_index.json")
    for part, classes in EXPECTED.items():
        library, name = (index.get(part) or [None, None])[:2]
        if library not in ("diffusers", "transformers") or name not in classes:
            raise ValueError(f"{part} is {name!r} of {library!r}; a Stable-Diffusion-1.x-shaped pipeline has {sorted(classes)}")
    for part in ("unet", "vae", "text_encoder"):
        if not list((pipeline / part).glob("*.safetensors")):
            raise ValueError(f"{part} has no .safetensors file, and pickled weights are not read")
    options = {"use_safetensors": True, "local_files_only": True}
    unet = UNet2DConditionModel.from_pretrained(pipeline, subfolder="unet", torch_dtype=torch.float32, **options)
    vae = AutoencoderKL.from_pretrained(pipeline, subfolder="vae", torch_dtype=torch.float32, **options)
    text = TEXT_ENCODERS[index["text_encoder"][1]]
    text_encoder = text.from_pretrained(pipeline, subfolder="text_encoder", dtype=torch.float32, **options)
    tokenizer = load_tokenizer(pipeline / "tokenizer")
    return Components(tokenizer, text_encoder, unet, vae, _json(pipeline / "scheduler/scheduler_config.json"))


def load_tokenizer(folder: Path) -> Tokenizer:
    """transformers' CLIPTokenizer (either file format) as one that pads and never cuts; checked to give the same tokens."""
    original = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    model = json.loads(original.backend_tokenizer.to_str())["model"]
    tokenizer = clip_tokenizer(model["vocab"], [tuple(pair) for pair in model["merges"]], original.model_max_length)
    theirs = original(PROBES, padding="max_length", truncation=False)["input_ids"]
    if encode(tokenizer, PROBES) != theirs:
        raise ValueError("the tokenizer's config departs from CLIP's (padding or special tokens): its prompts would change")
    return tokenizer


def import_pipeline(pipeline: Path, out: Path, about: Metadata, *, half: bool = True) -> Written:
    """Reads `pipeline`, writes the bundle `out`."""
    return write_bundle(out, load(pipeline), about, half=half)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path.parent.name}/{path.name} is missing: is this a pipeline saved by diffusers?")
    return json.loads(path.read_text("utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", type=Path, required=True, help="folder that save_pretrained wrote")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder (replaced when it exists)")
    parser.add_argument("--name", help="the bundle's name (default: the folder's)")
    parser.add_argument("--description", default="An imported Stable-Diffusion-1.x-shaped pipeline.")
    parser.add_argument("--styles", type=Path, help="YAML list of {name, look, licence, holder, source, attribution}")
    parser.add_argument("--licence", default="unknown", help="SPDX name of the weights' licence (default: %(default)s)")
    parser.add_argument("--holder", default="unknown", help="who holds the rights (default: %(default)s)")
    parser.add_argument("--fp32", action="store_true", help="keep weights as fp32 instead of rounding to fp16")
    given = parser.parse_args()
    origin = {"licence": given.licence, "holder": given.holder, "source": given.pipeline.name, "attribution": ""}
    styles = [{"name": "stock", "look": "illustration", **origin}]
    if given.styles:
        styles = [{**origin, **style} for style in yaml.safe_load(given.styles.read_text("utf-8"))]
    about = Metadata(given.name or given.out.name, given.description, styles, licence=given.licence)
    try:
        print(import_pipeline(given.pipeline, given.out, about, half=not given.fp32))
    except (ValueError, OSError) as error:
        print(f"sd_import: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
