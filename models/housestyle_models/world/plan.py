"""The order and the budgets of the trainings on a CPU, and the command that trains whatever comes next.

Two processes of one thread each do more on two cores than one of two, so the plan has two lanes; a part waits for those
it needs. Run the same command again and it goes on. A budget that is raised here makes a part go on from its
checkpoint.
"""

import time

import torch

from .training import Settings, is_done

SETTINGS = {
    "autoencoder": Settings(minutes=240, batch=16, lr=1e-3, ema=0.998),
    "judge_a": Settings(minutes=180, batch=64, lr=2e-3, weight_decay=0.05, ema=0.998, evaluate_seconds=300),
    "judge_b": Settings(minutes=180, batch=64, lr=1.5e-3, weight_decay=0.05, ema=0.998, evaluate_seconds=300),
    "clip": Settings(minutes=120, batch=96, lr=1e-3, weight_decay=0.05, ema=0.998),
    "unet": Settings(minutes=900, batch=64, lr=8e-4, ema=0.9995, evaluate_seconds=1800),
    "unet_plain": Settings(minutes=900, batch=64, lr=8e-4, ema=0.9995, evaluate_seconds=1800),
}
LANES = {1: ("autoencoder", "unet"), 2: ("judge_a", "clip", "judge_b", "unet_plain")}
NEEDS = {"unet": ("autoencoder", "clip"), "unet_plain": ("autoencoder", "clip")}


def train(name: str, settings: Settings, where: str) -> None:
    """Trains one part, or goes on."""
    if name == "autoencoder":
        from . import autoencoder

        autoencoder.train(settings, where)
    elif name == "clip":
        from . import clip

        clip.train(settings, where)
    elif name in ("unet", "unet_plain"):
        from . import unet

        unet.train(name, settings, where)
    elif name.startswith("judge_"):
        from . import judges

        judges.train(name.removeprefix("judge_"), settings, where)
    else:
        raise ValueError(f"{name} is no part of the world")


def run_lane(lane: int) -> None:
    """Trains the lane's parts that are not done, in order."""
    torch.set_num_threads(1)
    for name in LANES[lane]:
        while not all(is_done(need, SETTINGS[need]) for need in NEEDS.get(name, ())):
            time.sleep(60)
        if not is_done(name, SETTINGS[name]):
            train(name, SETTINGS[name], "cpu")
