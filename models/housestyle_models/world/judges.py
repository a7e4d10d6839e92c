"""Two judges of style and thing: one gates drawing, the other reports. They share no drawing, no layer and no
augmentation.

Each learns from its own half of the training drawings (and of the looks' versions of them). Judge a is a residual
network of plain convolutions with pooled means and spreads and a palette; judge b mixes space by wide depthwise
convolutions, and pools by attention and by the products of its features. Each answers with the style (the seen emoji
houses; an unknown look shows in `embedding`), the thing, and an embedding whose first half is style and second half the
thing. While training, every family and look is a style class too, so that the style half tells looks apart that were
never seen. The threshold of the open answer and the temperatures come from calibration cells.
"""

from collections import Counter
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .drawings import Cell
from .houses import SEEN_EMOJI
from .pictures import Pictures, mirrored, shifted, warped
from .places import WORK
from .seen import summary
from .splits import read
from .training import Settings, Trainer, checkpoint, half, write_whole

STYLES = tuple(h.name for h in SEEN_EMOJI)
EMBED = 128
DRAWN_BY = 3
"""A name is a category of a judge where its half has so many drawings of it, looks not counted."""
REJECTED = 0.05
"""The share of known drawings that the open-set threshold turns away."""


class PlainBlock(nn.Module):
    """Two 3 × 3 convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def mean_and_spread(x: Tensor) -> list[Tensor]:
    """Mean and standard deviation over the map."""
    mean = x.mean((2, 3))
    return [mean, ((x * x).mean((2, 3)) - mean * mean).clamp_min(0).add(1e-4).sqrt()]


def palette(pixels: Tensor, colours: int = 8) -> Tensor:
    """Square root of the joint colour histogram, softly binned: [b, 3, h, w] in [-1, 1] to [b, colours³]."""
    centres = torch.linspace(-1, 1, colours, device=pixels.device)[None, :, None]
    small = F.avg_pool2d(pixels, 2)
    red, green, blue = (
        (1 - (small[:, c].flatten(1)[:, None] - centres).abs() * (colours - 1) / 2).clamp_min(0) for c in range(3)
    )
    pairs = (red[:, :, None] * green[:, None]).flatten(1, 2)
    return (pairs @ blue.transpose(1, 2) / red.shape[2]).flatten(1).clamp_min(1e-8).sqrt()


class TrunkA(nn.Module):
    """Plain residual stages; the pooled means and spreads of all of them, and the palette."""

    widths = (24, 48, 96, 160, 224)

    def __init__(self) -> None:
        super().__init__()
        a = self.widths
        self.first = nn.Conv2d(12, a[0], 3, padding=1)
        self.downs = nn.ModuleList(nn.Conv2d(x, y, 2, stride=2) for x, y in pairwise(a))
        self.stages = nn.ModuleList(PlainBlock(w) for w in a[1:])
        self.colours = nn.Sequential(nn.Linear(512, 96), nn.BatchNorm1d(96), nn.ReLU())
        self.style_features, self.thing_features = 2 * sum(a) + 96, 2 * (a[-1] + a[-2])

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(F.pixel_unshuffle(pixels, 2))
        pooled = mean_and_spread(x.float())
        for down, stage in zip(self.downs, self.stages, strict=True):
            x = stage(down(x))
            pooled += mean_and_spread(x.float())
        return torch.cat([*pooled, self.colours(palette(pixels))], 1), torch.cat(pooled[-4:], 1)


class WideBlock(nn.Module):
    """A 5 × 5 depthwise convolution, then a two-layer network at each place, beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.mix = nn.Sequential(nn.Conv2d(width, 3 * width, 1), nn.GELU(), nn.Conv2d(3 * width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.norm(self.space(x)))


class TrunkB(nn.Module):
    """Depthwise stages; style from the products of features (Gram), the thing by attention pooling."""

    widths = (40, 80, 160, 240)
    inner = 24

    def __init__(self) -> None:
        super().__init__()
        a = self.widths
        self.first = nn.Sequential(nn.Conv2d(3, a[0], 4, stride=4), nn.GroupNorm(1, a[0]))
        self.fine = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.GELU(), nn.Conv2d(16, self.inner, 3, padding=1), nn.GELU()
        )
        self.downs = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(1, x), nn.Conv2d(x, y, 2, stride=2)) for x, y in pairwise(a)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(WideBlock(w) for _ in range(n))) for w, n in zip(a, (1, 1, 3, 1), strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(w, self.inner, 1) for w in a[:3])
        self.asks = nn.Conv2d(a[-1], 6, 1)
        gram = self.inner * (self.inner + 1) // 2
        self.style_features, self.thing_features = 4 * gram + 2 * a[-1], 6 * a[-1]
        self.register_buffer(
            "upper",
            torch.triu_indices(self.inner, self.inner)[0] * self.inner + torch.triu_indices(self.inner, self.inner)[1],
        )

    def gram(self, x: Tensor) -> Tensor:
        flat = x.float().flatten(2)
        return (flat @ flat.transpose(1, 2) / flat.shape[2]).flatten(1)[:, self.upper]

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(pixels)
        grams = [self.gram(self.fine(pixels))]
        for i, stage in enumerate(self.stages):
            x = stage(self.downs[i - 1](x) if i else x)
            if i < 3:
                grams.append(self.gram(self.narrow[i](x)))
        weights = self.asks(x).float().flatten(2).softmax(2)
        thing = (weights @ x.float().flatten(2).transpose(1, 2)).flatten(1)
        return torch.cat([*grams, *mean_and_spread(x.float())], 1), thing


