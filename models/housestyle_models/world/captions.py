"""What training is told about a picture: what it shows, and how it looks, in one of several wordings.

A house's or a look's name never appears. Attributes come in any number and order; a text says of a picture what it says
and nothing else, so that text and picture are a pair whenever nothing in the text is wrong about the picture. Values
that no training look has have no wording here.
"""

import random
from dataclasses import dataclass

from .drawings import Cell
from .houses import BY_NAME
from .looks import HELD_OUT_VALUES, Look, training_looks

MAX_LENGTH = 48
MOST_ATTRIBUTES = 4
SUBJECTS = (
    "a {thing} emoji",
    "a {thing} emoji",
    "{thing}",
    "an emoji of {thing}",
    "a drawing of {thing}",
    "{thing} icon",
    "a picture of {thing}",
)
NO_SUBJECT = ("an emoji", "an icon", "a drawing", "a picture")
JOINED = (
    "{subject}, {looks}",
    "{subject}, {looks}",
    "{subject} with {looks}",
    "{looks}: {subject}",
    "{subject} drawn in {looks}",
)

HOUSE_WORDINGS: dict[str, tuple[str, ...]] = {
    "shaded flat": ("shaded flat shapes", "flat shapes with some shading"),
    "warm": ("warm colours", "a warm palette"),
    "subtle gradients": ("subtle gradients", "slight colour transitions"),
    "fine detail": ("fine detail", "many small details"),
    "glossy": ("a glossy surface", "shiny material"),
    "three dimensional": ("three dimensional form", "a 3d look"),
    "smooth gradients": ("smooth gradients", "soft colour blends"),
    "soft light": ("soft light", "gentle highlights"),
    "flat": ("flat shapes", "flat colour areas", "no shading"),
    "bright": ("bright colours", "a bright palette"),
    "geometric": ("geometric shapes", "clean geometry"),
    "no gradients": ("no gradients", "plain fills"),
    "solid black": ("solid black", "all black"),
    "glyph": ("a glyph", "a pictogram"),
    "cut out": ("cut out details", "white details cut into it"),
    "bold flat": ("bold flat shapes", "strong flat shapes"),
    "saturated": ("saturated colours", "strong colours"),
    "few details": ("few details", "a simple drawing"),
    "muted flat": ("muted flat colours", "flat colours of low contrast"),
    "calm": ("calm colours", "a quiet palette"),
    "even tones": ("even tones", "uniform tones"),
    "thin black line": ("thin black lines", "a fine black line"),
    "line drawing": ("a line drawing", "drawn in lines"),
    "open shapes": ("open shapes", "unfilled shapes"),
    "rounded": ("rounded corners", "round shapes"),
    "pale fill": ("pale fills", "lightly tinted areas"),
    "cartoon": ("a cartoon", "cartoon drawing"),
    "office colours": ("office colours", "business colours"),
    "round badge": ("a round coloured badge", "a coloured disc behind it"),
    "two blues": ("two shades of blue", "dark and light blue"),
    "thin dark outline": ("a thin dark outline", "thin dark contours"),
    "sketched": ("sketched lines", "a hand sketch"),
    "uneven line": ("uneven lines", "irregular strokes"),
    "pixel corners": ("stepped pixel corners", "pixel steps"),
    "thick blue outline": ("a thick blue outline", "heavy blue contours"),
    "candy colours": ("candy colours", "sweet pink and mint"),
    "two coloured lines": ("lines in two colours", "two coloured strokes"),
    "two greys": ("black and grey areas", "two shades of grey"),
    "broken line": ("broken lines", "lines with gaps"),
}
LOOK_WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "colour": {
        "turned-60": ("hues turned to green skin and cyan wood", "strange greenish colours"),
        "turned-120": ("hues turned to green", "alien green colours"),
        "turned-180": ("complementary hues", "inverted hues", "blue where yellow was"),
        "turned-240": ("hues turned to violet", "violet false colours"),
        "turned-300": ("hues turned to pink", "pink false colours"),
        "pastel": ("pastel colours", "soft pale tints", "light washed colours"),
        "muted": ("muted colours", "dull greyish colours"),
        "deep": ("deep dark colours", "dark tones"),
        "vivid": ("vivid colours", "very saturated colours"),
        "grey": ("grey tones", "greyscale", "black and white shades"),
        "sepia": ("sepia tones", "brown old photo colours"),
        "mono-blue": ("shades of blue only", "monochrome blue"),
        "mono-green": ("shades of green only", "monochrome green"),
        "mono-red": ("shades of red only", "monochrome red"),
        "mono-purple": ("shades of purple only", "monochrome purple"),
        "duo-navy-coral": ("navy and coral duotone", "two colours, navy and coral"),
        "duo-purple-yellow": ("purple and yellow duotone", "two colours, purple and yellow"),
        "duo-brown-peach": ("brown and peach duotone", "two colours, brown and peach"),
        "set-candy": ("a candy palette", "pink, sky blue and lemon"),
        "set-forest": ("a forest palette", "greens and bark brown"),
        "set-retro": ("a retro palette", "teal, mustard and rust"),
        "set-ocean": ("an ocean palette", "sea blues and aqua"),
        "set-neon": ("a neon palette", "glowing magenta and cyan"),
        "set-autumn": ("an autumn palette", "ochre and chestnut"),
    },
    "fill": {
        "flat": ("flat fills", "fills without gradients"),
        "gradient": ("gradient fills", "fills fading from light to dark"),
        "radial": ("radial gradient fills", "fills lit from a point"),
        "hollow": ("hollow shapes", "white unfilled shapes", "empty fills"),
        "hatched": ("hatched fills", "diagonal hatching"),
        "dotted": ("dotted fills", "halftone dots"),
        "striped": ("striped fills", "horizontal stripes"),
    },
    "outline": {
        "contour-thin": ("a thin contour around the whole", "a fine outer contour"),
        "contour-thick": ("a thick contour around the whole", "a heavy outer contour"),
        "inked-thin": ("thin outlines on every shape", "fine ink lines"),
        "inked-medium": ("outlines on every shape", "strong ink lines"),
    },
    "ink": {
        "black": ("black ink", "outlined in black"),
        "navy": ("navy ink", "outlined in dark blue"),
        "brown": ("brown ink", "outlined in brown"),
        "white": ("white ink", "outlined in white"),
        "dark": ("ink in a darker tone", "outlined in a deep shade"),
    },
    "stroke": {"dashed": ("dashed lines", "interrupted outlines")},
    "under": {
        "soft-shadow": ("a soft shadow", "a pale drop shadow"),
        "hard-shadow": ("a hard shadow", "a black offset shadow"),
        "sticker": ("a white sticker border", "cut out like a sticker"),
    },
    "paper": {
        "cream": ("on cream paper", "a cream background"),
        "sky": ("on pale blue paper", "a light blue background"),
        "mint": ("on mint paper", "a mint background"),
        "rose": ("on rose paper", "a pale pink background"),
        "night": ("on dark blue paper", "a night blue background"),
        "squared": ("on squared paper", "a blue grid behind it"),
        "speckled": ("on speckled paper", "recycled paper with specks"),
    },
    "frame": {
        "disc": ("in a coloured disc", "on a round badge"),
        "tile": ("on a rounded tile", "like an app icon"),
        "border": ("in a square border", "framed by a square line"),
    },
    "layout": {
        "small": ("small with wide margins", "a lot of space around it"),
        "tilted-left": ("tilted to the left", "leaning left"),
        "tilted-right": ("tilted to the right", "leaning right"),
        "swollen": ("swollen rounded forms", "fat soft shapes"),
        "misprint": ("misregistered printing", "colours printed off their lines"),
    },
}
WORDINGS: dict[tuple[str, str], tuple[str, ...]] = {("house", word): says for word, says in HOUSE_WORDINGS.items()} | {
    (axis, value): says for axis, values in LOOK_WORDINGS.items() for value, says in values.items()
}
ATTRIBUTES = tuple(sorted(WORDINGS))
# Of the base house only what a redrawing keeps.
FORMS = {
    "twemoji": "few details",
    "noto": "fine detail",
    "fluent-emoji-flat": "geometric",
    "fluent-emoji-high-contrast": "glyph",
    "emojione-monotone": "line drawing",
}
_LOOKS = {look.name: look for look in training_looks()}


