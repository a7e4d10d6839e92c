"""Packs the houses' SVG drawings, under names that all houses share, into one compressed file.

Packages come from npm at pinned versions; the pack is all that later steps (and a machine without a network) need. A
house may spell a name otherwise (`brokenheart`, `bird-1`); it is filed under the spelling that most houses use.
"""

import json
import lzma
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .houses import EMOJI, HOUSES, PERMISSIVE, House
from .places import LICENCES, PACK, WORK

# One drawing in five skin tones, two hundred flags, key caps and a clock at every half hour: the name says little.
MEANINGLESS = re.compile(r"skin-tone|^flag|-flag$|keycap|regional|clock-|o-clock|thirty|-(light|medium|dark)$|^[0-9#*]")
SHARED_BY = 4
ICONS_A_FAMILY = 450


@dataclass(frozen=True)
class Drawing:
    """An SVG body and its view box."""

    body: str
    left: float
    top: float
    width: float
    height: float


def install(folder: Path) -> Path:
    """Installs the pinned packages with npm; returns the folder that holds them."""
    wanted = sorted({f"@iconify-json/{h.package}@{h.version}" for h in HOUSES})
    folder.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", str(folder)]
    subprocess.run(["npm", "install", *quiet, *wanted], check=True)
    return folder / "node_modules" / "@iconify-json"


def drawings_of(house: House, icons: dict) -> dict[str, Drawing]:
    """The drawings of one house by its own names, without suffix, hidden and meaningless ones left out."""
    found = {}
    for name, icon in icons["icons"].items():
        if icon.get("hidden") or not name.endswith(house.suffix) or name.endswith(house.without or "\0"):
            continue
        name = name.removesuffix(house.suffix)
        if (
            MEANINGLESS.search(name)
            or "<style" in icon["body"]
            or "<animate" in icon["body"]
            or "<image" in icon["body"]
        ):
            continue
        width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
        found[name] = Drawing(icon["body"], icon.get("left", 0), icon.get("top", 0), width, height)
    return largest(found) if house.package == "fluent-color" else found


def largest(drawings: dict[str, Drawing]) -> dict[str, Drawing]:
    """Of names that differ by a trailing size, the largest, under the name without it."""
    best: dict[str, tuple[int, Drawing]] = {}
    for name, drawing in drawings.items():
        stem, _, size = name.rpartition("-")
        if stem and size.isdigit() and int(size) > best.get(stem, (0, drawing))[0]:
            best[stem] = (int(size), drawing)
    return {stem: drawing for stem, (_, drawing) in best.items()}


def one_spelling(by_house: dict[str, dict[str, Drawing]]) -> dict[str, dict[str, Drawing]]:
    """Files drawings under the spelling that `SHARED_BY` or more emoji houses use, where only hyphens or a number
    differ."""
    emoji = [h.name for h in EMOJI]
    counted = Counter(name for house in emoji for name in by_house[house])
    common = {name.replace("-", ""): name for name, houses in counted.items() if houses >= SHARED_BY - 1}
    filed = {}
    for house, drawings in by_house.items():
        names = {}
        for name in sorted(drawings):
            stem = re.sub(r"-\d+$", "", name)
            spelt = common.get(stem.replace("-", ""), name) if house in emoji else name
            names[name if spelt in drawings or spelt in names.values() else spelt] = drawings[name]
        filed[house] = names
    return filed


def pack(folder: Path) -> None:
    """Writes the pack and the licences of every family. A licence other than the one listed here is an error."""
    by_house, licences = {}, {}
    for house in HOUSES:
        info = json.loads((folder / house.package / "info.json").read_text("utf-8"))
        version = json.loads((folder / house.package / "package.json").read_text("utf-8"))["version"]
        spdx = info["license"]["spdx"]
        if spdx != house.licence or spdx not in PERMISSIVE or version != house.version:
            raise ValueError(
                f"{house.name}: {house.package} is {version} under {spdx}, not {house.version} under {house.licence}"
            )
        by_house[house.name] = drawings_of(
            house, json.loads((folder / house.package / "icons.json").read_text("utf-8"))
        )
        licences[house.name] = {
            "package": f"@iconify-json/{house.package}@{version}",
            "licence": spdx,
            "licence_url": info["license"].get("url", ""),
            "title": info["name"],
            "author": info["author"]["name"],
            "url": info["author"].get("url", ""),
        }
    filed = one_spelling(by_house)
    for house in HOUSES:
        if not house.emoji:
            filed[house.name] = dict(
                sorted(filed[house.name].items())[:: max(1, len(filed[house.name]) // ICONS_A_FAMILY)]
            )
    plain = {h: {n: [d.body, d.left, d.top, d.width, d.height] for n, d in names.items()} for h, names in filed.items()}
    PACK.parent.mkdir(parents=True, exist_ok=True)
    PACK.write_bytes(lzma.compress(json.dumps(plain).encode(), preset=6))
    LICENCES.write_text(json.dumps(licences, indent=1) + "\n", "utf-8")
    print({h: len(names) for h, names in filed.items()}, f"{PACK.stat().st_size / 2**20:.1f} MiB", flush=True)


def load(path: Path = PACK) -> dict[str, dict[str, Drawing]]:
    """Reads the pack: house -> name -> drawing."""
    plain = json.loads(lzma.decompress(path.read_bytes()))
    return {house: {name: Drawing(*fields) for name, fields in names.items()} for house, names in plain.items()}


def main(packages: Path | None = None) -> None:
    """Installs the packages, unless a folder that holds them is given, and packs them."""
    pack(packages or install(WORK / "npm"))