class Judge(nn.Module):
    """Pixels [b, 3, 128, 128] in [-1, 1] to `style_logits` [b, 7], `category_logits` [b, names], `embedding` [b,
    256]."""

    def __init__(self, trunk: nn.Module, styles: int, categories: int, others: int = 0) -> None:
        super().__init__()
        self.trunk, self.categories = trunk, categories
        self.style_norm = nn.BatchNorm1d(trunk.style_features)
        self.style_embed = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(trunk.style_features, 256), nn.SiLU(), nn.Dropout(0.2), nn.Linear(256, EMBED)
        )
        self.thing_norm = nn.BatchNorm1d(trunk.thing_features)
        self.thing_embed = nn.Sequential(nn.Dropout(0.2), nn.Linear(trunk.thing_features, EMBED))
        self.style = nn.Linear(EMBED, styles, bias=False)
        self.category = nn.Linear(EMBED, categories + others)
        self.register_buffer("temperature", torch.ones(2))

    def scores(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of every style class of the training (cosines, sharpened), of every category, and the embedding."""
        style, thing = self.trunk(pixels)
        style = F.normalize(self.style_embed(self.style_norm(style.float())), dim=1)
        thing = self.thing_embed(self.thing_norm(thing.float()))
        logits = 16 * style @ F.normalize(self.style.weight, dim=1).T
        return logits, self.category(F.silu(thing)), torch.cat([style, F.normalize(thing, dim=1)], 1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        style, category, embedding = self.scores(pixels)
        category = category[:, : self.categories] / self.temperature[1]
        return style[:, : len(STYLES)] / self.temperature[0], category, embedding


def grain(x: Tensor) -> Tensor:
    """Judge a's roughening: slight blur on some pictures, slight noise on some."""

    def some() -> Tensor:
        return (torch.rand(len(x), 1, 1, 1, device=x.device) < 0.35) * torch.rand(len(x), 1, 1, 1, device=x.device)

    share = some()
    soft = (1 - share) * x + share * F.avg_pool2d(F.pad(x, (1,) * 4, mode="replicate"), 3, stride=1)
    return (soft + torch.randn_like(x) * 0.1 * some()).clamp(-1, 1)


def augmented_a(x: Tensor) -> Tensor:
    """Judge a: small turns and zooms on half, whole-pixel moves on the rest, blur and noise."""
    moved = warped(mirrored(x), 8, 0.08, 0.04)
    return grain(torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, moved, shifted(mirrored(x), 5)))


def augmented_b(x: Tensor) -> Tensor:
    """Judge b: moves, a smaller copy enlarged again, erased squares, a little contrast."""
    x = shifted(mirrored(x), 8)
    coarse = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear", align_corners=False)
    share = (torch.rand(len(x), 1, 1, 1, device=x.device) < 0.3) * torch.rand(len(x), 1, 1, 1, device=x.device) * 0.7
    x = x + (coarse - x) * share
    x = x * (1 + 0.08 * torch.randn(len(x), 1, 1, 1, device=x.device)) + 0.03 * torch.randn(
        len(x), 3, 1, 1, device=x.device
    )
    top, left, size = (torch.rand(len(x), 1, 1, device=x.device) for _ in range(3))
    place = torch.linspace(0, 1, x.shape[2], device=x.device)
    hole = ((place[None, :, None] - top).abs() < 0.05 + 0.12 * size) & (
        (place[None, None] - left).abs() < 0.05 + 0.12 * size
    )
    hole = hole & (torch.rand(len(x), 1, 1, device=x.device) < 0.4)
    return torch.where(hole[:, None], x.mean((1, 2, 3), keepdim=True), x).clamp(-1, 1)


