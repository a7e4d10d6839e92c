"""Draws the splits: which cells (house, name) nothing trained may see, which half of the rest each judge learns from.

Of a held-out name five houses or more are held out of everything (the unseen brands among them) and three or more show
the thing. Near-copies of a held-out cell, in any house and under any name, are held out too; so are procedural versions
of a held-out cell. The file is drawn once from its seed, is committed, and is what training reads.
"""

import base64
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .drawings import CELLS_A_LOOK, Cell, load, look_cells, write
from .houses import BY_NAME, SEEN_EMOJI, UNSEEN
from .looks import COUNT, training_looks
from .places import COMMITTED, DIGESTS, MODELS, SPLITS

SEED = 20250218
NEAR_COPY = 0.1
"""Root mean square difference over the pixels, in 0..1, of pictures averaged to 64 px (averaging only brings
pictures nearer)."""
KINDS = {"test": 96, "kept": 48, "reference": 48, "calibration": 64}
"""How many names are held out, and for what: reporting, choosing settings, brands' own pictures, calibrating judges."""
HELD_OUT_SEEN = 3
SHOWN_BY = 3

# Names nobody orders (signs, composites, faces that differ by an eyebrow) teach, but are no test.
NOT_ORDERED = re.compile(
    r"button|moon|man-|woman-|-man$|-woman$|person|family|couple|kiss|arrow|square|circle|zodiac|^no-|with-bar|silhouette|hand|face|clock"
    r"|^(aquarius|aries|cancer|capricorn|gemini|leo|libra|ophiuchus|pisces|taurus|virgo|sagittarius|scorpio|scorpius)$|heart|sign|mark$|symbol"
    r"|^(double|right-anger|thought|speaking|hole|custard|oden|dango|collision|dashing|dizzy|recycling|man|woman|girl|boy|cross|star-of)"
)


@dataclass(frozen=True)
class Splits:
    """The committed file, read."""

    plain: dict

    @cached_property
    def held_out(self) -> dict[str, list[Cell]]:
        """Kind -> the cells of seen houses held out for it, without near-copies."""
        return {
            kind: [Cell(h, n) for n, hs in names.items() for h in hs] for kind, names in self.plain["held_out"].items()
        }

    @cached_property
    def near_copies(self) -> frozenset[Cell]:
        """Cells held out because they nearly equal one that is."""
        return frozenset(Cell(h, n) for h, names in self.plain["near_copies"].items() for n in names)

    @cached_property
    def banned(self) -> frozenset[Cell]:
        """Every cell of a seen house that nothing trained may see."""
        return self.near_copies | {cell for cells in self.held_out.values() for cell in cells}

    def trains(self, cell: Cell) -> bool:
        """Whether a drawing, or a look's version of it, may be trained on at all."""
        return not BY_NAME[cell.house].unseen and Cell(cell.house, cell.name) not in self.banned

    def judge(self, cell: Cell) -> str:
        """`a` or `b`: whose half a training drawing (and every look's version of it) belongs to."""
        return "b" if (cell.house, cell.name) in self._b else "a"

    @cached_property
    def _b(self) -> frozenset[tuple[str, str]]:
        return frozenset((h, n) for h, names in self.plain["judge_b"].items() for n in names)


def read() -> Splits:
    """The committed splits."""
    return Splits(json.loads(SPLITS.read_text("utf-8")))


def looked_at() -> set[Cell]:
    """The cells by which the former judge was chosen: they are no test any more."""
    if SPLITS.exists():
        return {Cell(h, n) for n, hs in read().plain["looked_at"].items() for h in hs}
    former = json.loads((MODELS / "splits.json").read_text("utf-8"))["evaluator_held_out"]
    return {Cell(h, n) for n, hs in former.items() for h in hs}


def small(pixels: np.ndarray) -> np.ndarray:
    """Pictures averaged to 64 px, float32 [n, 64 · 64 · 3] in 0..1."""
    n, side = len(pixels), pixels.shape[1] // 2
    return (pixels.reshape(n, side, 2, side, 2, 3).mean((2, 4), dtype=np.float32) / 255).reshape(n, -1)


def near(pixels: np.ndarray, others: np.ndarray, limit: float = NEAR_COPY) -> np.ndarray:
    """Which of `pixels` lie within `limit` of any of `others`, bool [n, m]; both as `small` gives them."""
    found = np.zeros((len(pixels), len(others)), bool)
    norms = (others**2).sum(1)
    for start in range(0, len(pixels), 512):
        part = pixels[start : start + 512]
        square = (part**2).sum(1)[:, None] + norms - 2 * part @ others.T
        found[start : start + 512] = square < limit**2 * pixels.shape[1]
    return found


