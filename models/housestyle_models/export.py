"""Writes one component as one ONNX file and proves it against PyTorch.

In: a module, example inputs, names. Out: a file with standard operators only (opset 18), a dynamic batch, no external
data, no trace of where it was made. Invariants: ONNX Runtime's values agree with the module's to `TOLERANCE` at batch 1
and 3, or the export fails and leaves no file.

With `half=True` the module's weights are first rounded to fp16 (in a copy), so what is compared is what ships; the file
then keeps every large initialiser that fp16 holds without loss as fp16, followed by a Cast to fp32, which the runtime
folds at load.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn

from .graph import HALF_FROM, halve, tidy
from .runtime import run

OPSET = 18
TOLERANCE = 1e-4  # largest difference allowed, relative to the output's largest magnitude where that is over 1


@dataclass(frozen=True)
class Port:
    """One input: its name, its axes' names by position (an unnamed axis is fixed) and what it holds."""

    name: str
    axes: dict[int, str]
    sample: Callable[[int, torch.Generator], Tensor]
    """Random values for a batch size."""


@dataclass(frozen=True)
class Exported:
    """What was written, and the largest difference from PyTorch that was seen."""

    path: Path
    bytes: int
    deviation: float


def normal(*shape: int, scale: float = 1.0) -> Callable[[int, torch.Generator], Tensor]:
    """Samples [batch, *shape], normally distributed."""
    return lambda batch, generator: torch.randn((batch, *shape), generator=generator) * scale


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Callable[[int, torch.Generator], Tensor]:
    """Samples [batch, *shape] between `low` and `high`."""
    return lambda batch, generator: low + (high - low) * torch.rand((batch, *shape), generator=generator)


def round_to_half(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose large weights are fp32 numbers that fp16 holds exactly."""
    module = copy.deepcopy(module).float().eval()
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if not tensor.is_floating_point() or tensor.numel() < HALF_FROM:
                continue
            rounded = tensor.half().float()
            if not torch.isfinite(rounded).all():
                raise ValueError(f"weight {name} does not fit fp16 (largest {tensor.abs().max():g})")
            tensor.copy_(rounded)
    return module


def export(module: nn.Module, inputs: list[Port], outputs: list[str], path: Path, *, half: bool = True) -> Exported:
    """Writes `path` (folders are made) and checks it; `module` itself is not changed."""
    module = round_to_half(module) if half else copy.deepcopy(module).float().eval()
    generator = torch.Generator().manual_seed(0)
    example = tuple(port.sample(2, generator) for port in inputs)
    shapes = tuple({axis: torch.export.Dim(name) for axis, name in port.axes.items()} for port in inputs)
    model = _trace(module, example, inputs, outputs, shapes)
    tidy(model)
    if half:
        halve(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    try:
        draft.write_bytes(ir.to_proto(model).SerializeToString(deterministic=True))
        deviation = max(_compare(module, inputs, outputs, draft, batch, generator) for batch in (1, 3))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return Exported(path, path.stat().st_size, deviation)


def _trace(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: list[Port],
    outputs: list[str],
    shapes: tuple[dict[int, Any], ...],
) -> ir.Model:
    """The module as an ONNX model in memory."""
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=[port.name for port in inputs],
                output_names=outputs,
                dynamic_shapes=shapes,
                optimize=False,  # its folding of batch norms into convolutions would undo the rounding: see tidy
                verbose=False,
            )
    finally:
        quiet.setLevel(level)
    return program.model


def _compare(
    module: nn.Module, inputs: list[Port], outputs: list[str], path: Path, batch: int, generator: torch.Generator
) -> float:
    """Largest difference between ONNX Runtime and PyTorch on random inputs; over the tolerance it is an error."""
    values = [port.sample(batch, generator) for port in inputs]
    with torch.no_grad():
        expected = module(*values)
    expected = (expected,) if isinstance(expected, Tensor) else tuple(expected)
    actual = run(path, {port.name: value.numpy() for port, value in zip(inputs, values, strict=True)}, outputs)
    worst = 0.0
    for name, want in zip(outputs, expected, strict=True):
        want = want.numpy()
        if actual[name].shape != want.shape or not np.isfinite(want).all():
            raise ValueError(
                f"{path.parent.name}: output {name} has shape {actual[name].shape}, PyTorch's {want.shape}"
            )
        worst = max(worst, float(np.abs(actual[name] - want).max() / max(1.0, np.abs(want).max())))
    if not worst <= TOLERANCE:
        raise ValueError(f"{path.parent.name}: the ONNX model is {worst:.2e} away from PyTorch, over {TOLERANCE:g}")
    return worst