KINDS = {"a": (TrunkA, augmented_a), "b": (TrunkB, augmented_b)}


def style_classes(cells: list[Cell]) -> list[str]:
    """The style classes of a training, the seen emoji houses first."""
    return [*STYLES, *sorted({c.style for c in cells} - set(STYLES))]


def categories() -> list[str]:
    """The things both judges name: those that each half draws often enough, and every held-out name."""
    splits = read()
    from .drawings import load

    halves: dict[str, Counter] = {"a": Counter(), "b": Counter()}
    emoji = set(STYLES)
    for cell in load("real").cells:
        if cell.house in emoji and splits.trains(cell):
            halves[splits.judge(cell)][cell.name] += 1
    named = {n for names in splits.plain["held_out"].values() for n in names}
    enough = {n for n, k in halves["a"].items() if k >= DRAWN_BY and halves["b"][n] >= DRAWN_BY}
    return sorted(n for n in enough | named if halves["a"][n] and halves["b"][n])


def build(which: str, styles: int, names: int, others: int) -> Judge:
    """An untrained judge; `others` are names that are categories while it trains and not in its answers."""
    return Judge(KINDS[which][0](), styles, names, others)


@torch.no_grad()
def answers(judge: Judge, pictures: Pictures) -> tuple[Tensor, Tensor, Tensor]:
    """The judge's three outputs for all pictures."""
    parts = [judge(x) for x in pictures.all()]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def known(kind: str, where: str) -> Pictures:
    """The held-out cells of seen houses of one kind."""
    cells = set(read().held_out[kind])
    return Pictures(lambda c: c in cells, where, ("real",))


def unknown(kind: str, where: str) -> Pictures:
    """The unseen brands' drawings of the names of one kind."""
    splits = read()
    names, brands = set(splits.plain["held_out"][kind]), set(splits.plain["unseen"])
    return Pictures(lambda c: c.house in brands and c.name in names, where, ("real",))


def accuracy(judge: Judge, pictures: Pictures, names: list[str]) -> dict[str, float]:
    """Style and thing of drawings of seen houses: shares that are right."""
    style, category, _ = answers(judge, pictures)
    truth = torch.tensor([STYLES.index(c.house) for c in pictures.cells], device=style.device)
    place = {name: i for i, name in enumerate(names)}
    named = torch.tensor([place.get(c.name, -1) for c in pictures.cells], device=style.device)
    right = category.topk(5).indices == named[:, None]

    def share(x: Tensor) -> float:
        return x[named >= 0].float().mean().item()

    return {
        "style": (style.argmax(1) == truth).float().mean().item(),
        "top1": share(right[:, 0]),
        "top5": share(right.any(1)),
    }


def prototypes(judge: Judge, references: Pictures, tests: Pictures) -> float:
    """How often the nearest mean of a house's reference drawings is the right one, by the style half of the
    embedding."""
    reference, test = (answers(judge, p)[2][:, :EMBED] for p in (references, tests))
    houses = sorted({c.house for c in references.cells})

    def rows(house: str) -> list[int]:
        return [i for i, c in enumerate(references.cells) if c.house == house][:16]

    means = F.normalize(torch.stack([reference[rows(house)].mean(0) for house in houses]), dim=1)
    found = (test @ means.T).argmax(1).tolist()
    return sum(houses[i] == c.house for i, c in zip(found, tests.cells, strict=True)) / len(found)


