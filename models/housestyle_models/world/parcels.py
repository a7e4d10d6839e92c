"""Carries trained parts between machines: averaged weights in half precision, in pieces of a limited size.

A parcel holds what evaluation and going on need, not the optimizer: a training that goes on from it starts the
optimizer afresh.
"""

import io
from pathlib import Path

import torch

from .places import WORK
from .training import checkpoint, shipped, write_whole

PIECE = 15 * 2**20
ORDER = ("autoencoder", "clip", "judge_a", "judge_b", "unet", "unet_plain")


def slim(state: dict) -> dict:
    """A checkpoint without optimizer and present weights; large tensors in half precision."""
    return {k: state[k] for k in ("steps", "elapsed", "batch", "seen", "extra")} | {
        "average": shipped(state["average"])
    }


def fat(state: dict) -> dict:
    """A checkpoint again."""
    average = {k: v.float() if v.dtype == torch.float16 else v for k, v in state["average"].items()}
    return state | {"average": average, "model": average, "optimizer": None}


def pack(folder: Path, most: int, names: tuple[str, ...] = ORDER) -> list[str]:
    """Writes the parts there are, in order and as far as `most` bytes allow; returns the names of those packed."""
    packed: dict = {}
    size = 0
    for name in names:
        if not (WORK / f"{name}.pt").exists():
            continue
        state = slim(checkpoint(name))
        data = io.BytesIO()
        torch.save(state, data)
        if size + data.tell() > most:
            print(f"{name} ({data.tell() / 2**20:.1f} MiB) does not fit any more and stays behind", flush=True)
            continue
        size += data.tell()
        packed[name] = state
    tokenizer = WORK / "tokenizer.json"
    if tokenizer.exists():
        packed["tokenizer"] = tokenizer.read_text("utf-8")
    data = io.BytesIO()
    torch.save(packed, data)
    folder.mkdir(parents=True, exist_ok=True)
    whole = data.getvalue()
    for number, start in enumerate(range(0, len(whole), PIECE)):
        (folder / f"parts.{number:02d}").write_bytes(whole[start : start + PIECE])
    return list(packed)


def unpack(folder: Path) -> list[str]:
    """Writes the parcel's parts as checkpoints into `WORK`, where they replace older ones; returns their names."""
    pieces = sorted(folder.glob("parts.[0-9][0-9]"))
    if not pieces:
        raise FileNotFoundError(f"no pieces parts.00, parts.01, … in {folder}")
    packed = torch.load(io.BytesIO(b"".join(p.read_bytes() for p in pieces)), map_location="cpu", weights_only=True)
    WORK.mkdir(parents=True, exist_ok=True)
    tokenizer = packed.pop("tokenizer", None)
    if tokenizer is not None:
        (WORK / "tokenizer.json").write_text(tokenizer, "utf-8")
    for name, state in packed.items():
        write_whole(WORK / f"{name}.pt", fat(state))
    return list(packed)
