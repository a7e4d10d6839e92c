"""The demo's agency and references: real drawings of the houses whose styles the demo campaign asks for.

In: the rendered set (`python -m housestyle_models.emoji`). Out: `eval/demo/agency/`, the houses' own drawings of the demo's things
with the index that `housestyle baseline import` reads; `eval/demo/references/`, sixteen drawings of other things a house from those
that the base bundle learned from, as a style set. Always: the same bytes for the same packages; licences stand beside the pictures.

`python -m housestyle_models.demo_evidence`
"""

import csv
import json
import random
import re

from PIL import Image

from .emoji import ROOT, WORK, load

DEMO = ROOT.parent / "eval" / "demo"
CAMPAIGN = ROOT.parent / "specs" / "demo.yaml"
SEED = 20250216
REFERENCES = 16


def asked() -> tuple[list[str], list[str]]:
    """Styles and categories of the demo campaign, which is flat enough to be read without a parser."""
    text = CAMPAIGN.read_text()
    names = lambda key: [n.strip() for n in re.search(rf"{key}: \[([^\]]*)\]", text)[1].split(",")]
    return names("styles"), names("categories")


def main() -> None:
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
        seen = [row["name"] for row in rows if row["house"] == style and row["split"] == "pretrain" and row["pretraining"]]
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
# What the demo's styles look like: {REFERENCES} drawings a house, of those that the bundle learned from (made by models/housestyle_models/demo_evidence.py).
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
    credits = [
        f"- {style}: {licences[style]['name']} by {licences[style]['author']['name']} ({licences[style]['author'].get('url', '')}), "
        f"{licences[style]['license']['spdx']} ({licences[style]['license'].get('url', '')}); npm `{licences[style]['package']}`, rendered at 64 px"
        for style in styles
    ]
    (DEMO / "README.md").write_text(
        "# The demo's agency\n\n"
        "`agency/` holds the houses' own drawings of what `specs/demo.yaml` asks for: professional work on the same briefs, which\n"
        "`housestyle baseline import eval/demo/agency --name agency --campaign specs/demo.yaml` imports. Nobody bought them, so the\n"
        "index names no prices and no dates. `references/` holds sixteen drawings a house of other things, of those that the bundle\n"
        "learned from: what a style's images are held against, and what none may be a copy of. `suite.yaml` pins an evaluation of the\n"
        "campaign beside the agency.\n\n"
        "Pictures and their rights (made by `models/housestyle_models/demo_evidence.py`):\n\n" + "\n".join(credits) + "\n"
    )
    size = sum(f.stat().st_size for f in DEMO.rglob("*.png") if f.parent != DEMO)
    print(f"{len(styles) * len(categories)} deliveries, {len(styles) * REFERENCES} references, {size} bytes")


if __name__ == "__main__":
    main()
