"""The emoji-houses set: downloads the houses' packages, renders every chosen drawing, and keeps licences beside them.

In: the npm packages at pinned versions and `splits.json`. Out: `.work/emoji/images.npz` (uint8 RGB) and `index.json`
(one row a drawing) for the concepts, `looks.npz` and `looks.json` for drawings of other names, which teach only how a
house draws, `asides.npz` and `asides.json` for the names that are left out as concepts (they teach only the evaluator),
and `licences.json`. Invariants: white background, `currentColor` black, 64 px, the same bytes for the same packages.

`housestyle-models data` builds; `--write-splits` draws the splits anew from the seed (they are committed); `--pngs DIR`
also writes the concepts' drawings as `DIR/<house>/<name>.png` with their index, for the studies in `eval/studies`.
"""

import hashlib
import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .houses import HOUSES
from .paths import WORK
from .splits import SKIP, SPLITS, draw_splits

SIZE = 64
Icon = dict[str, Any]
"""One drawing as its package holds it: the body of an SVG, its sides, whether it is hidden."""
Row = dict[str, Any]
"""What is known of a drawing: its house, its name and which splits it belongs to."""

# What not even an evaluator learns from: one drawing in five skin tones, two hundred flags, and a clock at every half
# hour.
REPEATS = re.compile(r"skin-tone|^flag|keycap|regional|clock|thirty")


def packages() -> Path:
    """Installs the pinned packages once; returns the folder that holds them."""
    target = WORK / "npm"
    wanted = [f"{h.package}@{h.version}" for h in HOUSES]
    if not all((target / "node_modules" / h.package / "icons.json").exists() for h in HOUSES):
        target.mkdir(parents=True, exist_ok=True)
        quietly = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund")
        subprocess.run(["npm", "install", *quietly, "--prefix", str(target), *wanted], check=True)
    return target / "node_modules"


def icon_sets() -> dict[str, dict[str, Any]]:
    """Returns every house's drawings as its package holds them."""
    return {h.name: json.loads((packages() / h.package / "icons.json").read_text()) for h in HOUSES}


def render(icons: dict[str, Any], name: str) -> np.ndarray:
    """One drawing as uint8 RGB [64, 64, 3] on white."""
    from resvg_py import svg_to_bytes

    icon = icons["icons"][name]
    width = icon.get("width", icons.get("width", 16))
    height = icon.get("height", icons.get("height", 16))
    left, top = icon.get("left", 0), icon.get("top", 0)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="#000" '
        f'viewBox="{left} {top} {width} {height}" width="{SIZE}" height="{SIZE}">{icon["body"]}</svg>'
    ).replace("currentColor", "#000")
    png = bytes(svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE))
    drawing = Image.open(io.BytesIO(png)).convert("RGBA")
    paper = Image.new("RGBA", drawing.size, "white")
    return np.asarray(Image.alpha_composite(paper, drawing).convert("RGB"))


def build() -> None:
    """Renders every chosen drawing and writes the set with its rows, digests and licences."""
    sets = icon_sets()
    splits = json.loads(SPLITS.read_text())
    rows, images = [], []
    for house in HOUSES:
        icons = sets[house.name]
        for name in splits["split"]:
            if name not in icons["icons"]:
                continue
            images.append(render(icons, name))
            rows.append(
                {
                    "house": house.name,
                    "name": name,
                    "split": splits["split"][name],
                    "pretraining": house.pretraining and house.name not in splits["held_out"].get(name, []),
                    "evaluator": house.name not in splits["evaluator_held_out"][name],
                }
            )
        print(f"{house.name}: {sum(r['house'] == house.name for r in rows)} drawings", flush=True)
    out = WORK / "emoji"
    out.mkdir(parents=True, exist_ok=True)
    pixels = np.stack(images)
    np.savez(out / "images.npz", images=pixels)
    (out / "index.json").write_text(json.dumps(rows))
    digests = {"concepts": hashlib.sha256(pixels.tobytes()).hexdigest()}

    def beside(name: str, icon: Icon) -> bool:
        return name not in splits["split"] and not icon.get("hidden")

    def looks(name: str, icon: Icon) -> bool:
        return beside(name, icon) and not SKIP.search(name)

    def asides(name: str, icon: Icon) -> bool:
        return beside(name, icon) and bool(SKIP.search(name)) and not REPEATS.search(name)

    digests["looks"] = build_beside("looks", sets, looks)
    digests["asides"] = build_beside("asides", sets, asides)
    licences = {
        h.name: json.loads((packages() / h.package / "info.json").read_text()) | {"package": f"{h.package}@{h.version}"}
        for h in HOUSES
    }
    (out / "licences.json").write_text(json.dumps(licences, indent=1))
    (out / "digests.json").write_text(json.dumps(digests))
    print(f"{len(rows)} drawings of {len(splits['split'])} concepts, sha256 of the pixels {digests}")


def build_beside(kind: str, sets: dict[str, dict[str, Any]], wanted: Callable[[str, Icon], bool]) -> str:
    """Renders the drawings beside the concepts that `wanted(name, icon)` chooses; returns the digest of their
    pixels."""
    rows = [
        {"house": house.name, "name": name, "pretraining": house.pretraining}
        for house in HOUSES
        for name, icon in sets[house.name]["icons"].items()
        if wanted(name, icon)
    ]
    pixels = np.stack([render(sets[r["house"]], r["name"]) for r in rows])
    np.savez(WORK / "emoji" / f"{kind}.npz", images=pixels)
    (WORK / "emoji" / f"{kind}.json").write_text(json.dumps(rows))
    print(f"{len(rows)} {kind}", flush=True)
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def is_built() -> bool:
    """Tells whether the set has been rendered."""
    return (WORK / "emoji/images.npz").exists()


def write_splits() -> None:
    """Draws the splits anew from the seed and writes them where the committed ones are."""
    SPLITS.write_text(json.dumps(draw_splits(icon_sets()), indent=0) + "\n")


def load() -> tuple[np.ndarray, list[Row]]:
    """The concepts' drawings: uint8 images [n, 64, 64, 3] and one row a drawing."""
    out = WORK / "emoji"
    return np.load(out / "images.npz")["images"], json.loads((out / "index.json").read_text())


def load_beside(kind: str) -> tuple[np.ndarray, list[Row]]:
    """Drawings of names that are no concept here, `looks` or `asides`, as `load` gives them: they show a house's
    look."""
    out = WORK / "emoji"
    return np.load(out / f"{kind}.npz")["images"], json.loads((out / f"{kind}.json").read_text())


def write_pngs(folder: Path) -> None:
    """The concepts' drawings as files, and `index.json` last: whoever finds it finds all of them."""
    images, rows = load()
    for image, row in zip(images, rows, strict=True):
        path = folder / row["house"] / f"{row['name']}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    (folder / "index.json").write_text(json.dumps(rows))
    print(f"{len(rows)} drawings in {folder}")
