"""Batches of drawings as tensors in [-1, 1], and the augmentations every training shares."""

import math
import random
from collections.abc import Callable
from functools import cached_property

import torch
import torch.nn.functional as F

from .emoji import Row, load, load_beside


class Pictures:
    """The rendered set on one device: `pixels` float [n, 3, 64, 64] in [-1, 1], and its rows."""

    def __init__(
        self, keep: Callable[[Row], bool] | None = None, device: str = "cpu", beside: str | None = None
    ) -> None:
        images, rows = load_beside(beside) if beside else load()
        chosen = [i for i, row in enumerate(rows) if keep is None or keep(row)]
        self.rows = [rows[i] for i in chosen]
        self.pixels = (torch.from_numpy(images[chosen]).permute(0, 3, 1, 2).float() / 127.5 - 1).to(device)

    def even(self, count: int) -> list[int]:
        """`count` random drawings, every house as likely as any other."""
        houses = [random.choice(list(self.houses)) for _ in range(count)]
        return [random.choice(self.houses[house]) for house in houses]

    @cached_property
    def houses(self) -> dict[str, list[int]]:
        """The positions of each house's drawings."""
        found: dict[str, list[int]] = {}
        for i, row in enumerate(self.rows):
            found.setdefault(row["house"], []).append(i)
        return found

    def __len__(self) -> int:
        return len(self.rows)


def jitter(x: torch.Tensor, degrees: float, zoom: float, shift: float, flip: bool = False) -> torch.Tensor:
    """Random rotation (± degrees), zoom (± share) and shift (± share of the side) on white paper. [b, 3, h, w] in [-1,
    1].

    A third of the pictures is only moved by whole pixels, so that what learns from them also sees edges as sharp as
    they are.
    """
    b = x.shape[0]

    def uniform(scale: float) -> torch.Tensor:
        return (torch.rand(b, device=x.device) * 2 - 1) * scale

    angle, scale = uniform(math.radians(degrees)), 1 + uniform(zoom)
    mirror = torch.where(torch.rand(b, device=x.device) < 0.5, -1.0, 1.0) if flip else torch.ones(b, device=x.device)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack(
        [
            torch.stack([cos * mirror, -sin, uniform(2 * shift)], 1),
            torch.stack([sin * mirror, cos, uniform(2 * shift)], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    moved = 1 - F.grid_sample(1 - x, grid, align_corners=False, padding_mode="zeros")
    dy, dx = (int(d) for d in torch.randint(-4, 5, (2,)))
    sharp = F.pad(x, (4, 4, 4, 4), value=1.0)[..., 4 + dy : 4 + dy + x.shape[2], 4 + dx : 4 + dx + x.shape[3]]
    if flip and torch.rand(()) < 0.5:
        sharp = sharp.flip(3)
    return torch.where(torch.rand(b, 1, 1, 1, device=x.device) < 1 / 3, sharp, moved)
