"""Procedural looks: a house's drawings redrawn by a recipe, one value on each of nine axes.

Every value but the plain one is an attribute that captions describe. Some values, and some pairs of values, never occur
in a look that anything is trained on: the five unseen procedural brands are made of them. The same seed gives the same
looks.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

AXES: dict[str, tuple[str, ...]] = {
    "colour": (
        "own",
        "turned-60",
        "turned-120",
        "turned-180",
        "turned-240",
        "turned-300",
        "pastel",
        "muted",
        "deep",
        "vivid",
        "grey",
        "sepia",
        "mono-blue",
        "mono-green",
        "mono-red",
        "mono-purple",
        "duo-navy-coral",
        "duo-teal-cream",
        "duo-purple-yellow",
        "duo-brown-peach",
        "set-candy",
        "set-forest",
        "set-retro",
        "set-ocean",
        "set-neon",
        "set-autumn",
    ),
    "fill": ("own", "flat", "gradient", "radial", "hollow", "hatched", "crosshatched", "dotted", "striped"),
    "outline": ("none", "contour-thin", "contour-thick", "inked-thin", "inked-medium"),
    "ink": ("black", "navy", "brown", "white", "dark"),
    "stroke": ("solid", "dashed", "dots"),
    "under": ("none", "soft-shadow", "hard-shadow", "sticker", "halo"),
    "paper": ("white", "cream", "sky", "mint", "rose", "night", "squared", "speckled", "sunset"),
    "frame": ("none", "disc", "tile", "border", "ring"),
    "layout": ("normal", "small", "tilted-left", "tilted-right", "swollen", "misprint"),
}
PLAIN = {
    "colour": "own",
    "fill": "own",
    "outline": "none",
    "ink": "black",
    "stroke": "solid",
    "under": "none",
    "paper": "white",
    "frame": "none",
    "layout": "normal",
}
WEIGHTS = {
    "fill": (6, 3, 2, 1, 2, 2, 0, 1, 1),
    "outline": (5, 2, 2, 3, 2),
    "ink": (4, 2, 2, 1, 3),
    "stroke": (6, 1, 0),
    "under": (6, 2, 2, 2, 0),
    "paper": (12, 2, 2, 1, 1, 2, 1, 1, 0),
    "frame": (8, 1, 1, 1, 0),
    "layout": (8, 1, 1, 1, 2, 1),
}
HELD_OUT_VALUES = frozenset(
    {
        ("colour", "duo-teal-cream"),
        ("fill", "crosshatched"),
        ("stroke", "dots"),
        ("under", "halo"),
        ("paper", "sunset"),
        ("frame", "ring"),
    }
)
HELD_OUT_PAIRS = frozenset(
    {
        (("colour", "sepia"), ("under", "sticker")),
        (("colour", "set-ocean"), ("fill", "gradient")),
        (("outline", "inked-thin"), ("paper", "night")),
        (("fill", "hatched"), ("frame", "disc")),
        (("colour", "pastel"), ("outline", "contour-thick")),
        (("fill", "dotted"), ("colour", "mono-green")),
    }
)
MONOCHROME = frozenset({"fluent-emoji-high-contrast", "emojione-monotone"})
BASES = {
    "twemoji": 5,
    "noto": 5,
    "emojione": 4,
    "fluent-emoji-flat": 5,
    "fluent-emoji": 3,
    "fluent-emoji-high-contrast": 2,
    "emojione-monotone": 2,
}
COUNT = 360
SEED = 20250216


@dataclass(frozen=True)
class Look:
    """A named recipe on one base house."""

    name: str
    base: str
    values: tuple[tuple[str, str], ...]
    """(axis, value) in the order of `AXES`, plain values included."""

    def __getitem__(self, axis: str) -> str:
        return dict(self.values)[axis]

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """The values that differ from the plain ones; ink and stroke count only where there is an outline."""
        drawn = self["outline"] != "none"
        return tuple(
            (axis, value)
            for axis, value in self.values
            if value != PLAIN[axis] and (axis not in ("ink", "stroke") or drawn)
        ) + ((("ink", "black"),) if drawn and self["ink"] == "black" else ())


def pairs(look: Look) -> Iterator[frozenset[tuple[str, str]]]:
    """All pairs of a look's values."""
    return (frozenset(pair) for pair in combinations(look.values, 2))


FORBIDDEN = frozenset(frozenset(pair) for pair in HELD_OUT_PAIRS)


def is_unseen(look: Look) -> bool:
    """Whether the look has a value or a pair of values that training never sees."""
    return bool(HELD_OUT_VALUES & set(look.values)) or any(pair in FORBIDDEN for pair in pairs(look))


def drawn_look(rng: random.Random, index: int) -> Look:
    """A random recipe that the eye can tell from its base."""
    while True:
        base = rng.choices(list(BASES), list(BASES.values()))[0]
        values = dict(PLAIN)
        for axis, choices in AXES.items():
            values[axis] = rng.choices(choices, WEIGHTS.get(axis, (5,) + (1,) * (len(choices) - 1)))[0]
        if base in MONOCHROME:
            values |= {"fill": "own", "outline": "none", "layout": values["layout"].replace("misprint", "normal")}
            if values["paper"] == "night":
                values["paper"] = "cream"
            if values["colour"].startswith(("turned", "pastel", "muted", "deep", "vivid", "set", "grey")):
                values["colour"] = "own"
        if values["fill"] == "hollow" and values["outline"] == "none":
            values["outline"] = "inked-thin"
        if values["outline"] == "none":
            values |= {"ink": "black", "stroke": "solid"}
        if values["ink"] == "white" and values["paper"] == "white" and values["frame"] == "none":
            values["ink"] = "black"
        look = Look(f"look-{index:03d}", base, tuple(values.items()))
        if 2 <= len(look.attributes) <= 6 and not is_unseen(look):
            return look


def training_looks(count: int = COUNT) -> tuple[Look, ...]:
    """The looks that teach, all different."""
    rng, looks, known = random.Random(SEED), [], set()
    while len(looks) < count:
        look = drawn_look(rng, len(looks))
        if (look.base, look.values) not in known:
            known.add((look.base, look.values))
            looks.append(look)
    return tuple(looks)


def _brand(name: str, base: str, **values: str) -> Look:
    return Look(name, base, tuple((PLAIN | values).items()))


UNSEEN_LOOKS = (
    _brand("sepia-sticker", "twemoji", colour="sepia", under="sticker", paper="sunset"),
    _brand("sea-blend", "noto", colour="set-ocean", fill="gradient", under="halo"),
    _brand("chalk-night", "emojione", outline="inked-thin", ink="white", paper="night", fill="crosshatched"),
    _brand(
        "badge-hatch",
        "fluent-emoji-flat",
        fill="hatched",
        frame="disc",
        colour="duo-teal-cream",
        outline="contour-thin",
        ink="dark",
    ),
    _brand("soft-bold", "twemoji", colour="pastel", outline="contour-thick", ink="navy", stroke="dots", frame="ring"),
)
