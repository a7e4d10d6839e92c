"""Writes a bundle: everything that Housestyle needs to make and judge pictures, in diffusers' ONNX folder layout.

In: torch modules, a tokenizer, a scheduler config, what is known about styles, categories and rights. Out: a folder
with `model_index.json`, `tokenizer/`, `text_encoder/`, `unet/`, `vae_decoder/`, `vae_encoder/`, `scheduler/`, where
given `image_encoder/` and `evaluator/`, `bundle.yaml` (facts, and digest and size of every other file) and `README.md`
(the card).

Invariants: the folder appears whole or not at all; every model in it agrees with its module (see `export`); the same
components give the same bytes, so the bundle's digest (sha256 of `bundle.yaml`) names exactly this bundle.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import diffusers
import onnxruntime
import torch
import yaml
from diffusers import AutoencoderKL, UNet2DConditionModel
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from . import export
from .dual_attention import DualUNet
from .export import Exported, Port, normal, uniform
from .tokenizer import BOS, EOS, max_length
from .train_step import Training, export_steps
from .verify import digest, digests

BATCH = {0: "batch"}


@dataclass
class Components:
    """The parts of a bundle. What is None is left out."""

    tokenizer: Tokenizer
    text_encoder: CLIPTextModelWithProjection | CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    scheduler: dict[str, Any]
    """diffusers' scheduler_config.json: num_train_timesteps, beta_schedule, prediction_type, …"""
    image_encoder: nn.Module | None = None
    """pixel_values [b, 3, size, size] in -1..1 -> image_embeds [b, P]."""
    evaluator: nn.Module | None = None
    """pixel_values [b, 3, E, E] in -1..1 -> (style_logits [b, S], category_logits [b, K], embedding [b, D])."""
    training: Training | None = None
    """With it the bundle carries its training steps (see `train_step`), and encoders can be fine-tuned from
    pictures."""


@dataclass
class Metadata:
    """What `bundle.yaml` says beside shapes and digests."""

    name: str
    description: str
    styles: list[dict[str, str]]
    """Each {name, look, licence, holder, source, attribution}, in the order that the engine lists them."""
    categories: list[str] = field(default_factory=list)
    """The evaluator's categories, in the order of its logits."""
    evaluator: dict[str, Any] = field(default_factory=dict)
    """{size, styles (order of the logits), held_out: {drawings, style, category_top1, category_top5}}."""
    prompt: dict[str, str] = field(default_factory=lambda: {"category": "{category}", "style": "{prompt}, {look}"})
    seconds_per_step: float | None = None
    """One image, one UNet step, three branches. None: measured here on the CPU."""
    bytes_per_image: int = 9000
    measured: dict[str, Any] = field(default_factory=dict)
    training_data: list[Any] = field(default_factory=list)
    licence: str = ""
    """Licence of the weights themselves, for the card."""


@dataclass(frozen=True)
class Written:
    """A bundle on disk: its digest (sha256 of bundle.yaml, hexadecimal) and each model's export report."""

    path: Path
    digest: str
    models: dict[str, Exported]

    def __str__(self) -> str:
        row = "  {:<20}{:>12,} bytes  {:.1e} from PyTorch"
        rows = [row.format(name, model.bytes, model.deviation) for name, model in self.models.items()]
        return "\n".join([f"{self.path}  sha256:{self.digest}", *rows])


class TextEncoder(nn.Module):
    """input_ids [b, L] -> last_hidden_state [b, L, D] (after the final norm, as the UNet reads it), text_embeds [b, P].

    A CLIPTextModel has no projection (Stable Diffusion's have none): its pooled state stands in, P = D.
    """

    def __init__(self, model: CLIPTextModelWithProjection | CLIPTextModel) -> None:
        super().__init__()
        # Fused attention exports a guard of IsNaN nodes, which OpenVINO does not have: it could not run the encoder
        # alone.
        model.set_attn_implementation("eager")
        self.model = model

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        states = self.model(input_ids).last_hidden_state
        # transformers picks the pooled state by two index tensors; OpenVINO makes [b, b, P] of that, so a mask picks it
        # here.
        end = self.model.config.eos_token_id
        found = input_ids.argmax(1) if end == 2 else (input_ids == end).int().argmax(1)
        here = torch.arange(input_ids.shape[1], device=input_ids.device)[None] == found[:, None]
        pooled = (states * here[:, :, None].to(states.dtype)).sum(1)
        project = getattr(self.model, "text_projection", None)
        return states, pooled if project is None else project(pooled)


