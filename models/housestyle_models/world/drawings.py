"""Renders the drawings and keeps them: all of the houses' own (`real`), and training drawings in procedural looks
(`looks`).

Pixels are one uint8 array [n, 128, 128, 3] on disk, rows one JSON file beside it, in a fixed order. A drawing's digest
is the sha256 of its pixels. Rendering runs in processes started afresh; a drawing that the renderer fails on, or that
is blank, is left out by name.
"""

import hashlib
import json
import multiprocessing
import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import catalogue
from .compose import redrawn
from .houses import HOUSES
from .looks import UNSEEN_LOOKS, Look, training_looks
from .places import PACK, WORK
from .vector import SIZE, as_drawn, rendered

CELLS_A_LOOK = 90
SEED = 20250217
_pack: dict[str, dict[str, catalogue.Drawing]] = {}
_looks: dict[str, Look] = {}
Keep = Callable[["Cell", np.ndarray], bool]


@dataclass(frozen=True)
class Cell:
    """Which picture: a house's own drawing of a name, or the drawing of a base house in a look."""

    house: str
    name: str
    look: str = ""

    @property
    def style(self) -> str:
        """The style a judge should find: the look where there is one, otherwise the house."""
        return self.look or self.house


def _start(pack: Path) -> None:
    _pack.update(catalogue.load(pack))
    _looks.update({look.name: look for look in (*training_looks(), *UNSEEN_LOOKS)})


def _pixels(cell: Cell) -> np.ndarray | None:
    """The picture, or None where the renderer fails or nothing is to be seen."""
    drawing = _pack[cell.house][cell.name]
    try:
        pixels = rendered(redrawn(drawing, _looks[cell.look]) if cell.look else as_drawn(drawing))
    except BaseException as failure:  # the renderer's panics are no Exception
        if type(failure).__name__ != "PanicException" and not isinstance(failure, ValueError):
            raise
        return None
    return pixels if pixels.std() > 2 else None


def render(cells: list[Cell], processes: int) -> Iterator[np.ndarray | None]:
    """Pictures of the cells, in order."""
    with multiprocessing.get_context("spawn").Pool(processes, _start, (PACK,)) as pool:
        yield from pool.imap(_pixels, cells, chunksize=64)


def digest(pixels: np.ndarray) -> bytes:
    """The first eight bytes of the sha256 of a picture's RGB bytes."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()[:8]


def write(kind: str, cells: list[Cell], processes: int, keep: Keep = lambda cell, pixels: True) -> None:
    """Renders `cells` into the store `kind`, whole or not at all; what is left out is listed in its index."""
    WORK.mkdir(parents=True, exist_ok=True)
    draft = WORK / f"{kind}.part"
    kept, digests, left_out = [], [], []
    with draft.open("wb") as file:
        for cell, pixels in zip(cells, render(cells, processes), strict=True):
            if pixels is None or not keep(cell, pixels):
                left_out.append([cell.house, cell.name, cell.look])
                continue
            file.write(pixels.tobytes())
            kept.append([cell.house, cell.name, cell.look])
            digests.append(digest(pixels).hex())
    os.replace(draft, WORK / f"{kind}.rgb")
    index = {"cells": kept, "digests": digests, "left_out": left_out}
    part = WORK / f"{kind}.json.part"
    part.write_text(json.dumps(index), "utf-8")
    os.replace(part, WORK / f"{kind}.json")
    print(f"{kind}: {len(kept)} pictures, {len(left_out)} left out", flush=True)


@dataclass(frozen=True)
class Store:
    """Rendered pictures: `pixels` uint8 [n, 128, 128, 3] mapped from disk, cells and digests in the same order."""

    pixels: np.ndarray
    cells: list[Cell]
    digests: list[bytes]
    left_out: list[Cell]


def load(kind: str) -> Store:
    """Opens the store `real` or `looks`."""
    index = json.loads((WORK / f"{kind}.json").read_text("utf-8"))
    shape = (len(index["cells"]), SIZE, SIZE, 3)
    pixels = np.memmap(WORK / f"{kind}.rgb", np.uint8, "r", shape=shape)

    def cells(rows: list[list[str]]) -> list[Cell]:
        return [Cell(*row) for row in rows]

    return Store(pixels, cells(index["cells"]), [bytes.fromhex(d) for d in index["digests"]], cells(index["left_out"]))


def real_cells(pack: dict[str, dict[str, catalogue.Drawing]]) -> list[Cell]:
    """Every drawing of every house, in order."""
    return [Cell(house.name, name) for house in HOUSES for name in sorted(pack[house.name])]


def look_cells(training: Iterable[Cell], looks: Iterable[Look], count: int) -> list[Cell]:
    """For each look, `count` of its base house's training drawings."""
    by_house: dict[str, list[str]] = {}
    for cell in training:
        by_house.setdefault(cell.house, []).append(cell.name)
    rng, cells = random.Random(SEED), []
    for look in looks:
        names = by_house[look.base]
        cells += [Cell(look.base, name, look.name) for name in sorted(rng.sample(names, min(count, len(names))))]
    return cells


def build_real(processes: int) -> None:
    """Renders every house's own drawings."""
    write("real", real_cells(catalogue.load(PACK)), processes)
