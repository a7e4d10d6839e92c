"""The tiny bundle and the reference values that the Rust tests compare with.

In: nothing but a seed. Out, under `tests/fixtures/`: `tiny/` (a whole bundle of random weights, some hundred kB),
`tiny_unet_plain.onnx` (its UNet before the style stream was added), `reference.safetensors` and `reference.json` (the
values that PyTorch and diffusers give at every stage; the JSON tells what each tensor is). Invariants: the values are
those of the weights as shipped (rounded to fp16), so that the engine should meet them to float precision.

`housestyle-models export --fixture [--out tests/fixtures]`
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from . import export
from .bundle import Components, Metadata, TextEncoder, unet_ports, write_bundle
from .dual_attention import DualUNet, PlainUNet
from .export import normal
from .fixture_schedulers import pipeline_cases, scheduler_cases
from .tokenizer import EOS, encode, train_tokenizer
from .train_step import LOSSES, Shape, Training, example, make_step

SEED = 20250216
SIZE, CHANNELS, WIDTH, LENGTH, PROJECTION = 16, 4, 32, 24, 24
CATEGORIES = ["fox", "doughnut", "rocket", "teapot", "cactus"]
STYLES = [
    {
        "name": "flat",
        "look": "bold flat shapes, no outline",
        "licence": "MIT",
        "holder": "Flat House",
        "source": "random weights",
        "attribution": "",
    },
    {
        "name": "line",
        "look": "black outline, flat fill",
        "licence": "CC-BY-4.0",
        "holder": "Line House",
        "source": "random weights",
        "attribution": "Line House, CC BY 4.0",
    },
    {
        "name": "glossy",
        "look": "glossy shading, soft light",
        "licence": "CC-BY-SA-4.0",
        "holder": "Glossy House",
        "source": "random weights",
        "attribution": "Glossy House, CC BY-SA 4.0",
    },
]
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}
TRAINING = Training(logit_scale=14.3, shape=Shape(images=8, prompts=12, pictures=4, rank=4))
STEPS = 20
TEXTS = [
    "",
    "a fox emoji",
    "a doughnut emoji, black outline, flat fill",
    "a Teapot emoji in Zørgblatt style",
    "  a\tROCKET\n emoji , it's  42 ",
    "狐 🦊 łąka",
]
TOO_LONG = "a cactus emoji " * 10


class Tower(nn.Module):
    """Two strided convolutions and per-image statistics: pixel_values [b, 3, s, s] -> features [b, 32] with nothing
    learned."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.SiLU())

    def forward(self, pixel_values: Tensor) -> Tensor:
        features = self.body(pixel_values).flatten(2)
        return torch.cat([features.mean(2), features.amax(2)], 1)


class ImageEncoder(nn.Module):
    """Stands for the CLIP image tower."""

    def __init__(self) -> None:
        super().__init__()
        self.tower, self.projection = Tower(), nn.Linear(32, PROJECTION, bias=False)

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.projection(self.tower(pixel_values))


class Evaluator(nn.Module):
    """Stands for the evaluator. Features are centred and scaled over pictures of this bundle, so that its verdicts
    vary."""

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self.tower = Tower()
        with torch.no_grad():
            features = self.tower(pictures)
        self.register_buffer("centre", features.mean(0))
        self.register_buffer("spread", features.std(0).clamp_min(1e-3))
        self.embed = nn.Linear(32, 16, bias=False)
        self.style, self.category = nn.Linear(16, len(STYLES), bias=False), nn.Linear(16, len(CATEGORIES), bias=False)
        with torch.no_grad():  # logits of about unit spread, and half more: neither flat nor certain
            for layer, gain in ((self.embed, 1.0), (self.style, 1.5), (self.category, 1.5)):
                layer.weight.copy_(torch.randn_like(layer.weight) * gain / layer.in_features**0.5)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        embedding = self.embed((self.tower(pixel_values) - self.centre) / self.spread)
        return self.style(embedding), self.category(embedding), embedding


