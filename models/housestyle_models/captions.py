"""What the base bundle is told about a drawing: always what it shows, in about half of the captions how it looks.

A house's name never appears. Looks come as some of the expert's attributes in any order, so that words get meanings of
their own and a shortened or reordered description still works.
"""

import random
from dataclasses import dataclass

from .houses import BY_NAME, House

MAX_LENGTH = 32
CATEGORY_PROMPT = "a {category} emoji"
STYLE_PROMPT = "{prompt}, {look}"
PLAIN = (
    CATEGORY_PROMPT,
    CATEGORY_PROMPT,
    "{category}",
    "an emoji of {category}",
    "a drawing of {category}",
    "{category} icon",
)


@dataclass(frozen=True)
class Caption:
    """A text, and what it says: the concept and the house whose look it describes (None: it does not say)."""

    text: str
    name: str | None
    house: str | None


def words(name: str) -> str:
    """`face-with-medical-mask` as a person writes it."""
    return name.replace("-", " ")


def look(house: House, rng: random.Random) -> str:
    """The whole description in half of the cases, otherwise two or three attributes in any order."""
    if rng.random() < 0.5:
        return house.description
    return ", ".join(rng.sample(house.look, rng.choice((2, 3))))


def plain(name: str, rng: random.Random) -> Caption:
    return Caption(rng.choice(PLAIN).format(category=words(name)), name, None)


def described(name: str, house: House, rng: random.Random) -> Caption:
    prompt = rng.choice(PLAIN).format(category=words(name))
    return Caption(STYLE_PROMPT.format(prompt=prompt, look=look(house, rng)), name, house.name)


def look_only(house: House, rng: random.Random) -> Caption:
    return Caption(f"an emoji, {look(house, rng)}", None, house.name)


def caption(row: dict, rng: random.Random) -> Caption:
    """A pretraining caption for a drawing: half say what it shows, half also how it looks."""
    if rng.random() < 0.5:
        return plain(row["name"], rng)
    return described(row["name"], BY_NAME[row["house"]], rng)