def train(which: str, settings: Settings, where: str) -> None:
    """Trains judge a or b, or goes on; when the budget is spent it is calibrated, and its checkpoint says how."""
    splits = read()
    pictures = Pictures(lambda c: splits.trains(c) and splits.judge(c) == which, where)
    classes, names = style_classes(pictures.cells), categories()
    drawn = Counter(c.name for c in pictures.cells if not c.look and c.house in STYLES)
    extra = sorted(n for n, k in drawn.items() if k >= DRAWN_BY - 1 and n not in set(names))
    place = {name: i for i, name in enumerate([*names, *extra])}
    style_of = torch.tensor([classes.index(c.style) for c in pictures.cells], device=where)
    named = torch.tensor([place.get(c.name, -1) for c in pictures.cells], device=where)
    plain = torch.tensor([i for i, c in enumerate(pictures.cells) if not c.look and c.house in STYLES], device=where)
    others = torch.tensor([i for i, c in enumerate(pictures.cells) if c.look or c.house not in STYLES], device=where)
    judge = build(which, len(classes), len(names), len(extra))
    trainer = Trainer(f"judge_{which}", judge, settings, where, summary(pictures.digests))
    trainer.extra |= {"styles": classes, "categories": names, "others": extra}
    scored = Scores(trainer.model)
    if settings.compiled:
        scored = torch.compile(scored)
    kept, brands, references = known("kept", where), unknown("kept", where), known("reference", where)
    both = Pictures(lambda c: c in set(references.cells) | set(unknown_cells("reference")), where, ("real",))
    augmented = KINDS[which][1]

    def step(_: nn.Module) -> tuple[Tensor, dict]:
        own = settings.batch // 2
        rows = torch.cat(
            [
                plain[torch.randint(len(plain), (own,), device=where)],
                others[torch.randint(len(others), (settings.batch - own,), device=where)],
            ]
        )
        x = augmented(pictures.take(rows))
        with half(where):
            style, category, _ = scored(x)
        truth, thing = style_of[rows], named[rows]
        style_loss = F.cross_entropy(style.float(), truth, label_smoothing=0.02)
        thing_loss = F.cross_entropy(category.float()[thing >= 0], thing[thing >= 0], label_smoothing=0.1)
        right = (style.argmax(1) == truth).float().mean()
        return style_loss + thing_loss, {
            "style_loss": style_loss.detach(),
            "thing_loss": thing_loss.detach(),
            "style_right": right,
        }

    def evaluate(model: nn.Module) -> dict[str, float]:
        found = accuracy(model, kept, names)
        return found | {"unseen_brands_by_references": prototypes(model, both, brands)}

    trainer.run(step, evaluate)
    calibrate(which, where)


class Scores(nn.Module):
    """`Judge.scores` as a module's forward, so that it can be compiled."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.judge.scores(pixels)


def unknown_cells(kind: str) -> list[Cell]:
    """The unseen brands' cells of the names of one kind (whether drawn or not)."""
    splits = read()
    return [Cell(h, n) for h in splits.plain["unseen"] for n in splits.plain["held_out"][kind]]


def load_judge(which: str) -> tuple[Judge, dict]:
    """A trained judge and what its checkpoint says beside the weights."""
    state = checkpoint(f"judge_{which}")
    extra = state["extra"]
    judge = build(which, len(extra["styles"]), len(extra["categories"]), len(extra["others"]))
    judge.load_state_dict(state["average"])
    if "temperature" in extra:
        judge.temperature.copy_(torch.tensor(extra["temperature"]))
    return judge.eval(), extra


@torch.no_grad()
def calibrate(which: str, where: str) -> None:
    """Fits the temperatures and the open-set threshold on calibration cells and writes them into the checkpoint.

    The open-set answer is by the largest softmax probability of a known house among all style classes of the training:
    where it lies under the threshold, the picture is in none of the known houses' styles. The threshold turns away
    `REJECTED` of the known drawings; how much of the unseen brands' drawings it turns away is recorded beside it.
    """
    judge, extra = load_judge(which)
    judge.to(where).temperature.fill_(1.0)
    cells, brands = known("calibration", where), unknown("calibration", where)

    def logits(pictures: Pictures) -> Tensor:
        return torch.cat([judge.scores(x)[0] for x in pictures.all()])

    style, category = logits(cells), answers(judge, cells)[1]
    truth = torch.tensor([STYLES.index(c.house) for c in cells.cells], device=where)
    place = {name: i for i, name in enumerate(extra["categories"])}
    thing = torch.tensor([place.get(c.name, -1) for c in cells.cells], device=where)
    fitted = []
    for scores, labels in ((style[:, : len(STYLES)], truth), (category[thing >= 0], thing[thing >= 0])):
        candidates = torch.logspace(-1, 1, 201).tolist()
        fitted.append(min(candidates, key=lambda t: F.cross_entropy(scores / t, labels).item()))

    def certainty(s: Tensor) -> Tensor:
        return s.softmax(1)[:, : len(STYLES)].amax(1)

    threshold = certainty(style).quantile(REJECTED).item()
    state = checkpoint(f"judge_{which}")
    state["extra"] |= {
        "temperature": fitted,
        "open_set": {
            "score": "largest probability of a known house among all style classes of the training",
            "threshold": threshold,
            "known_rejected": REJECTED,
            "unseen_brands_rejected": (certainty(logits(brands)) < threshold).float().mean().item(),
            "calibration_drawings": len(cells),
        },
    }
    write_whole(WORK / f"judge_{which}.pt", state)
    print(f"judge_{which}", state["extra"]["open_set"], fitted, flush=True)
