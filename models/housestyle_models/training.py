"""One resumable training loop for every part of a bundle.

A run has a budget in minutes of its own processor time (pauses, restarts and neighbours do not count), a cosine
learning rate over that budget, an exponential moving average of the weights, and a checkpoint written whole or not at
all. Run it again and it goes on.
"""

import json
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Options:
    """What a person chooses for the training of one part."""

    config: str = "small"
    """Which of the part's configurations: `small` for two CPU cores, `base` for a GPU."""
    minutes: float | None = None
    """The budget, instead of the configuration's."""
    threads: int = 0
    """Threads of PyTorch; 0: one per core."""
    freeze_text: bool = False
    """CLIP only: trains the image tower alone, against the text encoder as it is."""

    def apply(self) -> None:
        """Sets PyTorch's threads and seeds every source of randomness of a training."""
        if self.threads:
            torch.set_num_threads(self.threads)
        torch.manual_seed(0)
        random.seed(0)


@dataclass
class Config:
    """The settings of a run: `small` trains on two CPU cores in an afternoon, `base` is for a GPU."""

    minutes: float
    batch: int
    lr: float
    weight_decay: float = 0.01
    ema: float = 0.998
    log_every: int = 50
    save_every: float = 120.0
    extra: dict = field(default_factory=dict)


class Trainer:
    """Trains `model` (and keeps `ema`, its average) on losses that `step` returns; its state is the file
    `checkpoint`."""

    def __init__(self, checkpoint: Path, model: nn.Module, config: Config, device: str = "cpu") -> None:
        self.path, self.model, self.config, self.device = checkpoint, model, config, device
        self.ema = {k: v.detach().clone() for k, v in model.state_dict().items()}
        decay = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
        plain = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=config.lr,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.steps, self.elapsed = 0, 0.0
        if self.path.exists():
            state = torch.load(self.path, map_location=device, weights_only=True)
            model.load_state_dict(state["model"])
            self.ema = {k: v.to(device) for k, v in state["ema"].items()}
            self.optimizer.load_state_dict(state["optimizer"])
            self.steps, self.elapsed = state["steps"], state["elapsed"]
            print(f"{checkpoint.stem}: going on from step {self.steps}, {self.elapsed / 60:.1f} min", flush=True)

    def save(self) -> None:
        """Writes the checkpoint beside the old one and then puts it in its place."""
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema,
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "elapsed": self.elapsed,
        }
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.path)

    @torch.no_grad()
    def follow(self, share: float) -> None:
        """Moves the averaged weights `share` of the way to the raw ones."""
        moving, raw = [], []
        for key, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                moving.append(self.ema[key])
                raw.append(value)
            else:
                self.ema[key].copy_(value)
        get_ema_multi_avg_fn(1 - share)(moving, raw, None)

    def learning_rate(self) -> float:
        """Two hundred steps of warm-up, then a cosine over the budget down to a twentieth."""
        progress = min(1.0, self.elapsed / (self.config.minutes * 60))
        return (
            self.config.lr * min(1.0, (self.steps + 1) / 200) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        )

    def run(
        self,
        step: Callable[[int], tuple[torch.Tensor, dict[str, float]]],
        evaluate: Callable[[], dict[str, float]] | None = None,
    ) -> None:
        """Runs until the budget is spent. `step(i)` returns the loss and numbers to log."""
        sums: dict[str, float] = {}
        seen, last_save, last_log = 0, time.time(), time.time()
        while self.elapsed < self.config.minutes * 60:
            began = time.process_time()
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate()
            loss, numbers = step(self.steps)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.steps += 1
            rate = min(self.config.ema, (1 + self.steps) / (10 + self.steps))
            self.follow(1 - rate)
            for key, value in numbers.items():
                sums[key] = sums.get(key, 0.0) + value
            seen += 1
            self.elapsed += (time.process_time() - began) / torch.get_num_threads()
            if self.steps % self.config.log_every == 0:
                means = {k: round(v / seen, 4) for k, v in sums.items()}
                speed = seen * self.config.batch / (time.time() - last_log)
                line = {"step": self.steps, "min": round(self.elapsed / 60, 2), "img/s": round(speed, 1), **means}
                print(json.dumps(line), flush=True)
                sums, seen, last_log = {}, 0, time.time()
            if time.time() - last_save > self.config.save_every:
                self.save()
                last_save = time.time()
                if evaluate:
                    print(json.dumps({"step": self.steps, "eval": evaluate()}), flush=True)
                last_log = time.time()
        self.save()
        if evaluate:
            print(json.dumps({"step": self.steps, "final": evaluate()}), flush=True)


def trained(checkpoint: Path, model: Model) -> Model:
    """Returns `model` with the averaged weights of a checkpoint, in evaluation mode."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model.load_state_dict(state["ema"])
    return model.eval()


class Averaged:
    """`with Averaged(trainer):` evaluates with the averaged weights and puts the raw ones back."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def __enter__(self) -> nn.Module:
        self.raw = {k: v.detach().clone() for k, v in self.trainer.model.state_dict().items()}
        self.trainer.model.load_state_dict(self.trainer.ema)
        return self.trainer.model.eval()

    def __exit__(self, *_: object) -> None:
        self.trainer.model.load_state_dict(self.raw)
        self.trainer.model.train()


def device() -> str:
    """Returns PyTorch's name of the device to train on: the GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_precision(where: str) -> bool:
    """Tells whether bfloat16 is quicker on a device: twice on a processor that has it, ten times slower on one that has
    not."""
    return where != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
