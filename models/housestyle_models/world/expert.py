"""The expert's words: how a designer would brief each brand, written by rule before training, independent of the
captions.

Each attribute has one designer's phrase here, other than every wording that captions use, of words that captions mostly
know (an expert who speaks words that the encoder never read would be no fair rival); three sentence forms join them.
The file `world/expert.json` is committed, and prompts at test time read it from there.
"""

import json
import zlib

from .houses import EMOJI
from .looks import UNSEEN_LOOKS, Look
from .places import EXPERT

HOUSE_PHRASES: dict[str, str] = {
    "shaded flat": "flat areas with slight shading",
    "warm": "warm tones of yellow and brown",
    "subtle gradients": "colours that blend a little",
    "fine detail": "a lot of fine small parts",
    "glossy": "shiny and glossy shapes",
    "three dimensional": "forms that look 3d",
    "smooth gradients": "colours fading smooth and soft",
    "soft light": "highlights from a soft light",
    "flat": "flat and plain shapes",
    "bright": "clean bright tones",
    "geometric": "simple geometry of round and square shapes",
    "no gradients": "one plain colour in every area",
    "solid black": "black shapes on white paper",
    "glyph": "a simple black pictogram",
    "cut out": "details left white in the black",
    "bold flat": "simple bold shapes",
    "saturated": "strong and bright colours",
    "few details": "only a few simple parts",
    "muted flat": "dull flat areas",
    "calm": "quiet tones",
    "even tones": "tones of low contrast",
    "thin black line": "lines in thin black ink",
    "line drawing": "only lines are drawn",
    "open shapes": "shapes left empty and white",
    "blob": "fat round blobs",
    "soft shading": "soft shading from light to dark",
    "rounded": "rounded forms everywhere",
    "dark contour": "outlines in dark ink on every shape",
    "pale fill": "areas in pale light tints",
    "cartoon": "drawn like a cartoon",
    "soft flat": "soft flat areas",
    "no outline": "shapes without any outlines",
    "pastel tones": "pale pastel tones",
}
LOOK_PHRASES: dict[tuple[str, str], str] = {
    ("colour", "sepia"): "old brown tones",
    ("colour", "set-ocean"): "blue and aqua with a little yellow",
    ("colour", "duo-teal-cream"): "only teal and cream",
    ("colour", "pastel"): "light and pale pastel tints",
    ("fill", "gradient"): "every area fading to a dark tone",
    ("fill", "crosshatched"): "areas of crossed hatching lines",
    ("fill", "hatched"): "areas filled with diagonal lines",
    ("outline", "contour-thick"): "one heavy line around the whole shape",
    ("outline", "contour-thin"): "one fine line around the whole shape",
    ("outline", "inked-thin"): "a fine line on every part",
    ("ink", "white"): "lines in white",
    ("ink", "navy"): "lines in dark blue",
    ("ink", "dark"): "lines in a dark shade",
    ("ink", "black"): "lines in black",
    ("stroke", "dots"): "lines made of dots",
    ("under", "sticker"): "a white border like a sticker",
    ("under", "halo"): "a light glow behind the shape",
    ("paper", "night"): "dark blue behind it",
    ("paper", "sunset"): "a background fading from orange to cream",
    ("frame", "disc"): "a round disc behind it",
    ("frame", "ring"): "a round line framed around it",
}
FORMS = ("{0}; {rest}", "{rest}, and {0}", "{0} with {rest}")


def sentence(name: str, phrases: list[str]) -> str:
    """A designer's sentence; which form it takes depends on the brand's name alone."""
    first, *rest = phrases
    return FORMS[zlib.crc32(name.encode()) % len(FORMS)].format(first, rest=" and ".join(rest) or first)


def of_look(look: Look) -> list[str]:
    """The phrases of a procedural brand; its base lends the last where there are few."""
    base = {h.name: h for h in EMOJI}[look.base].attributes[-1]
    phrases = [LOOK_PHRASES[a] for a in look.attributes]
    return [*phrases, HOUSE_PHRASES[base]] if len(phrases) < 4 else phrases


def all_words() -> dict[str, str]:
    """brand -> sentence, for every emoji house, seen and unseen, and every unseen procedural brand."""
    houses = {h.name: sentence(h.name, [HOUSE_PHRASES[a] for a in h.attributes]) for h in EMOJI}
    return houses | {look.name: sentence(look.name, of_look(look)) for look in UNSEEN_LOOKS}


def write() -> None:
    """Writes the committed file."""
    EXPERT.write_text(json.dumps(all_words(), indent=1) + "\n", "utf-8")


def read() -> dict[str, str]:
    """The committed words."""
    return json.loads(EXPERT.read_text("utf-8"))
