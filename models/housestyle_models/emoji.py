"""The emoji-houses set: downloads the houses' packages, renders every chosen drawing, and keeps licences beside them.

In: the npm packages at pinned versions and `splits.json`. Out: `.work/emoji/images.npz` (uint8 RGB) and `index.json` (one row a
drawing) for the concepts, `looks.npz` and `looks.json` for drawings of other names, which teach only how a house draws,
`asides.npz` and `asides.json` for the names that are left out as concepts (they teach only the evaluator), and `licences.json`. Always: white background, `currentColor` black, 64 px, the same bytes for the same packages.

`python -m housestyle_models.emoji` builds; `--write-splits` draws the splits anew from the seed (they are committed);
`--pngs DIR` also writes the concepts' drawings as `DIR/<house>/<name>.png` with their index, for `eval/studies/few_shot`.
"""

import argparse
import hashlib
import io
import json
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from .houses import HOUSES, PRETRAINING

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".work"
SPLITS = ROOT / "splits.json"
SIZE = 64
SEED = 20250216  # the day Control-CLIP appeared

# Names left out: skin tones and composites, signs that are text or near-copies of another sign, and the many faces and
# hearts that differ by an eyebrow (a third of all names, and no brand orders them).
SKIP = re.compile(
    r"skin-tone|flag|keycap|clock|button|regional|moon|thirty|man-|woman-|-man$|-woman$|person|family|couple|kiss-|arrow|square|circle"
    r"|^no-|with-bar|silhouette|zodiac|musical-(notes|score)|^(aquarius|aries|cancer|capricorn|gemini|leo|libra|ophiuchus|pisces|taurus|virgo)$"
    r"|^(red-apple|oncoming|globe-showing-europe|fax-machine|ledger|green-book|open-file|notebook|bookmark|label|dvd|trackball|pager)"
    r"|^(growing|revolving|sparkling|beating)-heart|heart-with-ribbon|^(customs|restroom|metro|tram|monorail|railway-car|train|tractor)$"
    r"|^(anguished|confounded|confused|persevering|tired|unamused|worried|downcast|disappointed|expressionless|pensive|fearful|sad-but)"
    r"|^(kissing|grinning-(face-with|squinting)|beaming|slightly|smirking|squinting|lying|face-(blowing|with-(head|rolling|therm|steam)|savoring))"
    r"|^(double-exclamation|right-anger|thought|speaking|sparkle$|hole|custard|oden|dango|collision|dashing|dizzy|no-one|recycling)"
    r"|^(seat|wedding|love-hotel|bank|station|school|hospital|stadium|cityscape|sunrise|fog|foggy|construction$|children-crossing|man|woman|girl|boy)$"
    r"|^(pig-nose|paw-prints|busts|teacup|womans-sandal|poodle|ox|ram|minibus|vertical-traffic|bullet-train|closed-umbrella|umbrella-with)"
)

# What not even an evaluator learns from: one drawing in five skin tones, two hundred flags, and a clock at every half hour.
REPEATS = re.compile(r"skin-tone|^flag|keycap|regional|clock|thirty")


def packages() -> Path:
    """Installs the pinned packages once; returns the folder that holds them."""
    target = WORK / "npm"
    wanted = [f"{h.package}@{h.version}" for h in HOUSES]
    if not all((target / "node_modules" / h.package / "icons.json").exists() for h in HOUSES):
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", str(target), *wanted],
            check=True,
        )
    return target / "node_modules"


def icon_sets() -> dict[str, dict]:
    return {h.name: json.loads((packages() / h.package / "icons.json").read_text()) for h in HOUSES}


def draw_splits(sets: dict[str, dict]) -> dict:
    """Chooses the concepts (drawn by every pretraining house, so that the grid is full) and splits them by name.

    `pretrain` names are seen whole. Of each `fewshot` and `test` name, three pretraining houses' drawings are held out of every
    pretraining step, dealt evenly over the houses: the word is known, that house's drawing of it is not.
    """
    rng = random.Random(SEED)
    drawn = Counter(n for h in PRETRAINING for n, v in sets[h.name]["icons"].items() if not v.get("hidden"))
    names = sorted(n for n, k in drawn.items() if k == len(PRETRAINING) and not SKIP.search(n))
    brand = set(sets["fxemoji"]["icons"])
    # The brand can only be judged on names it draws: deal those to the few-shot and test splits first.
    shared = [n for n in names if n in brand]
    rng.shuffle(shared)
    dealt = shared[:96]
    split = {n: "pretrain" for n in names} | {n: "fewshot" for n in dealt[:48]} | {n: "test" for n in dealt[48:]}
    held_out: dict[str, list[str]] = {}
    load = Counter()
    for n in sorted(dealt, key=lambda n: (split[n], n)):
        have = [h.name for h in PRETRAINING if n in sets[h.name]["icons"]]
        rng.shuffle(have)
        have.sort(key=lambda h: load[split[n], h])
        held_out[n] = sorted(have[:3])
        load.update((split[n], h) for h in held_out[n])
    # The evaluator is judged on drawings of its own: one or two houses a name, dealt evenly over all ten.
    load.clear()
    judge: dict[str, list[str]] = {}
    for i, n in enumerate(names):
        have = [h.name for h in HOUSES if n in sets[h.name]["icons"]]
        rng.shuffle(have)
        have.sort(key=lambda h: load[h])
        judge[n] = sorted(have[: 1 + i % 2])
        load.update(judge[n])
    return {"seed": SEED, "split": split, "held_out": held_out, "evaluator_held_out": judge}


def render(icons: dict, name: str) -> np.ndarray:
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
    beside = lambda name, icon: name not in splits["split"] and not icon.get("hidden")
    digests["looks"] = build_beside("looks", sets, lambda name, icon: beside(name, icon) and not SKIP.search(name))
    digests["asides"] = build_beside(
        "asides", sets, lambda name, icon: beside(name, icon) and SKIP.search(name) and not REPEATS.search(name)
    )
    licences = {
        h.name: json.loads((packages() / h.package / "info.json").read_text()) | {"package": f"{h.package}@{h.version}"} for h in HOUSES
    }
    (out / "licences.json").write_text(json.dumps(licences, indent=1))
    (out / "digests.json").write_text(json.dumps(digests))
    print(f"{len(rows)} drawings of {len(splits['split'])} concepts, sha256 of the pixels {digests}")


def build_beside(kind: str, sets: dict[str, dict], wanted) -> str:
    """Renders the drawings beside the concepts that `wanted(name, icon)` chooses; returns the digest of their pixels."""
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


def load() -> tuple[np.ndarray, list[dict]]:
    """The concepts' drawings: uint8 images [n, 64, 64, 3] and one row a drawing."""
    out = WORK / "emoji"
    return np.load(out / "images.npz")["images"], json.loads((out / "index.json").read_text())


def load_beside(kind: str) -> tuple[np.ndarray, list[dict]]:
    """Drawings of names that are no concept here, `looks` or `asides`, as `load` gives them: they show a house's look."""
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-splits", action="store_true")
    parser.add_argument("--pngs", type=Path, metavar="DIR")
    args = parser.parse_args()
    if args.write_splits:
        SPLITS.write_text(json.dumps(draw_splits(icon_sets()), indent=0) + "\n")
    if args.write_splits or args.pngs is None or not (WORK / "emoji" / "images.npz").exists():
        build()
    if args.pngs is not None:
        write_pngs(args.pngs)
