"""The independent judge: which house drew it, and what it shows.

Own weights, own split (one or two drawings of every concept are held out, over all ten houses), nothing shared with
what guides generation. What it took, each measured on the held-out drawings (models/README.md has the figures):
- Style: every drawing a house made teaches its look, whatever it shows, but near-copies of a held-out drawing do not. A
  house draws from its own set of colours, so a palette finer than the base CLIP's stands beside the convolutions, with
  its colours shifted a little and now and then taken away, lest the judge believes in exact shades that no diffusion
  model hits.
- Category: concepts have seven or eight drawings each, so the thirteen hundred other names that three or more houses
  draw are classes too while it trains. A third of the pictures lose their colours or are redrawn as black glyphs, so
  that it learns shapes that even the monochrome houses share. Logits are calibrated on the held-out drawings (one
  temperature a head), so that a gate's threshold is a probability.
"""

import itertools
import json
import random
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .emoji import SIZE, load
from .houses import HOUSES
from .paths import WORK, checkpoint
from .pictures import Pictures, jitter
from .tower import Block, mean_and_spread, palette
from .training import Averaged, Config, Options, Trainer, device, half_precision, trained

STYLES = [h.name for h in HOUSES]
CONFIGS = {
    "small": (
        Config(minutes=150, batch=96, lr=2e-3, weight_decay=0.05, ema=0.998),
        {"widths": (24, 48, 96, 160, 192), "blocks": 1},
    ),
    "base": (
        Config(minutes=10, batch=512, lr=2e-3, weight_decay=0.05, ema=0.999),
        {"widths": (48, 96, 192, 320, 384), "blocks": 2},
    ),
}
EMBED = 256
COLOURS = 12
# Root mean square over the pixels, in [0, 1]: under it two drawings of one house are the same drawing with a detail
# changed.
NEAR_COPY = 0.1
# A name that fewer houses draw has too few drawings to be a class.
DRAWN_BY = 3


def frame(pixels: torch.Tensor) -> torch.Tensor:
    """How far the paper reaches from the left, the right, the top and the bottom: [b, 3, 64, 64] in [-1, 1] to [b, 4 ·
    64].

    Each entry is 1 while no ink was met on the way in from that side and 0 after it, softly: five per cent of ink
    counts as none.
    """
    ink = (1 - pixels.amin(1)) / 2
    inwards = torch.ones(ink.shape[-1], ink.shape[-1], device=pixels.device).triu()
    profiles = [((ink.amax(side) - 0.05) * 5).clamp(0, 1) for side in (1, 2)]
    return torch.cat([(1 - p @ way).clamp_min(0) for p in profiles for way in (inwards, inwards.T)], 1)