def components() -> Components:
    """The tiny bundle's parts: random weights from the seed, scaled so that nothing degenerates."""
    torch.manual_seed(SEED)
    captions = [f"a {name} emoji, {style['look']}" for name in CATEGORIES for style in STYLES]
    tokenizer = train_tokenizer(captions, 600, LENGTH)
    text_encoder = CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=WIDTH,
            intermediate_size=64,
            projection_dim=PROJECTION,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.token_to_id(EOS) - 1,
            eos_token_id=tokenizer.token_to_id(EOS),
            pad_token_id=tokenizer.token_to_id(EOS),
        )
    )
    unet = UNet2DConditionModel(
        sample_size=SIZE // 4,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 8),
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=4,
        sample_size=SIZE,
        scaling_factor=0.5,
        shift_factor=0.1,
    )
    _liven(text_encoder, 1.5)
    _liven(unet, 1.5)
    _liven(vae, 1.2)
    image_encoder = ImageEncoder()
    _liven(image_encoder, 1.5)
    with torch.no_grad():
        # Strong keys and values make attention uneven: prompts then matter to the picture.
        for name, parameter in unet.named_parameters():
            if ".attn2.to_k" in name or ".attn2.to_v" in name:
                parameter.mul_(3.0)
        vae.eval().decoder.conv_out.weight.mul_(0.6 / vae.decode(torch.randn(64, CHANNELS, 4, 4)).sample.std())
        vae.decoder.conv_out.bias.zero_()
        pictures = vae.decode(torch.randn(256, CHANNELS, 4, 4) * 2).sample
    evaluator = Evaluator(pictures.clamp(-1, 1))
    return Components(tokenizer, text_encoder, unet, vae, dict(SCHEDULER), image_encoder, evaluator, TRAINING)


def _liven(module: nn.Module, gain: float) -> None:
    """Weights of variance gain² / fan-in: signals keep their size through the layers."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1 and "embedding" not in name:
                parameter.normal_(0.0, gain / parameter[0].numel() ** 0.5)
            elif "token_embedding" in name or "position_embedding" in name:
                parameter.normal_(0.0, 0.7)


METADATA = Metadata(
    name="tiny",
    description="Random weights of a real shape, for tests: its pictures are noise, its verdicts are chance.",
    styles=STYLES,
    categories=CATEGORIES,
    evaluator={
        "size": SIZE,
        "styles": [style["name"] for style in STYLES],
        "held_out": {"drawings": 0, "style": 0.333, "category_top1": 0.2, "category_top5": 1.0},
    },
    prompt={"category": "a {category} emoji", "style": "{prompt}, {look}"},
    seconds_per_step=0.002,
    bytes_per_image=900,
    training_data=["none: the weights are random"],
    licence="Apache-2.0",
)


def reference(parts: Components) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Every stage's values for `parts` (already rounded), and the JSON that describes them."""
    generator = torch.Generator().manual_seed(SEED)
    tensors: dict[str, Tensor] = {}
    for index, row in enumerate(encode(parts.tokenizer, TEXTS)):
        ids = torch.tensor([row])
        states, embeds = TextEncoder(parts.text_encoder)(ids)
        tensors[f"tokens.{index}"] = ids[0]
        tensors |= {f"text.{index}.last_hidden_state": states[0], f"text.{index}.text_embeds": embeds[0]}

    plain, dual = PlainUNet(copy.deepcopy(parts.unet)), DualUNet(parts.unet)
    sample = torch.randn(3, CHANNELS, 4, 4, generator=generator)
    timestep = torch.tensor([1.0, 499.0, 981.5])
    category = torch.stack([tensors[f"text.{i}.last_hidden_state"] for i in (0, 1, 2)])
    style = torch.stack([tensors[f"text.{i}.last_hidden_state"] for i in (3, 4, 2)])
    tensors |= {"unet.sample": sample, "unet.timestep": timestep, "unet.h_c": category, "unet.h_s": style}
    tensors["unet.plain"] = plain(sample, timestep, category)
    for scale in (0, 0.5, 1):
        tensors[f"unet.out_scale_{scale}"] = dual(
            sample, timestep, category, style, torch.full((3, dual.layers), float(scale))
        )
    tensors["unet.style_scale_mixed"] = torch.rand(3, dual.layers, generator=generator)
    tensors["unet.out_scale_mixed"] = dual(sample, timestep, category, style, tensors["unet.style_scale_mixed"])

    latent = torch.randn(2, CHANNELS, 4, 4, generator=generator) * 2
    image = parts.vae.decode(latent).sample
    pixels = image.clamp(-1, 1)
    tensors |= {"vae.latent": latent, "vae.image": image, "vae.encoded": parts.vae.encode(pixels).latent_dist.mean}
    tensors["evaluator.pixels"] = pixels
    verdict = parts.evaluator(pixels)
    tensors |= {
        f"evaluator.{key}": value
        for key, value in zip(("style_logits", "category_logits", "embedding"), verdict, strict=True)
    }
    tensors["image.embeds"] = parts.image_encoder(pixels)

    tensors |= training_cases(parts)

    schedulers, more = scheduler_cases(SEED)
    pipelines, finals = pipeline_cases(parts, METADATA.prompt, STYLES, SEED)
    about = {
        "seed": SEED,
        "prompts": TEXTS,
        "too_long": {"text": TOO_LONG, "max_length": LENGTH, "tokens": len(parts.tokenizer.encode(TOO_LONG).ids)},
        "cross_attention_layers": dual.layers,
        "model": "m(x_in, t) = 0.3 * x_in + 0.2 * sin(0.01 * t), where x_in = scheduler.scale_model_input(x, t)",
        "training": {"steps": STEPS, "outputs": list(LOSSES)},
        "schedulers": schedulers,
        "pipelines": pipelines,
    }
    return tensors | more | finals, about


