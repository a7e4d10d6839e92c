"""Batches of drawings: the stores as tensors on the training device, chosen by a rule, and moves that several parts
share."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .drawings import Cell, load
from .vector import SIZE


class Pictures:
    """The pictures that `keep` chooses from the stores, in [-1, 1] when taken.

    On a GPU they lie in its memory as bytes; on a CPU they stay in the mapped files, which processes share.
    """

    def __init__(self, keep: Callable[[Cell], bool], where: str, kinds: tuple[str, ...] = ("real", "looks")) -> None:
        stores = [load(kind) for kind in kinds]
        rows = [np.array([i for i, cell in enumerate(store.cells) if keep(cell)], np.int64) for store in stores]
        self.where = where
        self.cells = [store.cells[i] for store, chosen in zip(stores, rows, strict=True) for i in chosen]
        self.digests = [store.digests[i] for store, chosen in zip(stores, rows, strict=True) for i in chosen]
        self.files = [store.pixels for store in stores]
        self.file = np.repeat(np.arange(len(stores)), [len(chosen) for chosen in rows])
        self.row = np.concatenate(rows)
        self.pixels = None if where == "cpu" else self.read(np.arange(len(self))).to(where)

    def read(self, chosen: np.ndarray) -> Tensor:
        """Pictures from the files, uint8 [b, 3, 128, 128]."""
        found = np.empty((len(chosen), SIZE, SIZE, 3), np.uint8)
        for number, file in enumerate(self.files):
            here = self.file[chosen] == number
            found[here] = file[self.row[chosen[here]]]
        return torch.from_numpy(found).permute(0, 3, 1, 2)

    def __len__(self) -> int:
        return len(self.cells)

    def take(self, rows: Tensor | list[int]) -> Tensor:
        """Pictures as float [b, 3, 128, 128] in [-1, 1]."""
        if self.pixels is None:
            some = self.read(torch.as_tensor(rows).numpy())
        else:
            some = self.pixels[torch.as_tensor(rows, device=self.where)]
        return some.float().contiguous().div(127.5).sub(1)

    def all(self, batch: int = 64) -> Iterator[Tensor]:
        """All pictures, batch after batch."""
        for start in range(0, len(self), batch):
            yield self.take(torch.arange(start, min(start + batch, len(self))))


def mirrored(x: Tensor) -> Tensor:
    """Half of the pictures mirrored."""
    return torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, x, x.flip(3))


def shifted(x: Tensor, most: int) -> Tensor:
    """Each picture moved by whole pixels, up to `most`; its own edge is repeated."""
    b, c, h, w = x.shape
    padded = F.pad(x, (most,) * 4, mode="replicate")
    dy, dx = (torch.randint(0, 2 * most + 1, (b,), device=x.device) for _ in range(2))
    rows = (dy[:, None] + torch.arange(h, device=x.device))[:, None, :, None]
    columns = (dx[:, None] + torch.arange(w, device=x.device))[:, None, None, :]
    batch = torch.arange(b, device=x.device)[:, None, None, None]
    return padded[batch, torch.arange(c, device=x.device)[None, :, None, None], rows, columns]


def warped(x: Tensor, degrees: float, zoom: float, shift: float) -> Tensor:
    """Random turn (± degrees), zoom and shift (± shares); the edge is repeated."""
    b = len(x)

    def uniform(most: float) -> Tensor:
        return (torch.rand(b, device=x.device) * 2 - 1) * most

    angle, scale = uniform(degrees * torch.pi / 180), 1 + uniform(zoom)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack(
        [torch.stack([cos, -sin, uniform(2 * shift)], 1), torch.stack([sin, cos, uniform(2 * shift)], 1)], 1
    )
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False, padding_mode="border")
