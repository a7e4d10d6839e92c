"""Control-CLIP's training step as one ONNX graph of standard operators: forward, losses, gradients and AdamW.

In: the bundle's text encoder (and, for the denoising term, its UNet), frozen as they are. What learns is one flat
vector `params`: low-rank adapters of every linear layer of the text transformer (LoRA, Hu et al. 2021: W + B·A) and a
light residual adapter on image features (arXiv 2502.11532). Out: `model.onnx`, which takes the vector, AdamW's two
moments and a batch and gives the losses and the three vectors one step further; `layout.json` tells which stretch of
the vector is which tensor. The Rust trainer feeds it; no training build of ONNX Runtime is needed.

Losses, each with a weight given at run time (0 switches it off):
- cross-entropy: images against the prompts allowed for them, scaled by CLIP's temperature;
- triplet: an image nearer to its own prompts than to the nearest other one, by a margin (no labels needed);
- denoising: the UNet's own loss on the same pictures, with these prompts as the style stream (only in `denoising`
  graphs).

Invariants: frozen weights get no gradient; at the start (B = 0) every prompt's states are those of the stock encoder.
"""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions, get_decompositions
from torch._ops import OpOverload
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from . import export
from .dual_attention import DualUNet
from .export import OPSET, Exported

TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
BETAS, EPSILON, CLIP_NORM = (0.9, 0.999), 1e-8, 1.0
ADAPTER_SHARE = 0.2
"""How much of the adapter's output is added to an image feature (the paper's light adapter; α)."""
SCALARS = (
    "step",
    "learning_rate",
    "weight_decay",
    "cross_entropy_weight",
    "triplet_weight",
    "denoising_weight",
    "margin",
)
LOSSES = ("loss", "cross_entropy", "triplet", "denoising", "accuracy")


@dataclass(frozen=True)
class Shape:
    """The fixed sizes of a step's batch; what is not filled is masked by the caller."""

    images: int = 32
    prompts: int = 64
    pictures: int = 16
    """Noisy latents in the denoising term."""
    rank: int = 8


@dataclass(frozen=True)
class Training:
    """How a bundle's training steps are exported."""

    logit_scale: float
    """CLIP's learned temperature, 1/τ."""
    shape: Shape = Shape()


@dataclass(frozen=True)
class Part:
    """One tensor inside the flat vector."""

    name: str
    shape: tuple[int, ...]
    init: str
    """`normal`: drawn with deviation 1/√(columns); `zero`."""

    @property
    def size(self) -> int:
        """How many numbers of the vector it takes."""
        return math.prod(self.shape)


def lora_names(text_encoder: nn.Module) -> list[str]:
    """The linear layers that get a low-rank adapter, in the order of the model."""
    return [n for n, m in text_encoder.named_modules() if isinstance(m, nn.Linear) and n.rsplit(".", 1)[-1] in TARGETS]


