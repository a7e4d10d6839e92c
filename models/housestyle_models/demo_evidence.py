"""The demo's agency and references: real drawings of the houses whose styles the demo campaign asks for.

In: the rendered set. Out: `eval/demo/agency/`, the houses' own drawings of the demo's things with the index that
`housestyle baseline import` reads; `eval/demo/references/`, sixteen drawings of other things a house from those that
the base bundle learned from, as a style set. Invariants: the same bytes for the same packages; licences stand beside
the pictures.

`housestyle-models data --demo`
"""

import csv
import json
import random
import re
from typing import Any

from PIL import Image

from .emoji import load
from .paths import REPOSITORY, WORK

DEMO = REPOSITORY / "eval/demo"
CAMPAIGN = REPOSITORY / "specs/demo.yaml"
SEED = 20250216
REFERENCES = 16


def asked() -> tuple[list[str], list[str]]:
    """Returns the styles and categories of the demo campaign, which is flat enough to be read without a parser."""
    text = CAMPAIGN.read_text()

    def names(key: str) -> list[str]:
        found = re.search(rf"{key}: \[([^\]]*)\]", text)
        if found is None:
            raise ValueError(f"{CAMPAIGN.name} has no list of {key} on one line")
        return [name.strip() for name in found[1].split(",")]

    return names("styles"), names("categories")


def credit(info: dict[str, Any], style: str) -> str:
    """Returns the line that names a style's author, licence and package."""
    author, licence = info["author"], info["license"]
    return (
        f"- {style}: {info['name']} by {author['name']} ({author.get('url', '')}), "
        f"{licence['spdx']} ({licence.get('url', '')}); npm `{info['package']}`, rendered at 64 px"
    )


def write_evidence() -> None:
    """Writes the demo's agency, its references and their credits."""
    images, rows = load()
    licences = json.loads((WORK / "emoji" / "licences.json").read_text())
    styles, categories = asked()
    at = {(row["house"], row["name"]): i for i, row in enumerate(rows)}
    agency, references = DEMO / "agency", DEMO / "references"
    agency.mkdir(parents=True, exist_ok=True)
    with (agency / "index.csv").open("w", newline="") as file:
        index = csv.writer(file, lineterminator="\n")
        index.writerow(["file", "brief", "category", "style", "vendor", "licence", "holder", "source"])
        for style in styles:
            info = licences[style]
            for category in categories:
                name = f"{category}-{style}.png"
                Image.fromarray(images[at[style, category]]).save(agency / name, optimize=True)
                licence, holder = info["license"]["spdx"], info["author"]["name"]
                index.writerow([name, f"{category}/{style}", category, style, holder, licence, holder, info["package"]])
    entries = []
    for style in styles:
        info = licences[style]
        seen = [
            row["name"] for row in rows if row["house"] == style and row["split"] == "pretrain" and row["pretraining"]
        ]
        (references / style).mkdir(parents=True, exist_ok=True)
        for name in sorted(random.Random(f"{SEED} {style}").sample(sorted(seen), REFERENCES)):
            Image.fromarray(images[at[style, name]]).save(references / style / f"{name}.png", optimize=True)
        evidence = info["license"].get("url")
        entries += [
            f"    - files: references/{style}",
            '      category: "{stem}"',
            f"      style: {style}",
            f'      source: "{info["package"]}"',
            f"      licence: {info['license']['spdx']}",
            f"      holder: {info['author']['name']}",
        ] + ([f"      evidence: {evidence}"] if evidence else [])
    head = f"""# yaml-language-server: $schema=../../specs/styleset.schema.json
# What the demo's styles look like: {REFERENCES} drawings a house, of those that the bundle learned from.
# Made by `housestyle-models data --demo`.
apiVersion: housestyle/v1
kind: StyleSet
metadata: {{name: demo-references, owner: evaluation}}
spec:
  bundle: emoji-houses
  branch: style
  prompt: "a {{category}} emoji in {{style}} style"
  images:
"""
    (DEMO / "references.yaml").write_text(head + "\n".join(entries) + "\n")
    credits = [credit(licences[style], style) for style in styles]
    (DEMO / "CREDITS.md").write_text(
        "# Pictures of the demo and their rights\n\nMade by `housestyle-models data --demo`.\n\n"
        + "\n".join(credits)
        + "\n"
    )
    size = sum(f.stat().st_size for f in DEMO.rglob("*.png") if f.parent != DEMO)
    print(f"{len(styles) * len(categories)} deliveries, {len(styles) * REFERENCES} references, {size} bytes")
