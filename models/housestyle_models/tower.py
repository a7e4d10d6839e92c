"""The convolutional tower under the base CLIP's image encoder; the evaluator shares its kinds of layers, never its
weights.

It pools the mean and the spread of its features at every depth, beginning with a narrow branch at full resolution:
outlines, gradients and flatness live there, what is drawn in the deep ones. Beside them stands the palette, a plain
colour histogram: a house draws from its own set of colours, and alone, under a linear probe, the histogram tells 83 %
of held-out drawings' houses. (Pooling the last layer alone is how an image tower forgets style: held-out accuracy
stayed near 50 %.)
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Pre-activation residual block of two 3 × 3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


class Fine(nn.Module):
    """The narrow branch: [b, 3, 64, 64] to maps of 16 channels at 64 × 64 and of 24 at 32 × 32."""

    widths = (16, 24)

    def __init__(self) -> None:
        super().__init__()
        a, b = self.widths
        self.first = nn.Sequential(nn.Conv2d(3, a, 3, padding=1, bias=False), nn.BatchNorm2d(a), nn.SiLU())
        self.second = nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.SiLU())

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first = self.first(pixels)
        return first, self.second(first)


COLOURS = 8


def palette(pixels: torch.Tensor, colours: int = COLOURS) -> torch.Tensor:
    """Square root of the joint colour histogram, `colours` soft bins a channel: [b, 3, h, w] in [-1, 1] to [b,
    colours³]."""
    centres = torch.linspace(-1, 1, colours, device=pixels.device)[None, :, None]
    red, green, blue = (
        (1 - (pixels[:, c].flatten(1)[:, None] - centres).abs() * (colours - 1) / 2).clamp_min(0) for c in range(3)
    )
    pairs = (red[:, :, None] * green[:, None]).flatten(1, 2)
    return (pairs @ blue.transpose(1, 2) / red.shape[2]).flatten(1).clamp_min(1e-8).sqrt()


def mean_and_spread(x: torch.Tensor) -> list[torch.Tensor]:
    """Mean and standard deviation over the map, two [b, c]."""
    mean = x.mean(dim=(2, 3))
    spread = ((x * x).mean(dim=(2, 3)) - mean * mean).clamp_min(0).add(1e-4).sqrt()
    return [mean, spread]


class Tower(nn.Module):
    """Pixels [b, 3, 64, 64] in [-1, 1] to features [b, 512 + 2 · (40 + sum(widths))]."""

    def __init__(self, widths: tuple[int, ...], blocks: int = 1) -> None:
        super().__init__()
        self.fine = Fine()
        self.stem = nn.Conv2d(48, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(blocks))) for w in widths)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.features = COLOURS**3 + 2 * (sum(Fine.widths) + sum(widths))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        pooled = [palette(pixels), *(value for level in self.fine(pixels) for value in mean_and_spread(level))]
        x = self.stem(F.pixel_unshuffle(pixels, 4))
        for i, stage in enumerate(self.stages):
            if i:
                x = self.downs[i - 1](x)
            x = stage(x)
            pooled += mean_and_spread(x)
        return torch.cat(pooled, 1)