class VaeDecoder(nn.Module):
    """latent_sample [b, C, h, w], divided by the scaling factor already -> sample [b, 3, H, W], about -1..1."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample: Tensor) -> Tensor:
        return self.vae.decode(latent_sample, return_dict=False)[0]


class VaeEncoder(nn.Module):
    """sample [b, 3, H, W] in -1..1 -> latent_sample [b, C, h, w]: the mean, not yet scaled."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, sample: Tensor) -> Tensor:
        return self.vae.encode(sample, return_dict=False)[0].mean


def write_bundle(out_dir: Path | str, parts: Components, about: Metadata, *, half: bool = True) -> Written:
    """Exports every part into `out_dir` (replaced when it exists, once the new one is whole). `half`: see
    `export.export`."""
    out = Path(out_dir)
    facts = _facts(parts, about)
    with _replacing(out) as draft:
        models = _export_all(draft, parts, about, facts, half)
        _write_json(draft / "scheduler/scheduler_config.json", parts.scheduler)
        _write_json(draft / "model_index.json", _model_index(parts))
        _write_tokenizer(draft / "tokenizer", parts.tokenizer)
        seconds = about.seconds_per_step
        facts["spec"]["seconds_per_step"] = measure_step(draft, facts) if seconds is None else seconds
        _write_facts(draft, facts, about)
    return _written(out, models)