@dataclass(frozen=True)
class Caption:
    """A text and what it claims: a thing (None: nothing about it) and attributes."""

    text: str
    name: str | None
    attributes: frozenset[tuple[str, str]]


def attributes(cell: Cell, looks: dict[str, Look] = _LOOKS) -> tuple[tuple[str, str], ...]:
    """What can be said of how a training picture looks."""
    if not cell.look:
        return tuple(("house", word) for word in BY_NAME[cell.house].attributes)
    form = FORMS.get(cell.house)
    return looks[cell.look].attributes + ((("house", form),) if form else ())


def words(name: str) -> str:
    """`face-with-medical-mask` as a person writes it."""
    return name.replace("-", " ").replace("_", " ")


def thing(name: str, rng: random.Random) -> str:
    """What a picture shows, in one of several wordings."""
    return rng.choice(SUBJECTS).format(thing=words(name))


def looks_of(claimed: list[tuple[str, str]], rng: random.Random) -> str:
    """Attributes, each in one of its wordings."""
    return ", ".join(rng.choice(WORDINGS[attribute]) for attribute in claimed)


def some(cell: Cell, rng: random.Random) -> list[tuple[str, str]]:
    """Some of a picture's attributes, in any order."""
    known = attributes(cell)
    return rng.sample(known, rng.randint(1, min(len(known), MOST_ATTRIBUTES)))


def plain(cell: Cell, rng: random.Random) -> Caption:
    """Only what it shows."""
    return Caption(thing(cell.name, rng), cell.name, frozenset())


def described(cell: Cell, rng: random.Random) -> Caption:
    """What it shows, and how."""
    claimed = some(cell, rng)
    text = rng.choice(JOINED).format(subject=thing(cell.name, rng), looks=looks_of(claimed, rng))
    return Caption(text, cell.name, frozenset(claimed))


def look_only(cell: Cell, rng: random.Random) -> Caption:
    """Only how it looks."""
    claimed = some(cell, rng)
    text = rng.choice(JOINED).format(subject=rng.choice(NO_SUBJECT), looks=looks_of(claimed, rng))
    return Caption(text, None, frozenset(claimed))


def caption(cell: Cell, rng: random.Random, share: float = 0.65) -> Caption:
    """A training caption; `share` of them say how it looks."""
    return described(cell, rng) if rng.random() < share else plain(cell, rng)


def description(cell: Cell) -> str:
    """Every attribute in its first wording, in order, as many as a caption says at most."""
    return ", ".join(WORDINGS[a][0] for a in attributes(cell)[:MOST_ATTRIBUTES])


if HELD_OUT_VALUES & set(WORDINGS):
    raise ValueError(f"captions have wordings for held-out values: {sorted(HELD_OUT_VALUES & set(WORDINGS))}")
