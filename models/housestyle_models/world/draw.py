"""Draws held-out cells with the trained world and asks both judges: a contact sheet and a table, first attempts only.

For a seen house a judge's style answer must be the house; for an unseen brand (no judge has a class for it) the nearest
of all brands' mean references must be it. Both judges are asked, and neither chose anything.
"""

import json
import random
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from torch import Tensor

from . import expert
from .autoencoder import CHANNELS, SIDE, load_autoencoder
from .captions import description, words
from .drawings import Cell, load
from .houses import EMOJI, SEEN_EMOJI
from .judges import EMBED, answers, known, load_judge, unknown_cells
from .pictures import Pictures
from .splits import read
from .training import SEED
from .unet import PROMPT, Prompts, load_unet, scheduler


@torch.no_grad()
def sample(
    unet: UNet2DConditionModel, prompts: Prompts, texts: list[str], seed: int, steps: int, guidance: float
) -> Tensor:
    """Scaled latents for prompts, by DDIM with classifier-free guidance."""
    schedule = scheduler()
    schedule.set_timesteps(steps)
    told, untold = prompts.states(texts).float(), prompts.states([""]).float().expand(len(texts), -1, -1)
    x = torch.randn(len(texts), CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    for t in schedule.timesteps:
        both = unet(torch.cat([x, x]), t, encoder_hidden_states=torch.cat([untold, told])).sample
        without, with_prompt = both.chunk(2)
        x = schedule.step(without + guidance * (with_prompt - without), t, x).prev_sample
    return x


def cells_of(kind: str, names: int) -> list[Cell]:
    """Held-out cells: for some names every house of which nothing was seen, seen houses and unseen brands alike."""
    splits, drawn = read(), set(load("real").cells)
    held = splits.plain["held_out"][kind]
    cells = [Cell(h, n) for n in sorted(held) for h in (*held[n], *splits.plain["unseen"])]
    cells = [cell for cell in cells if cell in drawn]
    there = sorted({cell.name for cell in cells})
    chosen = set(random.Random(SEED).sample(there, min(names, len(there))))
    return [cell for cell in cells if cell.name in chosen]


def draw(kind: str, names: int, words_by: str, steps: int, guidance: float, out: Path, arm: str = "unet") -> dict:
    """Draws, judges, writes `out`.png and `out`.json; returns the table."""
    unet, scale = load_unet(arm)
    vae, prompts, said = load_autoencoder(), Prompts("cpu"), expert.read()
    cells = cells_of(kind, names)
    seen = {h.name for h in SEEN_EMOJI}
    look = {"expert": lambda c: said[c.house], "name": lambda c: f"in {c.house} style"}
    look["description"] = lambda c: description(c) if c.house in seen else said[c.house]
    texts = [PROMPT.format(thing=words(c.name), look=look[words_by](c)) for c in cells]
    pictures = []
    for start in range(0, len(cells), 32):
        latents = sample(unet, prompts, texts[start : start + 32], SEED + start, steps, guidance)
        with torch.no_grad():
            pictures.append(vae.decode(latents / scale).sample.clamp(-1, 1))
    drawn = torch.cat(pictures)
    table: dict = {
        "kind": kind,
        "arm": arm,
        "words": words_by,
        "guidance": guidance,
        "steps": steps,
        "pictures": len(cells),
    }
    for which in "ab":
        table[f"judge_{which}"] = judged(which, drawn, cells)
    out.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    sheet(drawn, cells).save(out.with_suffix(".png"))
    return table


@torch.no_grad()
def judged(which: str, drawn: Tensor, cells: list[Cell]) -> dict[str, float]:
    """What one judge says of drawn pictures."""
    judge, extra = load_judge(which)
    parts = [judge(x) for x in drawn.split(32)]
    style, category, embedding = (torch.cat(column) for column in zip(*parts, strict=True))
    place = {n: i for i, n in enumerate(extra["categories"])}
    thing = torch.tensor([place.get(c.name, -1) for c in cells])
    top = category.topk(5).indices == thing[:, None]
    houses = [h.name for h in SEEN_EMOJI]
    known_house = torch.tensor([c.house in houses for c in cells])
    right = torch.tensor(
        [c.house in houses and houses.index(c.house) == s for c, s in zip(cells, style.argmax(1).tolist(), strict=True)]
    )
    references = set(known("reference", "cpu").cells) | set(unknown_cells("reference"))
    store = Pictures(lambda c: c in references, "cpu", ("real",))
    of = answers(judge, store)[2][:, :EMBED]
    brands = sorted({c.house for c in store.cells})
    means = torch.stack([of[[i for i, c in enumerate(store.cells) if c.house == b][:16]].mean(0) for b in brands])
    nearest = (embedding[:, :EMBED] @ torch.nn.functional.normalize(means, dim=1).T).argmax(1).tolist()
    found = torch.tensor([brands[i] == c.house for i, c in zip(nearest, cells, strict=True)])

    def share(x: Tensor) -> float:
        return round(x.float().mean().item(), 4)

    return {
        "style_of_seen_houses": share(right[known_house]),
        "style_of_unseen_brands_by_references": share(found[~known_house]),
        "top1": share(top[:, 0]),
        "top5": share(top.any(1)),
        "style_and_thing_of_seen_houses": share((right & top[:, 0])[known_house]),
    }


def sheet(drawn: Tensor, cells: list[Cell], columns: int = 12) -> Image.Image:
    """All pictures in rows, house after house."""
    order = sorted(range(len(cells)), key=lambda i: ([h.name for h in EMOJI].index(cells[i].house), cells[i].name))
    tiles = ((drawn[order].permute(0, 2, 3, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    blank = np.full_like(tiles[:1], 255)
    tiles = np.concatenate([tiles, *[blank] * (-len(tiles) % columns)])
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return Image.fromarray(np.concatenate(rows, 0))
