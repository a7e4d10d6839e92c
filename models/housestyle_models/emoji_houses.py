"""Writes the `emoji-houses` bundle from the trained parts (`housestyle-models export`).

`--evaluator-only` puts a newly trained judge into the bundle that is there; what draws stays the same, byte for byte.
"""

import json
from typing import Any

import torch

from .autoencoder import load_autoencoder
from .bundle import Components, Metadata, Written, replace_evaluator, write_bundle
from .captions import CATEGORY_PROMPT, STYLE_PROMPT
from .clip import evaluate, load_clip
from .evaluator import STYLES, categories, load_evaluator
from .houses import HOUSES, PRETRAINING, House
from .paths import PROJECT, WORK, checkpoint
from .pictures import Pictures
from .train_step import Training
from .unet import load_unet, scheduler

LICENCE = "Apache-2.0, with the attributions below"
OUT = PROJECT / "emoji-houses"


def replace_judge(config: str) -> Written:
    """Puts the trained evaluator into the bundle that is there; every other part stays as it is."""
    evaluator, held_out = load_evaluator(config)
    return replace_evaluator(OUT, evaluator, held_out, minutes("evaluator"), LICENCE)


def export_bundle(config: str) -> Written:
    """Writes the whole bundle from the trained parts."""
    clip, words = load_clip(config)
    evaluator, held_out = load_evaluator(config)
    unet, scale = load_unet(config)
    vae = load_autoencoder(config)
    vae.register_to_config(scaling_factor=scale)
    pictures = Pictures(lambda r: r["pretraining"])
    unseen = Pictures(lambda r: not r["pretraining"] and r["house"] != "fxemoji")
    with torch.no_grad():
        shown = vae.decode(vae.encode(unseen.pixels).latent_dist.mean).sample.clamp(-1, 1)
    mse = ((shown - unseen.pixels) / 2).square().mean(dim=(1, 2, 3))
    licences = json.loads((WORK / "emoji" / "licences.json").read_text())
    about = Metadata(
        name="emoji-houses",
        description="Emoji concepts in the looks of professional design houses: a small, complete "
        "Stable-Diffusion-shaped bundle (CLIP, UNet, autoencoder) with an independent evaluator, trained from scratch "
        "on openly licensed drawings.",
        styles=[style(h, licences[h.name]) for h in HOUSES],
        categories=categories(),
        evaluator={"size": 64, "styles": STYLES, "held_out": held_out},
        prompt={"category": CATEGORY_PROMPT, "style": STYLE_PROMPT},
        measured={
            "clip_held_out": evaluate(clip, words, pictures, unseen),
            "autoencoder_held_out_psnr_db": round((-10 * mse.log10()).mean().item(), 2),
            "minutes_trained": {n: minutes(n) for n in ("clip", "autoencoder", "unet", "evaluator")},
        },
        training_data=[
            {
                "package": licences[h.name]["package"],
                "licence": licences[h.name]["license"]["spdx"],
                "author": licences[h.name]["author"]["name"],
                "base": h in PRETRAINING,
                "evaluator": True,
            }
            for h in HOUSES
        ]
        + [{"rendered_sha256": json.loads((WORK / "emoji" / "digests.json").read_text())}],
        licence=LICENCE,
    )
    schedule = dict(scheduler().config) | {"_class_name": "DDIMScheduler"}
    parts = Components(
        tokenizer=words,
        text_encoder=clip.text,
        unet=unet,
        vae=vae,
        scheduler={k: v for k, v in schedule.items() if k != "_use_default_values"},
        image_encoder=clip.image,
        evaluator=evaluator,
        training=Training(logit_scale=clip.log_scale.clamp(max=4.6).exp().item()),
    )
    return write_bundle(OUT, parts, about)


def style(house: House, licence: dict[str, Any]) -> dict[str, str]:
    """Returns what bundle.yaml says of a house: its look, and whose it is under which licence."""
    spdx, author, url = licence["license"]["spdx"], licence["author"]["name"], licence["author"]["url"]
    return {
        "name": house.name,
        "look": house.description,
        "licence": spdx,
        "holder": author,
        "source": licence["package"],
        "attribution": f"{licence['name']} by {author} ({url}), {spdx} ({licence['license']['url']}); "
        "rendered at 64 px",
    }


def minutes(part: str) -> float:
    """Returns the processor minutes that a part was trained for."""
    return round(torch.load(checkpoint(part), map_location="cpu", weights_only=True)["elapsed"] / 60, 1)
