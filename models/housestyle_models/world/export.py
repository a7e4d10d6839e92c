"""Writes the world's bundle from the trained parts, with the second judge and the lists of what each part has seen.

Judge a is the bundle's evaluator and gates; judge b lies in `reporter/` and never gates. `seen/<part>.bin` holds the
sorted digests (the first eight bytes of the sha256 of a picture's RGB bytes at 128 px, end to end) of all that the part
was trained on.
"""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import torch
import yaml

from ..bundle import BATCH, Components, Metadata, digests, write_bundle
from ..export import Port, export, uniform
from ..train_step import Training
from . import expert
from .autoencoder import Autoencoder, held_out, load_autoencoder, psnr, round_trip
from .clip import load_clip, zero_shot
from .houses import EMOJI, HOUSES, House
from .judges import STYLES, accuracy, answers, known, load_judge
from .pictures import Pictures
from .places import LICENCES
from .training import checkpoint
from .unet import load_unet, scheduler
from .vector import SIZE

LICENCE = "Apache-2.0, with the attributions below"
SEEN = {"generator": "unet", "judge_a": "judge_a", "judge_b": "judge_b"}
OUTPUTS = ["style_logits", "category_logits", "embedding"]


def style(house: House) -> dict[str, str]:
    """A house as a style of the bundle: the expert's words, and whose drawings it is learned from."""
    licence = json.loads(LICENCES.read_text("utf-8"))[house.name]
    by = (
        f"{licence['title']} by {licence['author']} ({licence['url']}), {licence['licence']} ({licence['licence_url']})"
    )
    return {
        "name": house.name,
        "look": expert.read()[house.name],
        "licence": licence["licence"],
        "holder": licence["author"],
        "source": licence["package"],
        "attribution": f"{by}; rendered at {SIZE} px",
    }


def training_data() -> list[dict]:
    """Every family with its licence and whether anything saw it, and each part's list of digests."""
    licences = json.loads(LICENCES.read_text("utf-8"))
    families = [
        {
            "package": licences[h.name]["package"],
            "house": h.name,
            "licence": h.licence,
            "author": licences[h.name]["author"],
            "seen": not h.unseen,
        }
        for h in HOUSES
    ]
    lists = []
    for kind, part in SEEN.items():
        seen = checkpoint(part)["seen"]
        lists.append({"seen_by": kind, "file": f"seen/{kind}.bin", "pictures": seen["count"], "sha256": seen["sha256"]})
    return [*families, *lists]


@torch.no_grad()
def round_trip_styles(model: Autoencoder, pictures: Pictures, which: str) -> float:
    """The share of drawings whose style a judge gets right as they are and that keep it after encoding and decoding."""
    judge, _ = load_judge(which)
    truth = torch.tensor([STYLES.index(c.house) for c in pictures.cells])
    before = answers(judge, pictures)[0].argmax(1) == truth
    after = torch.cat([judge(round_trip(model, x))[0].argmax(1) for x in pictures.all()]) == truth
    return (before & after).sum().item() / max(1, before.sum().item())


def measured() -> dict[str, dict]:
    """Held-out figures on test cells, and what each part took."""
    test, model = held_out("test", "cpu", 512), load_autoencoder()
    with torch.no_grad():
        decibel = torch.cat([psnr(x, round_trip(model, x)) for x in test.all()]).mean().item()
    clip, learned = load_clip()
    parts = ("autoencoder", "clip", "judge_a", "judge_b", "unet")
    states = {name: checkpoint(name) for name in parts}
    figures: dict[str, dict] = {
        "autoencoder": {
            "test_drawings": len(test),
            "psnr_db": round(decibel, 2),
            "style_kept_by_judge_a": round(round_trip_styles(model, test, "a"), 4),
            "style_kept_by_judge_b": round(round_trip_styles(model, test, "b"), 4),
        },
        "clip": {k: round(v, 4) for k, v in zero_shot(clip, learned, test).items()},
        "open_set": {f"judge_{w}": load_judge(w)[1]["open_set"] for w in "ab"},
    }
    figures["trained"] = {
        name: {"minutes": round(s["elapsed"] / 60, 1), "samples": s["steps"] * s["batch"]} for name, s in states.items()
    }
    return figures


def judged(which: str) -> tuple[torch.nn.Module, dict, dict[str, float]]:
    """A judge, what its checkpoint says, and its accuracy on test cells."""
    judge, extra = load_judge(which)
    cells = known("test", "cpu")
    found = accuracy(judge, cells, extra["categories"])
    named = {"style": found["style"], "category_top1": found["top1"], "category_top5": found["top5"]}
    return judge, extra, {"drawings": len(cells)} | {k: round(v, 4) for k, v in named.items()}


def write(out: Path, name: str = "world", training_steps: bool = True) -> str:
    """Writes the bundle, whole or not at all; returns its digest."""
    clip, learned = load_clip()
    unet, scale = load_unet()
    vae = load_autoencoder()
    vae.register_to_config(scaling_factor=scale)
    gate, extra, gate_accuracy = judged("a")
    reporter, _, reporter_accuracy = judged("b")
    config = {k: v for k, v in dict(scheduler().config).items() if k != "_use_default_values"}
    parts = Components(
        tokenizer=learned,
        text_encoder=clip.text,
        unet=unet,
        vae=vae,
        scheduler=config | {"_class_name": "DDIMScheduler"},
        image_encoder=clip.image,
        evaluator=gate,
        training=Training(logit_scale=clip.log_scale.clamp(max=4.6).exp().item()) if training_steps else None,
    )
    about = Metadata(
        name=name,
        description="Emoji things in the looks of design houses and hundreds of procedural looks, trained from scratch "
        "on openly licensed drawings; judged by two networks that share no drawing with each other.",
        styles=[style(h) for h in EMOJI],
        categories=extra["categories"],
        evaluator={"size": SIZE, "styles": list(STYLES), "held_out": gate_accuracy},
        prompt={"category": "a {category} emoji", "style": "{prompt}, {look}"},
        measured=measured() | {"reporter": reporter_accuracy},
        training_data=training_data(),
        licence=LICENCE,
    )
    draft = out.with_name(out.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        write_bundle(draft, parts, about)
        export(
            reporter,
            [Port("pixel_values", BATCH, uniform(3, SIZE, SIZE, low=-1.0))],
            OUTPUTS,
            draft / "reporter/model.onnx",
        )
        (draft / "seen").mkdir()
        for kind, part in SEEN.items():
            (draft / "seen" / f"{kind}.bin").write_bytes(base64.b64decode(checkpoint(part)["seen"]["digests"]))
        facts = yaml.safe_load((draft / "bundle.yaml").read_text("utf-8"))
        facts["spec"]["files"] = digests(draft)
        text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=120)
        (draft / "bundle.yaml").write_text(text, "utf-8")
        shutil.rmtree(out, ignore_errors=True)
        draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return hashlib.sha256(text.encode()).hexdigest()
