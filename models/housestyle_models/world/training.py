"""Trains one part: resumable, a batch order that depends on nothing but the step, held-out figures kept as JSON lines.

Each step seeds the random numbers by itself, so a run that was stopped and goes on sees the batches it would have seen.
The learning rate warms up, stays, and falls to zero over the last fifth of the budget; an average of the weights is
kept and is what ships. Checkpoints are written whole or not at all.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from .places import WORK

SEED = 20250219
Step = Callable[[nn.Module], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True)
class Settings:
    """A run's settings. `minutes` are of processor time on a CPU (neighbours do not count) and of the clock on a
    GPU."""

    minutes: float
    batch: int
    lr: float
    weight_decay: float = 0.01
    ema: float = 0.999
    save_seconds: float = 150.0
    """Of the clock; the next is of the budget's own time."""
    evaluate_seconds: float = 600.0
    compiled: bool = False
    steps: int | None = None
    """Stops after so many steps, if that comes first (rehearsals)."""
    until: float | None = None
    """The time of day (as `time.time`) at which the budget ends, instead of `minutes`: for a machine that is lent by
    the clock."""


class Trainer:
    """Trains `model` and keeps `average`, its moving average, in `WORK/name.pt`."""

    def __init__(self, name: str, model: nn.Module, settings: Settings, where: str, seen: dict | None = None) -> None:
        self.name, self.model, self.settings, self.where, self.seen = name, model.to(where), settings, where, seen or {}
        self.average = {k: v.detach().clone() for k, v in model.state_dict().items()}
        matrices = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
        others = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.98), fused=True)
        self.path, self.log = WORK / f"{name}.pt", WORK / f"{name}.log.jsonl"
        state = model.state_dict()
        self.present = [v for v in state.values() if v.dtype.is_floating_point]
        self.moving = [self.average[k] for k, v in state.items() if v.dtype.is_floating_point]
        self.steps, self.elapsed, self.extra = 0, 0.0, {}
        if self.path.exists():
            self.resume(torch.load(self.path, map_location=where, weights_only=True))
        if settings.until is not None:
            left = max(1.0, settings.until - time.time())
            self.settings = replace(settings, minutes=(self.elapsed + left) / 60)
        self.forward = torch.compile(self.model) if settings.compiled else self.model

    def resume(self, state: dict) -> None:
        """Goes on from a checkpoint."""
        self.model.load_state_dict(state["model"])
        for key, value in state["average"].items():
            self.average[key].copy_(value)
        if state["optimizer"] is None:
            print(f"{self.name}: the checkpoint holds averaged weights only; the optimizer starts afresh", flush=True)
        else:
            self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.elapsed, self.extra = state["steps"], state["elapsed"], state["extra"]
        print(f"{self.name}: going on from step {self.steps}, {self.elapsed / 60:.1f} min", flush=True)

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "elapsed": self.elapsed,
            "batch": self.settings.batch,
            "seen": self.seen,
            "extra": self.extra,
        }
        write_whole(self.path, state)

    def progress(self) -> float:
        """The share of the budget that is spent."""
        by_time = self.elapsed / (self.settings.minutes * 60)
        return max(by_time, self.steps / self.settings.steps) if self.settings.steps else by_time

    def learning_rate(self) -> float:
        """The rate of the next step."""
        cooling = min(1.0, max(0.02, (1 - self.progress()) / 0.2))
        return self.settings.lr * min(1.0, (self.steps + 1) / 200) * cooling

    def follow(self) -> None:
        """Moves the averaged weights towards the present ones."""
        keep = min(self.settings.ema, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.moving, self.present, 1 - keep)

    def write_log(self, kind: str, numbers: dict[str, float]) -> None:
        """One line in the log, and on the screen."""
        line = {
            "kind": kind,
            "step": self.steps,
            "samples": self.steps * self.settings.batch,
            "minutes": round(self.elapsed / 60, 2),
        }
        line |= {k: float(f"{v:.5g}") for k, v in numbers.items()}
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(self.name, json.dumps(line), flush=True)

    def run(self, step: Step, evaluate: Callable[[nn.Module], dict[str, float]], every: int = 50) -> bool:
        """Trains until the budget is spent; `step(model)` gives the loss and numbers to log. Returns whether it is
        done."""
        sums: dict[str, Tensor | float] = {}
        since, clock = 0, time.time()
        saved, evaluated = time.time(), self.elapsed
        self.model.train()
        while self.progress() < 1:
            began, processor = time.time(), time.process_time()
            torch.manual_seed(SEED + self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate()
            loss, numbers = step(self.forward)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.steps += 1
            with torch.no_grad():
                self.follow()
                for key, value in numbers.items():
                    sums[key] = sums.get(key, 0.0) + value
            since += 1
            if self.where == "cpu":
                self.elapsed += (time.process_time() - processor) / torch.get_num_threads()
            else:
                self.elapsed += time.time() - began
            if self.steps % every == 0:
                means = {k: float(v) / since for k, v in sums.items()}
                if not all(math.isfinite(v) for v in means.values()):
                    raise FloatingPointError(f"{self.name}: the loss is {means} at step {self.steps}")
                self.write_log(
                    "train", means | {"samples_a_second": since * self.settings.batch / (time.time() - clock)}
                )
                sums, since, clock = {}, 0, time.time()
            if time.time() - saved > self.settings.save_seconds:
                self.save()
                saved = time.time()
            if self.elapsed - evaluated > self.settings.evaluate_seconds:
                self.evaluate(evaluate, "held_out")
                evaluated, clock = self.elapsed, time.time()
        self.evaluate(evaluate, "final")
        self.save()
        return True

    def evaluate(self, evaluate: Callable[[nn.Module], dict[str, float]], kind: str) -> None:
        """Logs held-out figures of the averaged weights."""
        with self.averaged() as model:
            self.write_log(kind, evaluate(model))

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """The model with its averaged weights, in evaluation mode, without gradients."""
        present = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        try:
            with torch.no_grad():
                yield self.model.eval()
        finally:
            self.model.load_state_dict(present)
            self.model.train()


def write_whole(path: Path, state: dict) -> None:
    """Writes a file whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def checkpoint(name: str) -> dict:
    """The checkpoint of a part, on the CPU."""
    return torch.load(WORK / f"{name}.pt", map_location="cpu", weights_only=True)


def shipped(average: dict[str, Tensor]) -> dict[str, Tensor]:
    """Averaged weights as they ship and travel: large tensors in half precision."""

    def large(v: Tensor) -> bool:
        return v.dtype == torch.float32 and v.numel() >= 256

    return {k: v.half() if large(v) else v for k, v in average.items()}


def fingerprint(name: str, within: str = "") -> str:
    """The sha256 of a part's shipped weights, or of those whose name begins with `within`."""
    weights = shipped(checkpoint(name)["average"])
    data = (weights[k].contiguous().numpy().tobytes() for k in sorted(weights) if k.startswith(within))
    return hashlib.sha256(b"".join(data)).hexdigest()


def trained(name: str, model: nn.Module) -> nn.Module:
    """`model` with the averaged weights of the checkpoint `name`, in evaluation mode."""
    model.load_state_dict(checkpoint(name)["average"])
    return model.eval()


def is_done(name: str, settings: Settings) -> bool:
    """Whether the checkpoint `name` has spent the budget."""
    if not (WORK / f"{name}.pt").exists():
        return False
    state = checkpoint(name)
    steps = settings.steps is not None and state["steps"] >= settings.steps
    return steps or state["elapsed"] >= settings.minutes * 60


def half(where: str) -> torch.autocast:
    """bfloat16 where the processor is quicker in it."""
    quick = where != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(where, torch.bfloat16, enabled=quick)