class Evaluator(nn.Module):
    """Pixels [b, 3, 64, 64] in [-1, 1] to `style_logits` [b, 10], `category_logits` [b, concepts], `embedding` [b,
    256].

    `other` scores the names that are classes in training only; `forward` does not use it.
    """

    def __init__(self, categories: int, widths: tuple[int, ...], blocks: int, others: int = 0) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, widths[0], 3, padding=1), nn.ReLU())
        first, *rest = itertools.pairwise(widths)
        self.downs = nn.ModuleList(
            [nn.Conv2d(*first, 4, stride=2, padding=1), *(nn.Conv2d(*pair, 2, stride=2) for pair in rest)]
        )
        self.stages = nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(blocks))) for w in widths[1:])
        pooled = 2 * sum(widths)
        self.scale = nn.BatchNorm1d(pooled)
        self.colours = nn.Sequential(nn.Dropout(0.2), nn.Linear(COLOURS**3, 96), nn.BatchNorm1d(96), nn.SiLU())
        self.edges = nn.Sequential(nn.Dropout(0.1), nn.Linear(4 * SIZE, 96), nn.BatchNorm1d(96), nn.SiLU())
        self.style = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(96 + pooled + 96, 128), nn.SiLU(), nn.Dropout(0.3), nn.Linear(128, len(STYLES))
        )
        self.embed = nn.Linear(pooled, EMBED)
        self.category = nn.Linear(EMBED, categories)
        self.other = nn.Linear(EMBED, others)
        self.register_buffer("temperature", torch.ones(2))

    def forward(
        self, pixels: torch.Tensor, palettes: torch.Tensor | None = None, frames: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        colours = self.colours(palette(pixels, COLOURS) if palettes is None else palettes)
        edges = self.edges(frame(pixels) if frames is None else frames)
        x = self.first(pixels)
        pooled = mean_and_spread(x.float())
        for down, stage in zip(self.downs, self.stages, strict=True):
            x = stage(down(x))
            pooled += mean_and_spread(x.float())
        features = self.scale(torch.cat(pooled, 1))
        embedding = self.embed(F.dropout(features, 0.3, self.training))
        seen = [self.sometimes(colours, 0.75), self.sometimes(features, 0.7), self.sometimes(edges, 0.75)]
        style = self.style(torch.cat(seen, 1))
        return style / self.temperature[0], self.category(F.silu(embedding)) / self.temperature[1], embedding

    def sometimes(self, x: torch.Tensor, share: float) -> torch.Tensor:
        """While training, only `share` of the pictures keep what `x` says."""
        return x * (torch.rand(len(x), 1, device=x.device) < share) if self.training else x


def categories() -> list[str]:
    """The category classes, in the order of the logits."""
    return sorted({r["name"] for r in load()[1]})


def scramble(x: torch.Tensor) -> torch.Tensor:
    """Takes the colours away or mixes the channels; [b, 3, h, w], white stays white."""
    mix = torch.rand(x.shape[0], 3, 3, device=x.device) ** 3 + 1e-3
    grey = torch.rand(x.shape[0], 1, 1, device=x.device) < 0.5
    mix = torch.where(grey, mix[:, :1].expand(-1, 3, -1), mix)
    mix = mix / mix.sum(2, keepdim=True)
    return torch.einsum("bij,bjhw->bihw", mix, x)


def glyphs(x: torch.Tensor) -> torch.Tensor:
    """Redraws pictures [b, 3, h, w] in black on white: as dark parts, as lines, as a shape with lines cut out, or as
    both."""
    share = torch.rand(x.shape[0], 1, 1, 1, device=x.device)
    grey = x.mean(1, keepdim=True)
    lines = ((F.max_pool2d(x, 3, 1, 1) + F.max_pool2d(-x, 3, 1, 1)).amax(1, keepdim=True) > 0.3 + 0.6 * share).float()
    dark = (grey < share * 1.2 - 0.4).float()
    shape = (grey < 0.9).float()
    inner = -F.max_pool2d(-shape, 3, 1, 1)
    ways = torch.stack([dark, lines, (shape - lines * inner).clamp_min(0), (lines + dark).clamp_max(1)], 1)
    chosen = torch.randint(4, (len(x),), device=x.device)
    black = 1 - 2 * ways[torch.arange(len(x), device=x.device), chosen]
    return soften(black, 0.7 * torch.rand_like(share)).expand(-1, 3, -1, -1)


def soften(x: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Blends each picture with its blurred self."""
    return (1 - share) * x + share * F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def pasted(x: torch.Tensor, other: torch.Tensor, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Puts a square piece of `other` into `share` of the pictures; also tells which [b]."""
    b, _, height, width = x.shape
    side, top, left = (torch.rand(b, 1, 1, device=x.device) for _ in range(3))
    down = torch.arange(height, device=x.device)[None, :, None] - top * height
    right = torch.arange(width, device=x.device)[None, None] - left * width
    half = height / 8 + side * height / 4
    chosen = torch.rand(b, 1, 1, device=x.device) < share
    piece = (down.abs() < half) & (right.abs() < half) & chosen
    return torch.where(piece[:, None], other, x), chosen.flatten()


def roughen(x: torch.Tensor) -> torch.Tensor:
    """Slight blur on a third of the pictures, slight noise on a third: a judge must not judge by the grain."""

    def third() -> torch.Tensor:
        shape = (x.shape[0], 1, 1, 1)
        return (torch.rand(shape, device=x.device) < 1 / 3) * torch.rand(shape, device=x.device)

    return (soften(x, third()) + torch.randn_like(x) * 0.12 * third()).clamp(-1, 1)


def palettes(pixels: torch.Tensor, shift: float) -> torch.Tensor:
    """`palette` [n, 12³] of pictures whose colours are moved together and each by a little (`shift`, of a range of 2).

    Scattered pixel by pixel: for many pictures far quicker than the products that the exported graph is made of.
    """
    parts = []
    for x in pixels.split(128):
        together = torch.randn(len(x), 3, 1, 1, device=x.device) * shift
        each = torch.randn_like(x) * shift * (torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5)
        place = ((x + together + each).clamp(-1, 1).flatten(2) + 1) / 2 * (COLOURS - 1)
        low = place.floor().clamp(max=COLOURS - 2)
        share, low = place - low, low.long()
        found = torch.zeros(len(x), COLOURS**3, device=x.device)
        for corner in itertools.product((0, 1), repeat=3):
            weight = torch.stack([share[:, c] if up else 1 - share[:, c] for c, up in enumerate(corner)]).prod(0)
            bins = [low[:, c] + up for c, up in enumerate(corner)]
            found.scatter_add_(1, (bins[0] * COLOURS + bins[1]) * COLOURS + bins[2], weight)
        parts.append((found / place.shape[2]).clamp_min(1e-8).sqrt().half())
    return torch.cat(parts)


def beside(concepts: Pictures, held_out: Pictures, where: str) -> Pictures:
    """Every other drawing of the houses, without near-copies of what is held out."""
    looks, asides = Pictures(device=where, beside="looks"), Pictures(device=where, beside="asides")
    pixels, rows = torch.cat([looks.pixels, asides.pixels]), looks.rows + asides.rows
    keep = torch.ones(len(rows), dtype=torch.bool, device=where)
    for house in STYLES:
        ours = torch.tensor([i for i, r in enumerate(rows) if r["house"] == house], device=where)
        kept_away = held_out.pixels[[i for i, r in enumerate(held_out.rows) if r["house"] == house]]
        apart = torch.cdist(pixels[ours].flatten(1), kept_away.flatten(1)).amin(1) / 2 / pixels[0].numel() ** 0.5
        keep[ours] = apart >= NEAR_COPY
    concepts.pixels = torch.cat([concepts.pixels, pixels[keep]])
    concepts.rows += [r for r, kept in zip(rows, keep.tolist(), strict=True) if kept]
    return concepts


def labels(pictures: Pictures, names: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Style and category of each picture; the category is -1 where the name is no class."""
    number = {name: i for i, name in enumerate(names)}
    style = torch.tensor([STYLES.index(r["house"]) for r in pictures.rows])
    return style, torch.tensor([number.get(r["name"], -1) for r in pictures.rows])


@torch.no_grad()
def accuracy(model: Evaluator, pixels: torch.Tensor, style: torch.Tensor, category: torch.Tensor) -> dict[str, float]:
    """Returns the share of pictures whose style and category the evaluator gets right."""
    s, c, _ = model(pixels)
    top5 = (c.topk(5).indices == category[:, None]).any(1)
    return {
        "drawings": len(pixels),
        "style": round((s.argmax(1) == style).float().mean().item(), 4),
        "category_top1": round((c.argmax(1) == category).float().mean().item(), 4),
        "category_top5": round(top5.float().mean().item(), 4),
    }


def calibrate(model: Evaluator, pixels: torch.Tensor, style: torch.Tensor, category: torch.Tensor) -> None:
    """Temperature scaling (Guo et al. 2017) of both heads on held-out drawings."""
    model.temperature.fill_(1.0)
    with torch.no_grad():
        s, c, _ = model(pixels)
    for i, (logits, truth) in enumerate(((s, style), (c, category))):
        candidates = torch.logspace(-1, 1, 201)
        losses = torch.stack([F.cross_entropy(logits / t, truth) for t in candidates])
        model.temperature[i] = candidates[losses.argmin()]


def held_out_pictures(where: str = "cpu") -> Pictures:
    """Returns the drawings that the evaluator does not learn from."""
    return Pictures(lambda r: not r["evaluator"], where)


def load_evaluator(config: str = "small") -> tuple[Evaluator, dict[str, float]]:
    """The trained, calibrated evaluator and its held-out accuracy."""
    names = categories()
    others = len(torch.load(checkpoint("evaluator"), map_location="cpu", weights_only=True)["ema"]["other.bias"])
    model = trained(checkpoint("evaluator"), Evaluator(len(names), **CONFIGS[config][1], others=others))
    held_out = held_out_pictures()
    style, category = labels(held_out, names)
    calibrate(model, held_out.pixels, style, category)
    return model, accuracy(model, held_out.pixels, style, category)


def train(options: Options) -> None:
    """Trains the evaluator until its budget is spent, and keeps its held-out scores beside the checkpoint."""
    options.apply()
    settings, shape = CONFIGS[options.config]
    settings.minutes = options.minutes or settings.minutes
    where, names = device(), categories()
    held_out = held_out_pictures(where)
    concepts = Pictures(lambda r: r["evaluator"], where)
    known = len(concepts)
    pictures = beside(concepts, held_out, where)
    drawn = Counter(r["name"] for r in pictures.rows[known:])
    others = sorted(name for name, houses in drawn.items() if houses >= DRAWN_BY)
    model = Evaluator(len(names), **shape, others=len(others)).to(where, memory_format=torch.channels_last)
    trainer = Trainer(checkpoint("evaluator"), model, settings, where)
    style, category = (t.to(where) for t in labels(pictures, names + others))
    held_style, held_category = (t.to(where) for t in labels(held_out, names))
    shades = torch.stack([palettes(pictures.pixels, shift) for shift in (0.0, 0.01, 0.03, 0.05)])
    by_house = [np.flatnonzero((style[known:] == s).cpu().numpy()) + known for s in range(len(STYLES))]
    half = settings.batch // 2
    quarter = settings.batch // 4
    print(
        f"{len(pictures)} drawings, {known} of them of the {len(names)} concepts, {len(others)} other classes",
        flush=True,
    )

    def mirrored(chosen: torch.Tensor) -> torch.Tensor:
        x = pictures.pixels[chosen]
        return torch.where(torch.rand(len(x), 1, 1, 1, device=where) < 0.5, x, x.flip(3))

    def step(_: int) -> tuple[torch.Tensor, dict[str, float]]:
        look = [random.randrange(len(STYLES)) for _ in range(settings.batch - half)]
        even, another = (torch.tensor([random.choice(by_house[s]) for s in look], device=where) for _ in range(2))
        chosen = torch.cat([even, torch.randint(known, (half,), device=where)])
        still = mirrored(chosen)
        frames = frame(still)

        # Turning and zooming blur strokes, and strokes tell one house of black glyphs from the other: what teaches
        # looks hardly turns.
        def hardly(x: torch.Tensor) -> torch.Tensor:
            return jitter(x, degrees=4, zoom=0.04, shift=0.06)

        looks = torch.where(torch.rand(len(even), 1, 1, 1, device=where) < 0.5, still[:-half], hardly(still[:-half]))
        looks, pieced = pasted(looks, hardly(mirrored(another)), 0.3)
        x = torch.cat([looks, jitter(still[-half:], degrees=15, zoom=0.14, shift=0.07)])
        redrawn = x[-quarter:].chunk(2)
        x = roughen(torch.cat([x[:-quarter], scramble(redrawn[0]), glyphs(redrawn[1])])).to(
            memory_format=torch.channels_last
        )
        seen = shades[torch.randint(len(shades), (len(chosen),), device=where), chosen].float()
        with torch.autocast(where, torch.bfloat16, enabled=half_precision(where)):
            s, c, embedding = model(x, seen, frames)
            c = torch.cat([c, model.other(F.silu(embedding))], 1)
        named = category[chosen] >= 0
        named[: len(pieced)] &= ~pieced
        style_loss = F.cross_entropy(s[:-quarter].float(), style[chosen[:-quarter]], label_smoothing=0.05)
        category_loss = F.cross_entropy(c[named].float(), category[chosen[named]], label_smoothing=0.1)
        return 2 * style_loss + category_loss, {"style": style_loss.item(), "category": category_loss.item()}

    def check() -> dict[str, float]:
        with Averaged(trainer) as m:
            return accuracy(m, held_out.pixels, held_style, held_category)

    trainer.run(step, check)
    _, scores = load_evaluator(options.config)
    (WORK / "evaluator.json").write_text(json.dumps(scores))