def replace_evaluator(
    folder: Path, evaluator: nn.Module, held_out: dict[str, float], minutes: float, licence: str, *, half: bool = True
) -> Written:
    """Puts another evaluator, its accuracy and the minutes it took into a bundle; the other parts stay as they are."""
    facts = yaml.safe_load((folder / "bundle.yaml").read_text("utf-8"))
    spec, meta = facts["spec"], facts["metadata"]
    spec["evaluator"]["held_out"] = held_out
    spec.setdefault("measured", {}).setdefault("minutes_trained", {})["evaluator"] = minutes
    with _replacing(folder) as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        model = _export_evaluator(draft, evaluator, spec["evaluator"]["size"], half)
        _write_facts(draft, facts, Metadata(meta["name"], meta["description"], spec["styles"], licence=licence))
    return _written(folder, {"evaluator": model})


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `out` once it is whole, and is gone if it never is."""
    draft = out.with_name(out.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        shutil.rmtree(out, ignore_errors=True)
        draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_facts(folder: Path, facts: dict[str, Any], about: Metadata) -> None:
    """The digests of all that is there, bundle.yaml and the card."""
    facts["spec"]["files"] = digests(folder)
    (folder / "bundle.yaml").write_text(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=120), "utf-8")
    (folder / "README.md").write_text(_card(facts, about), "utf-8")


def _written(out: Path, models: dict[str, Exported]) -> Written:
    placed = {name: Exported(out / name / "model.onnx", model.bytes, model.deviation) for name, model in models.items()}
    return Written(out, digest(out), placed)


def _facts(parts: Components, about: Metadata) -> dict[str, Any]:
    """bundle.yaml as far as it is known before exporting; parts that do not fit together are a ValueError."""
    unet, vae, text = parts.unet.config, parts.vae.config, parts.text_encoder.config
    downscale = vae.get("patch_size", 1) * 2 ** (len(vae.block_out_channels) - 1)
    latent = unet.sample_size if isinstance(unet.sample_size, int) else unet.sample_size[0]
    length = max_length(parts.tokenizer)
    words, end = parts.tokenizer.get_vocab_size(), parts.tokenizer.token_to_id(EOS)
    width, longest = text.hidden_size, text.max_position_embeddings
    reads, asks, channels = unet.in_channels, unet.cross_attention_dim, vae.latent_channels
    # transformers reads eos_token_id 2 as "the highest id is the end", which holds for CLIP's own tokenizer.
    ends = {end, 2} if end == words - 1 else {end}
    judged = about.evaluator.get("size") and about.evaluator.get("styles") and about.categories
    checks = [
        (reads == channels, f"the UNet reads {reads} channels, the VAE gives {channels}"),
        (asks == width, f"the UNet reads states of {asks}, the text encoder gives {width}"),
        (length <= longest, f"the tokenizer pads to {length}, the text encoder reads {longest}"),
        (words <= text.vocab_size, f"the tokenizer has {words} tokens, the text encoder {text.vocab_size}"),
        (
            text.eos_token_id in ends,
            f"the tokenizer ends prompts at {end}, the text encoder pools at {text.eos_token_id}",
        ),
        (parts.evaluator is None or judged, "an evaluator needs its size, styles and categories"),
    ]
    wrong = [reason for holds, reason in checks if not holds]
    if wrong:
        raise ValueError("the parts do not fit together: " + "; ".join(wrong))
    spec: dict[str, Any] = {
        "sizes": [latent * downscale],
        "latent": {
            "channels": vae.latent_channels,
            "downscale": downscale,
            "scaling_factor": float(vae.scaling_factor),
            "shift_factor": float(vae.get("shift_factor") or 0.0),
        },
        "tokenizer": {"max_length": length},
        "cross_attention_layers": 0,
        "prompt": dict(about.prompt),
        "seconds_per_step": 0.0,
        "bytes_per_image": about.bytes_per_image,
        "styles": [dict(style) for style in about.styles],
    }
    if parts.evaluator is not None:
        spec["categories"] = list(about.categories)
        spec["evaluator"] = dict(about.evaluator)
    spec["measured"] = dict(about.measured)
    spec["training_data"] = list(about.training_data)
    return {
        "apiVersion": "housestyle/v1",
        "kind": "Bundle",
        "metadata": {"name": about.name, "description": about.description},
        "spec": spec,
    }


def _export_all(
    draft: Path, parts: Components, about: Metadata, facts: dict[str, Any], half: bool
) -> dict[str, Exported]:
    """Every ONNX file; notes the number of cross-attention layers in `facts`."""
    spec = facts["spec"]
    size, channels, length = spec["sizes"][0], spec["latent"]["channels"], spec["tokenizer"]["max_length"]
    side, width = size // spec["latent"]["downscale"], parts.text_encoder.config.hidden_size
    unet = DualUNet(parts.unet)
    spec["cross_attention_layers"] = unet.layers
    latents = normal(channels, side, side)
    pixels = Port("pixel_values", BATCH, uniform(3, size, size, low=-1.0))
    jobs: dict[str, tuple[nn.Module, list[Port], list[str]]] = {
        "text_encoder": (
            TextEncoder(parts.text_encoder),
            [Port("input_ids", BATCH, _prompts(parts.tokenizer, length))],
            ["last_hidden_state", "text_embeds"],
        ),
        "unet": (
            unet,
            [*unet_ports(latents, length, width), Port("style_scale", BATCH, uniform(unet.layers))],
            ["out_sample"],
        ),
        "vae_decoder": (VaeDecoder(parts.vae), [Port("latent_sample", BATCH, latents)], ["sample"]),
        "vae_encoder": (VaeEncoder(parts.vae), [Port("sample", BATCH, pixels.sample)], ["latent_sample"]),
    }
    if parts.image_encoder is not None:
        jobs["image_encoder"] = (parts.image_encoder, [pixels], ["image_embeds"])
    written = {
        name: export.export(module, ports, outputs, draft / name / "model.onnx", half=half)
        for name, (module, ports, outputs) in jobs.items()
    }
    if parts.evaluator is not None:
        written["evaluator"] = _export_evaluator(draft, parts.evaluator, about.evaluator["size"], half)
    if parts.training is not None:
        latent = (channels, side, side)
        written |= export_steps(parts.text_encoder, parts.unet, parts.training, draft, length, latent, half=half)
    return written


def _export_evaluator(draft: Path, evaluator: nn.Module, size: int, half: bool) -> Exported:
    judged = Port("pixel_values", BATCH, uniform(3, size, size, low=-1.0))
    outputs = ["style_logits", "category_logits", "embedding"]
    return export.export(evaluator, [judged], outputs, draft / "evaluator/model.onnx", half=half)


def unet_ports(latents: Callable[[int, torch.Generator], Tensor], length: int, width: int) -> list[Port]:
    """The UNet's inputs before `style_scale`; the two prompts may differ in length. The first three are the plain
    UNet's."""
    return [
        Port("sample", BATCH, latents),
        Port("timestep", BATCH, uniform(high=999.0)),
        Port("encoder_hidden_states", {0: "batch", 1: "tokens"}, normal(length, width)),
        Port("encoder_hidden_states_style", {0: "batch", 1: "style_tokens"}, normal(length, width)),
    ]


