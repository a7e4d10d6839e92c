"""Layers that the base CLIP's image tower is made of; the judges have their own."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Pre-activation residual block of two 3 × 3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


def moments(x: Tensor) -> list[Tensor]:
    """Mean and standard deviation of each channel over the map, two [b, c] in float32."""
    x = x.float()
    mean = x.mean((2, 3))
    return [mean, ((x * x).mean((2, 3)) - mean * mean).clamp_min(0).add(1e-4).sqrt()]


def histogram(pixels: Tensor, bins: int = 6) -> Tensor:
    """Square root of the joint colour histogram at a quarter of the size, softly binned: [b, bins³]."""
    centres = torch.linspace(-1, 1, bins, device=pixels.device)[None, :, None]
    small = F.avg_pool2d(pixels, 4)

    def near(c: int) -> Tensor:
        return (1 - (small[:, c].flatten(1)[:, None] - centres).abs() * (bins - 1) / 2).clamp_min(0)

    pairs = (near(0)[:, :, None] * near(1)[:, None]).flatten(1, 2)
    return (pairs @ near(2).transpose(1, 2) / pairs.shape[2]).flatten(1).clamp_min(1e-8).sqrt()


class Tower(nn.Module):
    """Pixels [b, 3, 128, 128] to features: the histogram, and the moments of every depth, beginning at half size."""

    fine = (12, 24)

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        a, b = self.fine
        self.first = nn.Sequential(nn.Conv2d(3, a, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(a), nn.SiLU())
        self.second = nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.SiLU())
        self.stem = nn.Conv2d(b + 192, widths[0], 3, padding=1)
        self.enter = nn.Conv2d(b, b, 2, stride=2)
        self.stages = nn.ModuleList(Block(w) for w in widths)
        self.downs = nn.ModuleList(nn.Conv2d(x, y, 2, stride=2) for x, y in pairwise(widths))
        self.features = 6**3 + 2 * (a + b + sum(widths))

    def forward(self, pixels: Tensor) -> Tensor:
        first = self.first(pixels)
        second = self.second(first)
        pooled = [histogram(pixels.float()), *moments(first), *moments(second)]
        x = self.stem(torch.cat([F.pixel_unshuffle(pixels, 8), self.enter(second)], 1))
        for i, stage in enumerate(self.stages):
            x = stage(self.downs[i - 1](x) if i else x)
            pooled += moments(x)
        return torch.cat(pooled, 1)
