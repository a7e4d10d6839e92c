"""The houses and icon families: package, pinned version, licence, look attributes, and which are never trained on.

An attribute has several wordings; captions draw one of them, and never a house's name. Permissive licences only:
share-alike and non-commercial families are not listed here, so no weight can learn from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PERMISSIVE = frozenset({"Apache-2.0", "MIT", "CC-BY-4.0", "CC0-1.0", "ISC"})


@dataclass(frozen=True)
class House:
    """One source of drawings: an `@iconify-json` package, or those of its icons whose name ends in `suffix`."""

    name: str
    package: str
    version: str
    licence: str
    attributes: tuple[str, ...]
    emoji: bool = True
    unseen: bool = False
    suffix: str = ""
    without: tuple[str, ...] = ()
    """Icons with one of these suffixes belong to another look of the package."""


def _emoji(name: str, version: str, licence: str, *attributes: str, unseen: bool = False) -> House:
    return House(name, name, version, licence, attributes, unseen=unseen)


def _icons(
    name: str, package: str, version: str, licence: str, *attributes: str, suffix: str = "", without: Sequence[str] = ()
) -> House:
    return House(name, package, version, licence, attributes, emoji=False, suffix=suffix, without=tuple(without))


SOLAR = ("-bold-duotone", "-line-duotone", "-broken", "-outline", "-linear", "-bold")

HOUSES = (
    _emoji("noto", "1.2.9", "Apache-2.0", "shaded flat", "warm", "subtle gradients", "fine detail"),
    _emoji("fluent-emoji", "1.2.7", "MIT", "glossy", "three dimensional", "smooth gradients", "soft light"),
    _emoji("fluent-emoji-flat", "1.2.6", "MIT", "flat", "bright", "geometric", "no gradients"),
    _emoji("fluent-emoji-high-contrast", "1.2.6", "MIT", "solid black", "glyph", "cut out"),
    _emoji("twemoji", "1.2.5", "CC-BY-4.0", "bold flat", "saturated", "few details"),
    _emoji("emojione", "1.2.3", "CC-BY-4.0", "muted flat", "calm", "even tones"),
    _emoji("emojione-monotone", "1.2.1", "CC-BY-4.0", "thin black line", "line drawing", "open shapes"),
    _emoji("noto-v1", "1.2.5", "Apache-2.0", "blob", "soft shading", "rounded", unseen=True),
    _emoji("streamline-emojis", "1.2.4", "CC-BY-4.0", "dark contour", "pale fill", "cartoon", unseen=True),
    _emoji("fxemoji", "1.2.2", "Apache-2.0", "soft flat", "no outline", "pastel tones", unseen=True),
    _icons("flat-color-icons", "flat-color-icons", "1.2.3", "MIT", "flat", "office colours", "geometric"),
    _icons("fluent-color", "fluent-color", "1.2.21", "MIT", "rounded", "smooth gradients", "bright"),
    _icons("kameleon", "streamline-kameleon-color", "1.2.2", "CC-BY-4.0", "flat", "round badge", without=["-duo"]),
    _icons("kameleon-duo", "streamline-kameleon-color", "1.2.2", "CC-BY-4.0", "flat", "two blues", suffix="-duo"),
    _icons(
        "ultimate", "streamline-ultimate-color", "1.2.2", "CC-BY-4.0", "thin dark outline", "pale fill", "fine detail"
    ),
    _icons("freehand", "streamline-freehand-color", "1.2.2", "CC-BY-4.0", "sketched", "uneven line"),
    _icons("cyber", "streamline-cyber-color", "1.2.2", "CC-BY-4.0", "pixel corners", "thin dark outline"),
    _icons(
        "plump",
        "streamline-plump-color",
        "1.2.2",
        "CC-BY-4.0",
        "thick blue outline",
        "pale fill",
        "rounded",
        without=["-flat"],
    ),
    _icons(
        "plump-flat", "streamline-plump-color", "1.2.2", "CC-BY-4.0", "flat", "two blues", "rounded", suffix="-flat"
    ),
    _icons("stickies", "streamline-stickies-color", "1.2.2", "CC-BY-4.0", "cartoon", "candy colours", without=["-duo"]),
    _icons("marketeq", "marketeq", "1.2.2", "MIT", "line drawing", "two coloured lines"),
    _icons("solar-duotone", "solar", "1.2.13", "CC-BY-4.0", "glyph", "two greys", "rounded", suffix="-bold-duotone"),
    _icons("solar-broken", "solar", "1.2.13", "CC-BY-4.0", "thin black line", "broken line", suffix="-broken"),
    _icons("solar-linear", "solar", "1.2.13", "CC-BY-4.0", "thin black line", "open shapes", suffix="-linear"),
    _icons("solar-bold", "solar", "1.2.13", "CC-BY-4.0", "solid black", "glyph", "rounded", suffix="-bold"),
)

BY_NAME = {h.name: h for h in HOUSES}
EMOJI = tuple(h for h in HOUSES if h.emoji)
SEEN = tuple(h for h in HOUSES if not h.unseen)
SEEN_EMOJI = tuple(h for h in EMOJI if not h.unseen)
UNSEEN = tuple(h for h in HOUSES if h.unseen)
