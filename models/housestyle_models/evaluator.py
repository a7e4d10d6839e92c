"""The independent judge: which house drew it, and what it shows.

Own weights, own split (one or two drawings of every concept are held out, over all ten houses), nothing shared with what
guides generation. Each house's drawings of other names teach its look too: from the concepts alone the style of a held-out drawing
was found in 82 %. Colours are scrambled in three of eight pictures that teach the category, so that it learns shapes that even
the monochrome houses share; slight blur and noise keep it from judging a picture by its grain. Logits are calibrated on the
held-out drawings (one temperature a head), so that a gate's threshold is a probability.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

from .emoji import WORK
from .houses import HOUSES
from .pictures import Pictures, jitter
from .tower import Tower
from .training import Averaged, Config, Trainer, arguments, device, trained

STYLES = [h.name for h in HOUSES]
CONFIGS = {
    "small": (Config(minutes=60, batch=64, lr=2e-3, weight_decay=0.05, ema=0.998), dict(widths=(64, 128, 256), blocks=1)),
    "base": (Config(minutes=10, batch=256, lr=2e-3, weight_decay=0.05), dict(widths=(128, 256, 512), blocks=2)),
}
EMBED = 256


class Evaluator(nn.Module):
    """Pixels [b, 3, 64, 64] in [-1, 1] to `style_logits` [b, 10], `category_logits` [b, concepts], `embedding` [b, 256]."""

    def __init__(self, categories: int, widths: tuple[int, ...], blocks: int):
        super().__init__()
        self.tower = Tower(widths, blocks)
        self.norm = nn.BatchNorm1d(self.tower.features)
        self.embed = nn.Linear(self.tower.features, EMBED)
        self.style = nn.Linear(self.tower.features, len(STYLES))
        self.category = nn.Linear(EMBED, categories)
        self.register_buffer("temperature", torch.ones(2))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        features = self.norm(self.tower(pixels))
        embedding = self.embed(F.dropout(features, 0.3, self.training))
        category = self.category(F.silu(embedding))
        return self.style(features) / self.temperature[0], category / self.temperature[1], embedding


def categories() -> list[str]:
    """The category classes, in the order of the logits."""
    from .emoji import load

    return sorted({r["name"] for r in load()[1]})


def scramble(x: torch.Tensor) -> torch.Tensor:
    """Takes the colours away or mixes the channels; [b, 3, h, w], white stays white."""
    mix = torch.rand(x.shape[0], 3, 3, device=x.device) ** 3 + 1e-3
    grey = torch.rand(x.shape[0], 1, 1, device=x.device) < 0.5
    mix = torch.where(grey, mix[:, :1].expand(-1, 3, -1), mix)
    mix = mix / mix.sum(2, keepdim=True)
    return torch.einsum("bij,bjhw->bihw", mix, x)


def roughen(x: torch.Tensor) -> torch.Tensor:
    """Slight blur on a third of the pictures, slight noise on a third."""
    b = x.shape[0]
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.rand(b, 1, 1, 1, device=x.device) * (torch.rand(b, 1, 1, 1, device=x.device) < 0.33)
    noise = torch.randn_like(x) * 0.12 * torch.rand(b, 1, 1, 1, device=x.device)
    noise = noise * (torch.rand(b, 1, 1, 1, device=x.device) < 0.33)
    return ((1 - share) * x + share * soft + noise).clamp(-1, 1)


def labels(pictures: Pictures, names: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    style = torch.tensor([STYLES.index(r["house"]) for r in pictures.rows])
    category = torch.tensor([names.index(r["name"]) for r in pictures.rows])
    return style, category


@torch.no_grad()
def accuracy(model: Evaluator, pixels: torch.Tensor, style: torch.Tensor, category: torch.Tensor) -> dict[str, float]:
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
    return Pictures(lambda r: not r["evaluator"], where)


def load_evaluator(config: str = "small") -> tuple[Evaluator, dict[str, float]]:
    """The trained, calibrated evaluator and its held-out accuracy."""
    names = categories()
    model = trained("evaluator", Evaluator(len(names), **CONFIGS[config][1]))
    held_out = held_out_pictures()
    style, category = labels(held_out, names)
    calibrate(model, held_out.pixels, style, category)
    return model, accuracy(model, held_out.pixels, style, category)


def main() -> None:
    args = arguments(__doc__)
    settings, shape = CONFIGS[args.config]
    settings.minutes = args.minutes or settings.minutes
    where, names = device(), categories()
    model = Evaluator(len(names), **shape).to(where, memory_format=torch.channels_last)
    trainer = Trainer("evaluator", model, settings, where)
    pictures, held_out = Pictures(lambda r: r["evaluator"], where), held_out_pictures(where)
    looks = Pictures(device=where, looks=True)
    looks_style = torch.tensor([STYLES.index(r["house"]) for r in looks.rows], device=where)
    style, category = (t.to(where) for t in labels(pictures, names))
    held_style, held_category = (t.to(where) for t in labels(held_out, names))

    def step(_: int):
        chosen = torch.randint(len(pictures), (settings.batch,), device=where)
        x = jitter(pictures.pixels[chosen], degrees=20, zoom=0.18, shift=0.08, flip=True)
        x = roughen(x)
        plain = settings.batch * 5 // 8
        others = looks.even(settings.batch // 2)
        other = roughen(jitter(looks.pixels[others], degrees=12, zoom=0.1, shift=0.06, flip=True))
        x = torch.cat([other, x[:plain], scramble(x[plain:])]).to(memory_format=torch.channels_last)
        s, c, _ = model(x)
        house = torch.cat([looks_style[others], style[chosen[:plain]]])
        style_loss = F.cross_entropy(s[: len(house)], house, label_smoothing=0.05)
        category_loss = F.cross_entropy(c[len(others) :], category[chosen], label_smoothing=0.1)
        return style_loss + category_loss, {"style": style_loss.item(), "category": category_loss.item()}

    def check() -> dict[str, float]:
        with Averaged(trainer) as m:
            return accuracy(m, held_out.pixels, held_style, held_category)

    trainer.run(step, check)
    _, scores = load_evaluator(args.config)
    (WORK / "evaluator.json").write_text(json.dumps(scores))


if __name__ == "__main__":
    main()
