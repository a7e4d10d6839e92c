"""Imports a Stable-Diffusion-1.x-shaped pipeline as a bundle.

In: a folder as diffusers' `save_pretrained` writes it (unet, vae, text_encoder, tokenizer, scheduler), weights as
safetensors. Out: a bundle without evaluator and image tower (see `bundle`). Invariants: nothing is unpickled, no code
from the folder runs, nothing is fetched; a pipeline of another shape is refused with the reason.

`housestyle-models import --pipeline DIR --out DIR [--name NAME] [--styles styles.yaml] [--licence SPDX]`
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
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
            raise ValueError(
                f"{part} is {name!r} of {library!r}; a Stable-Diffusion-1.x-shaped pipeline has {sorted(classes)}"
            )
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
    """transformers' CLIPTokenizer (either file format) as one that pads and never cuts; checked to give the same
    tokens."""
    original = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    model = json.loads(original.backend_tokenizer.to_str())["model"]
    tokenizer = clip_tokenizer(model["vocab"], [tuple(pair) for pair in model["merges"]], original.model_max_length)
    theirs = original(PROBES, padding="max_length", truncation=False)["input_ids"]
    if encode(tokenizer, PROBES) != theirs:
        raise ValueError(
            "the tokenizer's config departs from CLIP's (padding or special tokens): its prompts would change"
        )
    return tokenizer


def import_pipeline(pipeline: Path, out: Path, about: Metadata, *, half: bool = True) -> Written:
    """Reads `pipeline`, writes the bundle `out`."""
    return write_bundle(out, load(pipeline), about, half=half)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path.parent.name}/{path.name} is missing: is this a pipeline saved by diffusers?")
    return json.loads(path.read_text("utf-8"))
