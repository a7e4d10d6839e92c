"""Reference values for samplers: diffusers' schedulers on a known function, and whole pipelines on the tiny bundle.

In: a seed, the tiny bundle's parts. Out: tensors and the JSON that describes each case (see `fixture`). Invariants: the
schedulers are diffusers' own, stepped as its pipelines step them; ancestral noise is drawn beside and kept for replay.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from .bundle import Components, TextEncoder
from .dual_attention import DualUNet
from .tokenizer import encode

Model = Callable[[Tensor, Tensor], Tensor]
"""Predicts from a noisy sample and its time."""
SAMPLERS = {
    "ddim": (DDIMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-karras": (EulerDiscreteScheduler, {"use_karras_sigmas": True}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "dpmpp-2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp-2m-karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
}
"""Housestyle's sampler names, and what each is in diffusers."""
DECIDING = {
    "algorithm_type",
    "beta_end",
    "beta_schedule",
    "beta_start",
    "final_sigmas_type",
    "lower_order_final",
    "euler_at_final",
    "num_train_timesteps",
    "prediction_type",
    "set_alpha_to_one",
    "solver_order",
    "solver_type",
    "steps_offset",
    "timestep_spacing",
    "use_karras_sigmas",
}
"""The settings of diffusers' schedulers that decide a case's values; all others are at rest."""
STABLE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
COSINE = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "squaredcos_cap_v2", "steps_offset": 0}
LINEAR = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "steps_offset": 0}


def scheduler(name: str, config: dict[str, Any]) -> SchedulerMixin:
    """diffusers' scheduler for a sampler's name. DDIM: alphas end as Stable Diffusion's do, nothing is clipped."""
    kind, extra = SAMPLERS[name]
    if kind is DDIMScheduler:
        extra = {"clip_sample": False, "set_alpha_to_one": False, **extra}
    return kind.from_config({**config, "num_train_timesteps": 1000, **extra})


def sample(
    scheduler: SchedulerMixin, steps: int, start: Tensor, model: Model, seed: int
) -> tuple[Tensor, list[Tensor]]:
    """diffusers' loop: `model(x_in, t)` from the unit normal `start`. Returns the end and the noise that was drawn, if
    any."""
    ancestral = isinstance(scheduler, EulerAncestralDiscreteScheduler)
    drawing, beside = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)  # else equal rounded timesteps (Karras) make diffusers start at the second rung
    x, noises = start * scheduler.init_noise_sigma, []
    for t in scheduler.timesteps:
        predicted = model(scheduler.scale_model_input(x, t), t)
        extra = {"generator": drawing} if ancestral else {}
        if ancestral:
            noises.append(torch.randn(x.shape, generator=beside))
        x = scheduler.step(predicted, t, x, **extra).prev_sample
    return x, noises


def known_model(x: Tensor, t: Tensor) -> Tensor:
    """The function that stands for a UNet in the scheduler cases."""
    return 0.3 * x + 0.2 * torch.sin(0.01 * t.to(torch.float32))


def scheduler_cases(seed: int) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Every sampler × prediction × spacing × steps on Stable Diffusion's schedule, and fewer on two other schedules."""
    spacings = ("leading", "linspace", "trailing")
    grid = [
        ("stable", STABLE, *case) for case in product(SAMPLERS, ("epsilon", "v_prediction"), spacings, (1, 2, 5, 20))
    ]
    for label, config in (("cosine", COSINE), ("linear", LINEAR)):
        grid += [(label, config, *case) for case in product(SAMPLERS, ("epsilon", "v_prediction"), spacings, (10,))]
    cases, tensors = [], {}
    for number, (label, config, name, prediction, spacing, steps) in enumerate(grid):
        given = {**config, "prediction_type": prediction, "timestep_spacing": spacing}
        # A karras ladder of one rung divides by zero: diffusers gives NaN there, so there is nothing to compare with.
        if steps == 1 and name.endswith("karras"):
            continue
        solver = scheduler(name, given)
        identity = f"{name}.{label}.{prediction}.{spacing}.{steps}"
        start = torch.randn(1, 2, 2, 2, generator=torch.Generator().manual_seed(seed + number))
        final, noises = sample(solver, steps, start, known_model, seed + 5000 + number)
        if not torch.isfinite(final).all():
            continue
        prefix = f"sched.{identity}"
        tensors[f"{prefix}.timesteps"] = solver.timesteps.to(torch.float32)
        if hasattr(solver, "sigmas"):
            tensors[f"{prefix}.sigmas"] = solver.sigmas.to(torch.float32)
        tensors |= {f"{prefix}.init": start, f"{prefix}.final": final}
        tensors |= {f"{prefix}.noise.{step}": noise for step, noise in enumerate(noises)}
        cases.append(
            {
                "id": identity,
                "sampler": name,
                "class": type(solver).__name__,
                "config": {key: value for key, value in sorted(solver.config.items()) if key in DECIDING},
                "prediction_type": prediction,
                "spacing": spacing,
                "karras": bool(solver.config.get("use_karras_sigmas", False)),
                "steps": steps,
                "init_noise_sigma": float(solver.init_noise_sigma),
            }
        )
    return cases, tensors


