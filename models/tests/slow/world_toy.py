"""A toy pack for rehearsals: every house draws a few of the committed splits' names as simple shapes."""

import json
import lzma
import zlib
from pathlib import Path

from housestyle_models.world.houses import HOUSES
from housestyle_models.world.splits import read


def body(house: str, name: str) -> str:
    """A shape and a mark whose colours and place depend on house and name."""
    number = zlib.crc32(f"{house}/{name}".encode())
    ink, fill = f"#{number & 0x7F7F7F:06x}", f"#{(number >> 8) & 0xFFFFFF:06x}"
    x, y, r = 10 + number % 12, 10 + (number >> 4) % 12, 5 + (number >> 8) % 4
    blend = '<linearGradient id="a"><stop stop-color="#fff"/><stop offset="1" stop-color="{}"/></linearGradient>'
    width = 4 + number % 9
    shapes = [
        f"<defs>{blend.format(fill)}</defs>",
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"/>',
        f'<path d="M2 2h{width}v9z" fill="{ink}"/>',
        '<g transform="scale(.5)"><rect x="40" y="40" width="12" height="9" fill="url(#a)"/></g>',
    ]
    return "".join(shapes)


def write_pack(path: Path, a_kind: int = 3) -> None:
    """Writes a pack of `a_kind` names of each kind of held-out names, and some that are only trained on."""
    names = [n for held in read().plain["held_out"].values() for n in sorted(held)[:a_kind]]
    names += ["toy-one", "toy-two", "toy-three", "toy-four"]
    pack = {house.name: {name: [body(house.name, name), 0, 0, 32, 32] for name in names} for house in HOUSES}
    path.write_bytes(lzma.compress(json.dumps(pack).encode(), preset=1))