def training_cases(parts: Components) -> dict[str, Tensor]:
    """For each training step: a batch, and what PyTorch's losses are while it is learned for `STEPS` steps [steps,
    losses].

    And the states of one prompt under the first vector, its weights merged and rounded to fp16 as a version is served.
    """
    tensors: dict[str, Tensor] = {}
    for name, unet in (("train_step", None), ("train_step_denoising", parts.unet)):
        step = make_step(parts.text_encoder, TRAINING, unet)
        given = dict(zip(step.inputs(), example(step, LENGTH, (CHANNELS, 4, 4), SEED), strict=True))
        tensors |= {
            f"{name}.{key}": value for key, value in given.items() if key not in ("first_moment", "second_moment")
        }
        curve = []
        for number in range(1, STEPS + 1):
            given["step"] = torch.tensor(float(number))
            out = dict(zip(step.outputs(), step(*given.values()), strict=True))
            given |= {key: out[f"{key}_out"].detach() for key in ("params", "first_moment", "second_moment")}
            curve.append(torch.stack([out[key].detach() for key in LOSSES]))
        tensors[f"{name}.curve"] = torch.stack(curve)
        if unet is None:
            trained = step.unflatten(tensors[f"{name}.params"])
            merged = {key: weight.half().float() for key, weight in step.merged(trained).items()}
            ids = torch.tensor(encode(parts.tokenizer, TEXTS[1:2]))
            tensors[f"{name}.adapted_states"] = torch.func.functional_call(step.text, merged, (ids,)).last_hidden_state[
                0
            ]
    return tensors


def _lines(about: dict[str, Any]) -> str:
    """JSON with one line a case: short, and readable in a diff."""
    body = []
    for key, value in about.items():
        if isinstance(value, list):
            rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in value)
            body.append(f" {json.dumps(key)}: [\n  {rows}\n ]")
        else:
            body.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(body) + "\n}\n"


def write(out: Path) -> None:
    """Writes the whole fixture into `out`."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    parts = components()
    for name in ("text_encoder", "unet", "vae", "image_encoder", "evaluator"):
        setattr(parts, name, export.round_to_half(getattr(parts, name)))
    out.mkdir(parents=True, exist_ok=True)
    plain = PlainUNet(copy.deepcopy(parts.unet))
    print(write_bundle(out / "tiny", parts, METADATA))
    ports = unet_ports(normal(CHANNELS, 4, 4), LENGTH, WIDTH)[:3]
    with tempfile.TemporaryDirectory() as folder:
        model = export.export(plain, ports, ["out_sample"], Path(folder) / "unet_plain/model.onnx")
        shutil.copyfile(model.path, out / "tiny_unet_plain.onnx")
    with torch.no_grad():
        tensors, about = reference(parts)
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in sorted(tensors.items())}, out / "reference.safetensors"
    )
    (out / "reference.safetensors").chmod(0o644)
    (out / "reference.json").write_text(_lines(about), "utf-8")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 1000:,.0f} kB, {len(tensors)} tensors, {len(about['schedulers'])} scheduler cases")