def pipeline_cases(
    parts: Components, prompt: dict[str, str], styles: list[dict[str, str]], seed: int
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Whole pictures on the tiny bundle: prompts -> encoder -> guided loop -> autoencoder."""
    layers = DualUNet(parts.unet).layers
    wanted = [
        ("ddim", 4, "fox", 1, {"category": 3.0, "style": 6.0}, 0.5),
        ("euler", 5, "teapot", 0, {"category": 2.0, "style": 2.0}, 1.0),
        ("euler-a", 4, "rocket", 2, {"category": 1.5, "style": 3.0}, 0.25),
        ("dpmpp-2m", 6, "cactus", 1, {"category": 3.0, "style": 3.0}, 0.0),
        ("dpmpp-2m-karras", 5, "doughnut", 0, {"category": 1.0, "style": 4.0}, [i / layers for i in range(layers)]),
    ]
    cases, tensors = [], {}
    for number, (name, steps, category, style, guidance, scale) in enumerate(wanted):
        text = prompt["category"].format(category=category)
        prompts = {
            "category": text,
            "style": prompt["style"].format(prompt=text, look=styles[style]["look"]),
            "negative": "",
        }
        solver = scheduler(name, parts.scheduler)
        start = torch.randn(
            1, parts.unet.config.in_channels, 4, 4, generator=torch.Generator().manual_seed(seed + number)
        )
        model = _guided(parts, prompts, guidance, scale)
        latent, noises = sample(solver, steps, start, model, seed + 5000 + number)
        config = parts.vae.config
        image = parts.vae.decode(latent / config.scaling_factor + (config.shift_factor or 0.0)).sample
        style_logits, category_logits, _ = parts.evaluator(image.clamp(-1, 1))
        tensors |= {
            f"pipeline.{number}.{key}": value for key, value in (("init", start), ("latent", latent), ("image", image))
        }
        tensors |= {f"pipeline.{number}.noise.{step}": noise for step, noise in enumerate(noises)}
        tensors[f"pipeline.{number}.style_probabilities"] = style_logits.softmax(1)
        tensors[f"pipeline.{number}.category_probabilities"] = category_logits.softmax(1)
        cases.append(
            {
                "sampler": name,
                "steps": steps,
                "category": category,
                "style": styles[style]["name"],
                "prompts": prompts,
                "guidance": guidance,
                "style_scale": scale,
            }
        )
    return cases, tensors


def _guided(
    parts: Components, prompts: dict[str, str], guidance: dict[str, float], scale: float | list[float]
) -> Model:
    """Two-axis guidance: v = v_0 + g_c (v_c - v_0) + g_s (v_cs - v_c), the three branches in one batch."""
    dual, encoder = DualUNet(parts.unet), TextEncoder(parts.text_encoder)
    rows = encode(parts.tokenizer, [prompts["negative"], prompts["category"], prompts["style"]])
    nothing, category, style = encoder(torch.tensor(rows))[0]
    first, second = torch.stack([nothing, category, category]), torch.stack([nothing, category, style])
    scales = torch.tensor(scale if isinstance(scale, list) else [scale] * dual.layers).expand(3, dual.layers)

    def model(x: Tensor, t: Tensor) -> Tensor:
        v_0, v_c, v_cs = dual(x.expand(3, -1, -1, -1), t.to(torch.float32).expand(3), first, second, scales).chunk(3)
        return v_0 + guidance["category"] * (v_c - v_0) + guidance["style"] * (v_cs - v_c)

    return model
