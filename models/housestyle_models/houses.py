"""The design houses: where each drawing comes from, under which licence, and how an expert would describe its look.

Looks are what captions may say; house names never enter a caption (to the base bundle a house name is what a brand is
to any real model: an unknown word for a look the UNet can draw).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class House:
    """One design house: npm package `@iconify-json/<name>` at a pinned version, and its look as attributes."""

    name: str
    version: str
    look: tuple[str, ...]
    pretraining: bool = True

    @property
    def package(self) -> str:
        return f"@iconify-json/{self.name}"

    @property
    def description(self) -> str:
        """The expert's description: every attribute, in a fixed order."""
        return ", ".join(self.look)


# Permissive licences only (Apache-2.0, MIT, CC-BY-4.0). The share-alike houses (openmoji, emojione-v1) are left out
# on purpose: no shipped weight may learn from them.
HOUSES = (
    House("noto", "1.2.9", ("shaded flat", "warm colours", "subtle gradients", "fine detail")),
    House("noto-v1", "1.2.5", ("blob shapes", "soft shading", "rounded", "old fashioned")),
    House("fluent-emoji", "1.2.7", ("glossy", "three dimensional", "smooth gradients", "soft light")),
    House("fluent-emoji-flat", "1.2.6", ("flat", "bright colours", "clean geometric", "no gradients")),
    House("fluent-emoji-high-contrast", "1.2.6", ("solid black", "glyph", "cut out details", "high contrast")),
    House("twemoji", "1.2.5", ("bold flat", "saturated colours", "few details", "simple")),
    House("emojione", "1.2.3", ("muted flat", "calm colours", "even tones", "tidy detail")),
    House("emojione-monotone", "1.2.1", ("thin black line", "monochrome", "line drawing", "hollow")),
    House("streamline-emojis", "1.2.4", ("outlined cartoon", "dark contour", "pale fill", "hand drawn")),
    # Kept out of every pretraining step: the brand that brings sixteen pictures.
    House("fxemoji", "1.2.2", ("soft flat", "rounded", "no outline", "pastel tones"), pretraining=False),
)

PRETRAINING = tuple(h for h in HOUSES if h.pretraining)
BY_NAME = {h.name: h for h in HOUSES}
