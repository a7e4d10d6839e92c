"""Trains the whole world on a GPU that is lent for minutes, on a machine without a network: one command, every part
stopped by the clock.

Data are rendered there from the pack on all cores; then the parts train in two phases, those of a phase side by side as
processes of their own (small models do not fill a large GPU). What
comes back are pieces of at most 15 MiB. Called again with the pieces that came back, every part goes on. `--toy` runs
the same steps on a CPU in seconds.
"""

import base64
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from . import drawings, parcels, splits
from .houses import HOUSES
from .places import DIGESTS, PACK, WORK
from .training import Settings

MOST = 62 * 2**20
"""All pieces together."""
RETURN, GRACE = 25.0, 12.0
"""Seconds kept for last evaluations and packing; how many of them a part may take before it is stopped."""
PHASES = (("autoencoder", "clip", "judge_a", "judge_b"), ("unet", "unet_plain"))
READ_BY_UNET = ("autoencoder", "clip")
SHARES = (0.42, 0.58)
"""How the two phases share the time that rendering and packing leave."""
SETTINGS = {
    "autoencoder": Settings(0, batch=256, lr=1.2e-3, ema=0.998, save_seconds=30, evaluate_seconds=30),
    "clip": Settings(0, batch=384, lr=1.2e-3, weight_decay=0.05, ema=0.998, save_seconds=30, evaluate_seconds=30),
    "judge_a": Settings(0, batch=384, lr=2.5e-3, weight_decay=0.05, ema=0.998, save_seconds=30, evaluate_seconds=30),
    "judge_b": Settings(0, batch=384, lr=2e-3, weight_decay=0.05, ema=0.998, save_seconds=30, evaluate_seconds=30),
    "unet": Settings(0, batch=512, lr=1e-3, ema=0.999, save_seconds=30, evaluate_seconds=30, compiled=True),
    "unet_plain": Settings(0, batch=512, lr=1e-3, ema=0.999, save_seconds=30, evaluate_seconds=30, compiled=True),
}
TOY = Settings(0, batch=12, lr=1e-3, steps=2)


@dataclass(frozen=True)
class Plan:
    """A call: where it trains, its seconds, and what is left out."""

    out: Path
    seconds: float
    processes: int
    toy: bool
    compiled: bool
    retry: bool = False
    """Whether a part that fails compiled begins again without compiling."""
    parts: tuple[str, ...] = parcels.ORDER


def check_digests() -> None:
    """Compares every rendered drawing with the committed digest; a difference is an error, since the splits would
    not hold."""
    stored = drawings.load("real")
    committed = json.loads(DIGESTS.read_text("utf-8"))
    data = base64.b64decode(committed["sha256_first_8"])
    order = [drawings.Cell(h.name, n) for h in HOUSES for n in committed["cells"].get(h.name, [])]
    expected = {cell: data[8 * i : 8 * i + 8] for i, cell in enumerate(order)}
    wrong = [c for c, d in zip(stored.cells, stored.digests, strict=True) if expected.get(c) != d]
    if wrong or len(stored.cells) != len(expected):
        raise ValueError(
            f"{len(wrong)} of {len(stored.cells)} drawings differ from {len(expected)} committed digests: {wrong[:3]}"
        )


def make_data(plan: Plan) -> None:
    """Renders what is not there yet."""
    began = time.time()
    if not (WORK / "real.json").exists():
        drawings.build_real(plan.processes)
    if not plan.toy:
        check_digests()
    if not (WORK / "looks.json").exists():
        splits.build_looks(plan.processes, 2 if plan.toy else None)
    print(f"data after {time.time() - began:.0f} s", flush=True)


def start(name: str, until: float, plan: Plan, compiled: bool) -> subprocess.Popen:
    """Starts the training of one part as a process; what it prints goes to `WORK/NAME.out`."""
    command = [sys.executable, "-u", "-m", "housestyle_models.world", "part", name, "--until", f"{until:.0f}"]
    command += ["--toy"] if plan.toy else []
    command += [] if compiled else ["--no-compile"]
    with (WORK / f"{name}.out").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def run_phase(names: tuple[str, ...], until: float, plan: Plan) -> None:
    """Trains parts side by side; one that fails is reported once all are done, and the others keep what they learned.

    Where the plan says so, a part that fails compiled begins again without compiling.
    """
    running = {name: start(name, until, plan, plan.compiled) for name in names}
    compiled = {name: plan.compiled and SETTINGS[name].compiled for name in names}
    codes: dict[str, int] = {}
    while running:
        for name, process in list(running.items()):
            if not plan.toy and time.time() > until + GRACE:
                process.kill()  # what it saved last stays
            if (code := process.poll()) is None:
                continue
            del running[name]
            if code and compiled[name] and plan.retry and time.time() < until:
                print(f"{name} failed with torch.compile and begins again without it", flush=True)
                compiled[name] = False
                running[name] = start(name, until, plan, False)
            else:
                codes[name] = code
        time.sleep(0.2)
    for name, code in codes.items():
        lines = (WORK / f"{name}.out").read_text("utf-8", "replace").splitlines()
        print("\n".join(line[:300] for line in lines[-3 if code == 0 else -25 :]), flush=True)
    failed = [name for name, code in codes.items() if code]
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)


def settings_of(name: str, until: float, toy: bool, compiled: bool) -> Settings:
    """A part's settings in a call."""
    if toy:
        return replace(TOY, minutes=60)
    own = SETTINGS[name]
    return replace(own, until=until, compiled=own.compiled and compiled)


def run(plan: Plan, pack: Path, parcel: Path | None) -> int:
    """The whole call; returns how many parts are missing at its end."""
    began = time.time()
    WORK.mkdir(parents=True, exist_ok=True)
    if pack != PACK:
        shutil.copyfile(pack, PACK)
    if parcel is not None:
        brought = parcels.unpack(parcel)
        print("going on with", brought, flush=True)
        if {"unet", "unet_plain"} & set(brought):
            plan = replace(plan, parts=tuple(p for p in plan.parts if p not in READ_BY_UNET))
            print(f"a UNet has learned to read {' and '.join(READ_BY_UNET)}: those stay as they are", flush=True)
    make_data(plan)
    end = began + plan.seconds - RETURN
    spent = time.time()
    left = max(0.0, end - spent)
    wanted = [bool(set(names) & set(plan.parts)) for names in PHASES]
    first = spent + left * (SHARES[0] if all(wanted) else float(wanted[0]))
    for names, until in zip(PHASES, (first, end), strict=True):
        run_phase(tuple(name for name in names if name in plan.parts), until, plan)
    packed = parcels.pack(plan.out, MOST)
    with (plan.out / "logs.jsonl").open("w") as file:
        for log in sorted(WORK.glob("*.log.jsonl")):
            for line in log.read_text("utf-8").splitlines():
                file.write(json.dumps({"part": log.name.removesuffix(".log.jsonl"), **json.loads(line)}) + "\n")
    missing = [name for name in plan.parts if not (WORK / f"{name}.pt").exists()]
    print(f"packed {packed} after {time.time() - began:.0f} s; missing {missing}", flush=True)
    return len(missing)