def layout(text_encoder: nn.Module, embed: int, rank: int) -> list[Part]:
    """Every trained tensor, with the names diffusers gives LoRA weights of a text encoder."""
    parts = []
    for name in lora_names(text_encoder):
        linear = text_encoder.get_submodule(name)
        parts.append(Part(f"text_encoder.{name}.lora_A.weight", (rank, linear.in_features), "normal"))
        parts.append(Part(f"text_encoder.{name}.lora_B.weight", (linear.out_features, rank), "zero"))
    hidden = max(8, embed // 4)
    parts.append(Part("image_adapter.down.weight", (hidden, embed), "normal"))
    parts.append(Part("image_adapter.up.weight", (embed, hidden), "zero"))
    return parts


def adapt_image(features: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """`x + α·MLP(x)` on unit features [n, P], unit again."""
    x = F.normalize(features, dim=-1)
    return F.normalize(x + ADAPTER_SHARE * F.relu(x @ down.T) @ up.T, dim=-1)


def contrast(
    image: Tensor, text: Tensor, targets: Tensor, allowed: Tensor, scale: float, margin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(cross-entropy, triplet, accuracy) of unit features [n, P] and [m, P].

    `targets` [n, m] says which prompts are right (a row sums to 1; a row of zeros is no image at all), `allowed` [n, m]
    which are compared with at all (1 or 0).
    """
    cosine = image @ text.T
    row = targets.sum(1)
    count = row.sum().clamp_min(1e-6)
    logits = scale * cosine - (1 - allowed) * 1e4
    cross_entropy = -(targets * logits.log_softmax(1)).sum() / count
    right = (targets > 0).to(cosine.dtype)
    positive = (targets * cosine).sum(1)
    negative = (cosine - (1 - allowed * (1 - right)) * 1e4).amax(1)
    triplet = (F.relu(margin - positive + negative) * row).sum() / count
    best = logits.amax(1, keepdim=True)
    hit = ((logits >= best).to(cosine.dtype) * right).amax(1)
    return cross_entropy, triplet, (hit * row).sum() / count


class Step(nn.Module):
    """The whole step on tensors; `inputs()` and `outputs()` give their order."""

    def __init__(
        self, text_encoder: nn.Module, embed: int, shape: Shape, scale: float, unet: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.text, self.shape, self.scale, self.unet = text_encoder, shape, scale, unet
        self.parts = layout(text_encoder, embed, shape.rank)
        self.pooled = "text_embeds" if hasattr(text_encoder, "text_projection") else "pooler_output"
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    @property
    def size(self) -> int:
        """The length of the flat vector."""
        return sum(part.size for part in self.parts)

    def inputs(self) -> list[str]:
        """Returns the names of the graph's inputs, in their order."""
        batch = ["image_features", "input_ids", "targets", "allowed"]
        if self.unet is not None:
            batch += [
                "noisy_latents",
                "timesteps",
                "noise_targets",
                "encoder_hidden_states",
                "style_ids",
                "style_scale",
            ]
        return ["params", "first_moment", "second_moment", *SCALARS, *batch]

    def outputs(self) -> list[str]:
        """Returns the names of the graph's outputs, in their order."""
        return [*LOSSES, "params_out", "first_moment_out", "second_moment_out"]

    def unflatten(self, params: Tensor) -> dict[str, Tensor]:
        """Returns the tensors that the flat vector holds, by name."""
        pieces = params.split([part.size for part in self.parts])
        return {part.name: piece.view(part.shape) for part, piece in zip(self.parts, pieces, strict=True)}

    def merged(self, trained: dict[str, Tensor]) -> dict[str, Tensor]:
        """The adapted layers' weights, W + B·A."""
        weights = {}
        for name in lora_names(self.text):
            low, high = (trained[f"text_encoder.{name}.lora_{x}.weight"] for x in "AB")
            weights[f"{name}.weight"] = self.text.get_submodule(name).weight + high @ low
        return weights

    def encode(self, trained: dict[str, Tensor], ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token states [b, L, D] and pooled features [b, P] of the encoder with its adapters."""
        out = torch.func.functional_call(self.text, self.merged(trained), (ids,))
        return out.last_hidden_state, out[self.pooled]

    def losses(
        self, params: Tensor, scalars: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Returns the weighted sum of the losses, and (cross-entropy, triplet, denoising, accuracy)."""
        trained = self.unflatten(params)
        image = adapt_image(
            batch["image_features"], trained["image_adapter.down.weight"], trained["image_adapter.up.weight"]
        )
        _, pooled = self.encode(trained, batch["input_ids"])
        cross_entropy, triplet, accuracy = contrast(
            image, F.normalize(pooled, dim=-1), batch["targets"], batch["allowed"], self.scale, scalars["margin"]
        )
        denoising = torch.zeros_like(cross_entropy)
        if self.unet is not None:
            states, _ = self.encode(trained, batch["style_ids"])
            guess = self.unet(
                batch["noisy_latents"], batch["timesteps"], batch["encoder_hidden_states"], states, batch["style_scale"]
            )
            denoising = (guess - batch["noise_targets"]).square().mean()
        loss = (
            scalars["cross_entropy_weight"] * cross_entropy
            + scalars["triplet_weight"] * triplet
            + scalars["denoising_weight"] * denoising
        )
        return loss, (cross_entropy, triplet, denoising, accuracy)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.inputs(), values, strict=True))
        params, first, second = given["params"], given["first_moment"], given["second_moment"]
        scalars = {name: given[name] for name in SCALARS}
        gradient, (loss, said) = torch.func.grad_and_value(self.losses, has_aux=True)(params, scalars, given)
        return (loss, *said, *adamw(params, gradient, first, second, scalars))


def adamw(
    params: Tensor, gradient: Tensor, first: Tensor, second: Tensor, scalars: dict[str, Tensor]
) -> tuple[Tensor, ...]:
    """AdamW (Loshchilov & Hutter 2019) after clipping the gradient's norm; `step` counts from 1."""
    norm = gradient.square().sum().sqrt()
    gradient = gradient * (CLIP_NORM / (norm + 1e-6)).clamp(max=1.0)
    first = BETAS[0] * first + (1 - BETAS[0]) * gradient
    second = BETAS[1] * second + (1 - BETAS[1]) * gradient.square()
    step, rate = scalars["step"], scalars["learning_rate"]
    moved = (first / (1 - BETAS[0] ** step)) / ((second / (1 - BETAS[1] ** step)).sqrt() + EPSILON)
    return params - rate * (moved + scalars["weight_decay"] * params), first, second


def example(step: Step, length: int, latent: tuple[int, int, int], seed: int = 0) -> list[Tensor]:
    """Random inputs of the right shapes: half of the images and prompts masked out, as a small style set leaves
    them."""
    g = torch.Generator().manual_seed(seed)
    shape, size = step.shape, step.size
    embed = step.parts[-1].shape[0]
    width = step.text.config.hidden_size
    gain = {"normal": 1.0, "zero": 0.1}
    start = torch.cat([torch.randn(p.size, generator=g) * gain[p.init] / p.shape[1] ** 0.5 for p in step.parts])
    half, prompts = shape.images // 2, shape.prompts // 2
    targets, allowed = torch.zeros(shape.images, shape.prompts), torch.zeros(shape.images, shape.prompts)
    allowed[:, :prompts] = 1.0
    targets[torch.arange(half), torch.randint(prompts, (half,), generator=g)] = 1.0
    end = step.text.config.eos_token_id

    def ids(n: int) -> Tensor:
        return torch.cat([torch.randint(end - 1, (n, length - 2), generator=g), torch.full((n, 2), end)], 1)

    values = {
        "params": start,
        "first_moment": torch.zeros(size),
        "second_moment": torch.zeros(size),
        "step": torch.tensor(1.0),
        "learning_rate": torch.tensor(1e-3),
        "weight_decay": torch.tensor(0.01),
        "cross_entropy_weight": torch.tensor(1.0),
        "triplet_weight": torch.tensor(0.5),
        "denoising_weight": torch.tensor(3.0),
        "margin": torch.tensor(0.2),
        "image_features": torch.randn(shape.images, embed, generator=g),
        "input_ids": ids(shape.prompts),
        "targets": targets,
        "allowed": allowed,
    }
    if step.unet is not None:
        b = shape.pictures
        values |= {
            "noisy_latents": torch.randn(b, *latent, generator=g),
            "timesteps": torch.rand(b, generator=g) * 999,
            "noise_targets": torch.randn(b, *latent, generator=g),
            "encoder_hidden_states": torch.randn(b, length, width, generator=g),
            "style_ids": ids(b),
            "style_scale": torch.full((b, step.unet.layers), 0.5),
        }
    return [values[name] for name in step.inputs()]


def _convolution_backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: list[int] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    mask: list[bool],
) -> tuple[Tensor, None, None]:
    """Only the gradient to the input: weights are frozen. ONNX knows it as the transposed convolution."""
    if mask[1] or mask[2] or transposed:
        raise ValueError("a frozen convolution was asked for a gradient of its weights")
    spare = [
        x.shape[i + 2]
        - ((grad.shape[i + 2] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (weight.shape[i + 2] - 1) + 1)
        for i in range(len(stride))
    ]
    return torch.ops.aten.convolution(grad, weight, None, stride, padding, dilation, True, spare, groups), None, None


def _nearest_backward(
    grad: Tensor,
    output_size: list[int],
    input_size: list[int],
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Tensor:
    """Upsampling repeats each value; its gradient is the sum over the repeats."""
    b, c, h, w = input_size
    up, across = output_size[0] // h, output_size[1] // w
    return grad.reshape(b, c, h, up, w, across).sum((3, 5))


class _Silu(nn.Module):
    """x·σ(x): the gradient of torch's fused SiLU writes in place, which ONNX cannot say."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


def _plain_silu(module: nn.Module) -> nn.Module:
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.SiLU):
                setattr(parent, name, _Silu())
    return module


def _decompositions() -> dict[OpOverload, Callable[..., Any]]:
    """Returns the operators that are replaced by simpler ones while the step is traced, each with its replacement.

    `torch._decomp` is private to PyTorch, and `make_fx` lives in `torch.fx.experimental`: used as they are in 2.15.
    """
    aten = torch.ops.aten
    table = dict(core_aten_decompositions())
    table |= get_decompositions(
        [aten.native_group_norm_backward, aten.native_layer_norm_backward, aten.embedding_dense_backward]
    )
    table |= {
        aten.convolution_backward.default: _convolution_backward,
        aten.upsample_nearest2d_backward.default: _nearest_backward,
    }
    return table


class _Traced(nn.Module):
    """The step as one flat graph of core operators, its frozen weights as buffers under their own names."""

    def __init__(self, step: Step, values: list[Tensor]) -> None:
        super().__init__()
        self.step = [step]  # in a list, so that its weights are not registered twice
        frozen = {name: tensor.detach() for name, tensor in [*step.named_parameters(), *step.named_buffers()]}
        self.names = list(frozen)
        for name, tensor in frozen.items():
            self.register_buffer(name.replace(".", "__"), tensor)
        self.graph = make_fx(self._call, decomposition_table=_decompositions())(list(frozen.values()), *values)

    def _call(self, frozen: list[Tensor], *values: Tensor) -> tuple[Tensor, ...]:
        return torch.func.functional_call(self.step[0], dict(zip(self.names, frozen, strict=True)), values)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.graph([getattr(self, name.replace(".", "__")) for name in self.names], *values))


def export_step(step: Step, values: list[Tensor], folder: Path, *, half: bool = True) -> Exported:
    """Writes `folder/model.onnx` and `folder/layout.json`; the losses and the moments must agree with PyTorch's."""
    with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(_Traced(step, values), tuple(values), strict=False)
        names = {"input_names": step.inputs(), "output_names": step.outputs()}
        model = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, **names, optimize=False, verbose=False
        ).model
    export.tidy(model)
    if half:
        export.halve(model)
    folder.mkdir(parents=True, exist_ok=True)
    path, draft = folder / "model.onnx", folder / "model.part"
    try:
        draft.write_bytes(ir.to_proto(model).SerializeToString(deterministic=True))
        deviation = _compare(step, values, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    (folder / "layout.json").write_text(_layout_json(step), "utf-8")
    return Exported(path, path.stat().st_size, deviation)


def _compare(step: Step, values: list[Tensor], path: Path) -> float:
    """Losses and first moment (which is the gradient, scaled) against PyTorch; parameters follow from both by plain
    arithmetic.

    (Adam divides a gradient by its own size: where it is numerically zero, the step's direction is noise in any
    runtime.)
    """
    expected = dict(zip(step.outputs(), step(*values), strict=True))
    actual = export.run(
        path, {name: value.numpy() for name, value in zip(step.inputs(), values, strict=True)}, step.outputs()
    )
    worst = 0.0
    for name in (*LOSSES, "first_moment_out"):
        want = expected[name].detach()
        gap = (torch.from_numpy(actual[name]) - want).abs().max().item()
        worst = max(worst, gap / max(want.abs().max().item(), 1e-3))
    if not worst <= export.TOLERANCE:
        raise ValueError(
            f"{path.parent.name}: the training step is {worst:.2e} away from PyTorch, over {export.TOLERANCE:g}"
        )
    return worst


def _layout_json(step: Step) -> str:
    """What the trainer must know: the vector's stretches and the batch's sizes."""
    shape = step.shape
    about = {
        "parameters": step.size,
        "rank": shape.rank,
        "batch": {
            "images": shape.images,
            "prompts": shape.prompts,
            "pictures": shape.pictures if step.unet is not None else 0,
        },
        "image_adapter_share": ADAPTER_SHARE,
        "logit_scale": round(step.scale, 6),
        "tensors": [{"name": p.name, "shape": list(p.shape), "init": p.init} for p in step.parts],
    }
    rows = ",\n  ".join(json.dumps(row) for row in about.pop("tensors"))
    head = json.dumps(about, indent=1)[:-2]
    return f'{head},\n "tensors": [\n  {rows}\n ]\n}}\n'


def make_step(text_encoder: nn.Module, training: Training, unet: nn.Module | None = None) -> Step:
    """A step over copies that attend eagerly (fused attention has no gradient in the ONNX standard)."""
    text_encoder = copy.deepcopy(text_encoder).eval()
    text_encoder.set_attn_implementation("eager")
    dual = _plain_silu(DualUNet(copy.deepcopy(unet)).eval()) if unet is not None else None
    return Step(text_encoder, text_encoder.config.projection_dim, training.shape, training.logit_scale, dual)


def export_steps(
    text_encoder: nn.Module,
    unet: nn.Module,
    training: Training,
    folder: Path,
    length: int,
    latent: tuple[int, int, int],
    *,
    half: bool,
) -> dict[str, Exported]:
    """`train_step/` and `train_step_denoising/`: the same step without and with the UNet in it."""
    if half:
        text_encoder, unet = export.round_to_half(text_encoder), export.round_to_half(unet)
    written = {}
    for name, through in (("train_step", None), ("train_step_denoising", unet)):
        step = make_step(text_encoder, training, through)
        written[name] = export_step(step, example(step, length, latent), folder / name, half=half)
    return written