def draw() -> None:
    """Draws the splits from the seed and the rendered drawings, and writes them with the drawings' digests."""
    store = load("real")
    rng = random.Random(SEED)
    place = {cell: i for i, cell in enumerate(store.cells)}
    old = looked_at()
    drawn_by = defaultdict(list)
    for cell in store.cells:
        if BY_NAME[cell.house].emoji:
            drawn_by[cell.name].append(cell.house)
    unseen, seen = [h.name for h in UNSEEN], [h.name for h in SEEN_EMOJI]
    candidates = {}
    load_of: Counter[str] = Counter()
    names = sorted(n for n, hs in drawn_by.items() if set(seen) <= set(hs) and not NOT_ORDERED.search(n))
    rng.shuffle(names)
    names.sort(key=lambda n: -sum(h in drawn_by[n] for h in unseen))
    for name in names:
        brands = [h for h in drawn_by[name] if h in unseen]
        free = [h for h in seen if Cell(h, name) not in old]
        if len(brands) < 2 or len(free) < HELD_OUT_SEEN or any(Cell(h, name) in old for h in brands):
            continue
        rng.shuffle(free)
        free.sort(key=lambda h: load_of[h])
        candidates[name] = sorted(free[:HELD_OUT_SEEN])
        load_of.update(candidates[name])
    pictures = small(store.pixels)
    brand_rows = [i for i, cell in enumerate(store.cells) if BY_NAME[cell.house].unseen]
    train_rows = [i for i, cell in enumerate(store.cells) if not BY_NAME[cell.house].unseen]
    like_a_brand = near(pictures[train_rows], pictures[brand_rows]).any(1)
    banned = {store.cells[i] for i, is_near in zip(train_rows, like_a_brand, strict=True) if is_near}
    held_rows = [place[Cell(h, n)] for n, hs in candidates.items() for h in hs]
    like_held = near(pictures[train_rows], pictures[held_rows])
    copies: dict[str, set[Cell]] = defaultdict(set)
    for j, row in enumerate(held_rows):
        copies[store.cells[row].name] |= {store.cells[train_rows[i]] for i in np.flatnonzero(like_held[:, j])}
    chosen: dict[str, str] = {}
    kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
    order = {kind: i for i, kind in enumerate(KINDS)}
    usable = []
    for name, houses in candidates.items():
        gone = banned | copies[name] | {Cell(h, name) for h in houses}
        if sum(Cell(h, name) not in gone for h in seen) >= SHOWN_BY and len(copies[name]) <= 8:
            usable.append(name)
    if len(usable) < len(kinds):
        raise ValueError(f"{len(usable)} names can be held out, {len(kinds)} are wanted")
    rng.shuffle(kinds)
    for name, kind in zip(usable, kinds, strict=False):
        chosen[name] = kind
    held = {
        kind: {n: candidates[n] for n in sorted(chosen) if chosen[n] == kind} for kind in sorted(order, key=order.get)
    }
    own = {Cell(h, n) for names in held.values() for n, hs in names.items() for h in hs}
    near_copies = (banned | {cell for n in chosen for cell in copies[n]}) - own
    training = [c for i in train_rows if (c := store.cells[i]) not in near_copies | own]
    for name in chosen:
        if sum(c.name == name and c.house in seen for c in training) < SHOWN_BY:
            raise ValueError(
                f"{name}: fewer than {SHOWN_BY} houses show it once near-copies are held out; change the seed"
            )
    plain = {
        "seed": SEED,
        "near_copy": NEAR_COPY,
        "unseen": unseen,
        "held_out": held,
        "near_copies": grouped(near_copies),
        "judge_b": grouped(halved(training, rng)),
        "looked_at": {n: sorted(c.house for c in old if c.name == n) for n in sorted({c.name for c in old})},
        "looks": COUNT,
        "cells_a_look": CELLS_A_LOOK,
    }
    COMMITTED.mkdir(exist_ok=True)
    SPLITS.write_text(compact(plain), "utf-8")
    DIGESTS.write_text(compact({"cells": grouped(store.cells), "sha256_first_8": packed(store.digests)}), "utf-8")
    counts = {kind: f"{len(names)} names, {sum(map(len, names.values()))} cells" for kind, names in held.items()}
    print(
        counts, f"near-copies {len(near_copies)} ({len(banned)} of unseen brands), training {len(training)}", flush=True
    )


def halved(training: list[Cell], rng: random.Random) -> list[Cell]:
    """Judge b's half: of every name's houses every second one, and of every house about half."""
    by_name = defaultdict(list)
    for cell in training:
        by_name[cell.name].append(cell)
    given: Counter[str] = Counter()
    half = []
    for name in sorted(by_name):
        cells = by_name[name]
        rng.shuffle(cells)
        cells.sort(key=lambda c: given[c.house])
        first = rng.random() < 0.5 if len(cells) % 2 else False
        for cell in cells[: (len(cells) + first) // 2]:
            half.append(cell)
            given[cell.house] += 1
        for cell in cells[(len(cells) + first) // 2 :]:
            given[cell.house] -= 1
    return half


def grouped(cells: Iterable[Cell]) -> dict[str, list[str]]:
    """house -> names, sorted."""
    found = defaultdict(list)
    for cell in cells:
        found[cell.house].append(cell.name)
    return {house: sorted(found[house]) for house in sorted(found)}


def compact(plain: dict) -> str:
    """JSON with one line an entry of the first two levels."""
    parts = []
    for key, value in plain.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in value.items())
            parts.append(f" {json.dumps(key)}: {{\n{lines}\n }}")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def packed(digests: list[bytes]) -> str:
    """Digests one after the other, base64."""
    return base64.b64encode(b"".join(digests)).decode()


def build_looks(processes: int, cells_a_look: int | None = None) -> None:
    """Renders training drawings in every training look; a picture that comes near a held-out drawing of its name is
    left out.

    `cells_a_look`, where given, stands in for the splits' own number (rehearsals).
    """
    store, splits = load("real"), read()
    away = defaultdict(list)
    for i, cell in enumerate(store.cells):
        if not splits.trains(cell):
            away[cell.name].append(i)

    def keep(cell: Cell, pixels: np.ndarray) -> bool:
        rows = away.get(cell.name)
        return not rows or not near(small(pixels[None]), small(store.pixels[rows])).any()

    training = [cell for cell in store.cells if splits.trains(cell)]
    count = cells_a_look or splits.plain["cells_a_look"]
    write("looks", look_cells(training, training_looks(splits.plain["looks"]), count), processes, keep)