def _prompts(tokenizer: Tokenizer, length: int) -> Callable[[int, torch.Generator], Tensor]:
    """Random token rows as prompts are: a start, words, the end at any place, then padding."""
    start, end = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)

    def sample(batch: int, generator: torch.Generator) -> Tensor:
        ids = torch.randint(0, min(start, end), (batch, length), generator=generator)
        ends = torch.randint(1, length, (batch, 1), generator=generator)
        ids = torch.where(torch.arange(length) >= ends, end, ids)
        ids[:, 0] = start
        return ids

    return sample


def measure_step(folder: Path, facts: dict[str, Any], runs: int = 7) -> float:
    """Seconds of one UNet step of one image with its three guidance branches, on the CPU: the median of `runs`."""
    session = onnxruntime.InferenceSession(folder / "unet/model.onnx", providers=["CPUExecutionProvider"])
    shapes = {
        port.name: [3, *(d if isinstance(d, int) else facts["spec"]["tokenizer"]["max_length"] for d in port.shape[1:])]
        for port in session.get_inputs()
    }
    feeds = {name: torch.zeros(shape).numpy() for name, shape in shapes.items()}
    times = []
    for _ in range(runs):
        start = perf_counter()
        session.run(None, feeds)
        times.append(perf_counter() - start)
    return float(f"{median(times):.3g}")


def _model_index(parts: Components) -> dict[str, Any]:
    """diffusers' index of an ONNX pipeline. Image encoder and evaluator are Housestyle's own: bundle.yaml lists
    them."""
    onnx = ["diffusers", "OnnxRuntimeModel"]
    return {
        "_class_name": "OnnxStableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", parts.scheduler.get("_class_name", "DDIMScheduler")],
        "text_encoder": onnx,
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": onnx,
        "vae_decoder": onnx,
        "vae_encoder": onnx,
    }


def _write_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    """tokenizer.json for the engine, and the config by which transformers finds its class."""
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False), "utf-8")
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": max_length(tokenizer),
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": EOS,
            "unk_token": EOS,
        },
    )


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", "utf-8")


def _card(facts: dict[str, Any], about: Metadata) -> str:
    """The bundle's README: what it is, whose drawings and rights are in it, how good it is."""
    spec = facts["spec"]
    lines = [f"# {about.name}", "", about.description, ""]
    if about.licence:
        lines += [f"Licence of the weights: {about.licence}.", ""]
    lines += ["## Styles", "", "| style | look | licence | holder | source |", "|---|---|---|---|---|"]
    columns = ("name", "look", "licence", "holder", "source")
    lines += ["| " + " | ".join(style.get(key, "") for key in columns) + " |" for style in about.styles]
    thanks = [f"- {style['name']}: {style['attribution']}" for style in about.styles if style.get("attribution")]
    if thanks:
        lines += ["", "Attribution:", "", *thanks]
    for title, key in (("Evaluator", "evaluator"), ("Measured", "measured"), ("Training data", "training_data")):
        if spec.get(key):
            block = yaml.safe_dump(spec[key], sort_keys=False, allow_unicode=True, width=110).rstrip()
            lines += ["", f"## {title}", "", "```yaml", block, "```"]
    shape = (
        f"{spec['sizes'][0]} px, latents of {spec['latent']['channels']} channels at 1/{spec['latent']['downscale']}"
    )
    layers = f"{spec['cross_attention_layers']} cross-attention layers"
    lines += ["", "## Shape", "", f"{shape}, {layers}, prompts of up to {spec['tokenizer']['max_length']} tokens.", ""]
    lines += ["`bundle.yaml` lists every file with its sha256; the engine verifies them before it loads anything.", ""]
    return "\n".join(lines)
