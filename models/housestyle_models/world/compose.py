"""Redraws an SVG drawing in a procedural look: colours, fills, outlines, what lies under it, paper, frame and
layout."""

import colorsys
import copy
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable

from .catalogue import Drawing
from .looks import Look
from .vector import (
    GRADIENTS,
    HREF,
    SHAPERS,
    SHAPES,
    SIZE,
    SVG,
    Colour,
    colour,
    luminance,
    magnification,
    mixed,
    tree,
    wrapped,
    written,
)

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
INKS = {"black": (0.07, 0.07, 0.07), "navy": (0.09, 0.14, 0.36), "brown": (0.36, 0.2, 0.1), "white": WHITE}
RAMPS: dict[str, tuple[str, ...]] = {
    "grey": ("#111111", "#f2f2f2"),
    "sepia": ("#3b2412", "#f3e3c3"),
    "mono-blue": ("#0b2a6b", "#d6e6ff"),
    "mono-green": ("#0d4a24", "#d9f2d0"),
    "mono-red": ("#6b0f1a", "#ffd9d6"),
    "mono-purple": ("#35135e", "#ead9ff"),
    "duo-navy-coral": ("#14213d", "#ff6f59", "#ffe3dc"),
    "duo-teal-cream": ("#0b4f52", "#2fa39a", "#fff3d6"),
    "duo-purple-yellow": ("#3c1a78", "#b04fd0", "#ffe14d"),
    "duo-brown-peach": ("#4a2c1a", "#d98a5b", "#ffe0c7"),
}
SETS = {
    "set-candy": ("#ff5da2", "#ffd1e8", "#6fd6ff", "#fff06b", "#a26bff", "#ffffff", "#4a2545"),
    "set-forest": ("#1f3b2c", "#3f7d4e", "#a7c957", "#f2e8cf", "#bc4749", "#6b4f2a", "#ffffff"),
    "set-retro": ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#fdf6e3", "#1b1b1e"),
    "set-ocean": ("#03045e", "#0077b6", "#00b4d8", "#90e0ef", "#caf0f8", "#ffffff", "#ffb703"),
    "set-neon": ("#0d0221", "#ff2a6d", "#05d9e8", "#d1f7ff", "#f9f871", "#7700a6", "#ffffff"),
    "set-autumn": ("#582f0e", "#b08968", "#dda15e", "#bc6c25", "#ffe8d6", "#9b2226", "#606c38"),
}
PAPERS = {
    "white": "#ffffff",
    "cream": "#fbf1d9",
    "sky": "#d8ecfb",
    "mint": "#d9f5e6",
    "rose": "#fbdfe4",
    "night": "#1d2440",
    "squared": "#ffffff",
    "speckled": "#f6f1e7",
    "sunset": "#ffd0a6",
}
WIDTHS = {"contour-thin": 3.0, "contour-thick": 7.0, "inked-thin": 1.6, "inked-medium": 3.0}
DASHES = {"dashed": (5.0, 3.2), "dots": (0.1, 4.5)}


def hexadecimal(text: str) -> Colour:
    """`#rrggbb` as RGB in 0..1."""
    return tuple(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]


def along(ramp: tuple[str, ...], share: float) -> Colour:
    """The colour at `share` of a ramp of two or more colours."""
    place = min(max(share, 0.0), 1.0) * (len(ramp) - 1)
    low = min(int(place), len(ramp) - 2)
    return mixed(hexadecimal(ramp[low]), hexadecimal(ramp[low + 1]), place - low)


def colours(kind: str) -> Callable[[Colour], Colour]:
    """The map from a drawing's colours to the look's."""

    def tuned(hue: float, light: Callable[[float], float], saturation: float) -> Callable[[Colour], Colour]:
        def change(c: Colour) -> Colour:
            hue_then, lightness, purity = colorsys.rgb_to_hls(*c)
            return colorsys.hls_to_rgb((hue_then + hue) % 1, light(lightness), min(1.0, purity * saturation))

        return change

    if kind in RAMPS:
        return lambda c: along(RAMPS[kind], luminance(c))
    if kind in SETS:
        palette = [hexadecimal(text) for text in SETS[kind]]

        def near(c: Colour, p: Colour) -> float:
            return 3 * (luminance(c) - luminance(p)) ** 2 + sum((x - y) ** 2 for x, y in zip(c, p, strict=True))

        return lambda c: min(palette, key=lambda p: near(c, p))
    if kind.startswith("turned"):
        return tuned(int(kind.partition("-")[2]) / 360, lambda v: v, 1.0)
    return {
        "own": lambda c: c,
        "pastel": tuned(0, lambda v: 0.5 + v / 2, 0.75),
        "muted": tuned(0, lambda v: 0.15 + 0.75 * v, 0.4),
        "deep": tuned(0, lambda v: v * 0.62, 1.0),
        "vivid": tuned(0, lambda v: 0.5 + (v - 0.5) * 0.85, 1.9),
    }[kind]


class Redrawing:
    """One drawing in one look: the parts of the picture, back to front."""

    def __init__(self, drawing: Drawing, look: Look) -> None:
        self.look = look
        self.source = tree(drawing)
        self.unit = max(drawing.width, drawing.height) / SIZE
        self.box = drawing
        self.map = colours(look["colour"])
        self.stops = self.gradient_stops()
        self.defined: dict[str, ET.Element] = {}

    def svg(self) -> str:
        """The document."""
        paper, under_frame = self.paper(), self.frame()
        content = self.content()
        layers = [*self.under(), *content]
        parts = [*paper, *under_frame, self.placed(layers)]
        defs = ET.Element(SVG + "defs")
        defs.extend(self.defined.values())
        return wrapped("".join(ET.tostring(part, "unicode") for part in (defs, *parts)), f"0 0 {SIZE} {SIZE}")

    def gradient_stops(self) -> dict[str, list[tuple[Colour, float]]]:
        """id -> its stops' colours and opacities, those of the gradient it refers to where it has none."""
        found = {e.get("id", ""): e for e in self.source.iter() if e.tag in GRADIENTS}

        def stops(element: ET.Element | None, depth: int = 0) -> list[tuple[Colour, float]]:
            if element is None or depth > 4:
                return []
            own = [
                (colour(s.get("stop-color", "#000")) or BLACK, share(s.get("stop-opacity")))
                for s in element
                if s.tag == SVG + "stop"
            ]
            return own or stops(found.get((element.get(HREF) or element.get("href") or "#")[1:]), depth + 1)

        return {name: stops(element) for name, element in found.items()}

    def flat(self, paint: str | None) -> Colour | None:
        """One colour for a paint: itself, or the mean of a gradient's stops."""
        if paint and paint.startswith("url("):
            stops = self.stops.get(paint[4:].split(")")[0].strip("\"'# "), [])
            total = sum(alpha for _, alpha in stops)
            if not total:
                return None
            return tuple(sum(c[i] * a for c, a in stops) / total for i in range(3))  # type: ignore[return-value]
        return colour(paint)

    def fading(self, paint: str | None) -> bool:
        """Whether a paint is a gradient with a see-through end: a shine or a shade, no shape of its own."""
        if not paint or not paint.startswith("url("):
            return False
        return any(alpha < 0.6 for _, alpha in self.stops.get(paint[4:].split(")")[0].strip("\"'# "), []))

    def content(self) -> list[ET.Element]:
        """The drawing itself, after its contour where the look has one."""
        kind, look = self.look["outline"], self.look
        drawn = copy.deepcopy(self.source)
        drawn.set("fill", written(self.map(BLACK)))
        self.paint(drawn, 1.0, "#000")
        layers = [drawn]
        if look["layout"] == "swollen":
            self.swell(drawn, "#000", 1.0)
        if kind.startswith("contour"):
            layers.insert(0, self.silhouette(self.ink(), 2 * WIDTHS[kind], dashes=True))
        elif kind != "none":
            inked = drawn
            if look["layout"] == "misprint":
                inked = copy.deepcopy(drawn)
                for element in inked.iter():
                    if element.tag in SHAPES:
                        element.set("fill", "none")
                layers.append(inked)
                drawn.set("transform", f"translate({4 * self.unit:.3f} {3 * self.unit:.3f})")
            self.outlined(inked, 1.0)
        elif look["layout"] == "misprint":
            ghost = self.silhouette(mixed(self.map((0.9, 0.3, 0.2)), WHITE, 0.2), 0)
            ghost.set("transform", f"translate({-4 * self.unit:.3f} {-3 * self.unit:.3f})")
            layers.insert(0, ghost)
        return layers

    def paint(self, element: ET.Element, scale: float, inherited: str) -> None:
        """Recolours fills, strokes and gradients below `element`, and replaces fills as the look says."""
        if element.tag in SHAPERS:
            return
        fill = element.get("fill", inherited)
        for key in ("stroke", "stop-color"):
            c = colour(element.get(key, "#000" if key == "stop-color" and element.tag == SVG + "stop" else None))
            if c:
                element.set(key, written(self.map(c)))
        if element.tag in SHAPES:
            self.fill(element, fill)
        elif (c := colour(element.get("fill"))) is not None:
            element.set("fill", written(self.map(c)))
        for child in element:
            self.paint(child, scale, fill)

    def fill(self, element: ET.Element, fill: str) -> None:
        kind = self.look["fill"]
        if fill == "none":
            return
        plain = self.flat(fill)
        if kind == "own" or plain is None:
            if not fill.startswith("url(") and plain is not None:
                element.set("fill", written(self.map(plain)))
            return
        if self.fading(fill):
            element.set("fill", "none")
            return
        c = self.map(plain)
        if kind == "flat":
            element.set("fill", written(c))
        elif kind == "hollow":
            element.set("fill", written(c) if luminance(plain) < 0.22 else "#ffffff")
        elif kind in ("gradient", "radial"):
            element.set("fill", f"url(#{self.blend(kind, c)})")
        elif luminance(plain) < 0.15:
            element.set("fill", written(c))
        else:
            element.set("fill", f"url(#{self.pattern(kind, c)})")

    def blend(self, kind: str, c: Colour) -> str:
        name = f"{kind}-{written(c)[1:]}"
        if name not in self.defined:
            tag, way = ("linearGradient", {"x1": "0", "y1": "0", "x2": "0", "y2": "1"})
            if kind == "radial":
                tag, way = "radialGradient", {"cx": "0.35", "cy": "0.3", "r": "0.8"}
            element = ET.Element(SVG + tag, {"id": name, **way})
            for offset, stop in (("0", mixed(c, WHITE, 0.45)), ("1", mixed(c, BLACK, 0.35))):
                ET.SubElement(element, SVG + "stop", {"offset": offset, "stop-color": written(stop)})
            self.defined[name] = element
        return name

    def pattern(self, kind: str, c: Colour) -> str:
        name = f"{kind}-{written(c)[1:]}"
        if name in self.defined:
            return name
        u = self.unit
        side = {"hatched": 5.0, "crosshatched": 7.0, "dotted": 6.0, "striped": 10.0}[kind] * u
        turn = {"hatched": 45, "crosshatched": 45, "dotted": 30, "striped": 0}[kind]
        element = ET.Element(
            SVG + "pattern",
            {
                "id": name,
                "width": f"{side:.4f}",
                "height": f"{side:.4f}",
                "patternUnits": "userSpaceOnUse",
                "patternTransform": f"rotate({turn})",
            },
        )
        light = mixed(c, WHITE, 0.72)

        def rect(**k: float) -> ET.Element:
            return ET.SubElement(element, SVG + "rect", {a: f"{v:.4f}" for a, v in k.items()})

        rect(width=side, height=side).set("fill", written(light))
        if kind == "dotted":
            dot = {"cx": side / 2, "cy": side / 2, "r": 0.32 * side}
            ET.SubElement(element, SVG + "circle", {k: f"{v:.4f}" for k, v in dot.items()} | {"fill": written(c)})
        else:
            rect(width=side, height=side * (0.5 if kind == "striped" else 0.4)).set("fill", written(c))
        if kind == "crosshatched":
            rect(width=0.3 * side, height=side).set("fill", written(c))
        self.defined[name] = element
        return name

    def ink(self) -> Colour:
        """The outline's colour; `dark` is a deep shade of what the look makes of mid grey."""
        return INKS.get(self.look["ink"]) or mixed(self.map((0.45, 0.3, 0.3)), BLACK, 0.6)

    def outlined(self, element: ET.Element, scale: float) -> None:
        """Strokes every shape below `element` in ink."""
        if element.tag in SHAPERS or element.tag == SVG + "defs":
            return
        scale *= magnification(element.get("transform"))
        if element.tag in SHAPES and float_or(element.get("opacity"), 1.0) > 0.5:
            width = WIDTHS[self.look["outline"]] * self.unit
            self.stroke(element, written(self.ink()), width / scale, dashes=True, scale=scale)
        for child in element:
            self.outlined(child, scale)

    def swell(self, element: ET.Element, inherited: str, scale: float) -> None:
        """Strokes every shape below `element` in its own colour with round joins: corners become round, shapes fat."""
        if element.tag in SHAPERS or element.tag == SVG + "defs":
            return
        scale *= magnification(element.get("transform"))
        fill = element.get("fill", inherited)
        if element.tag in SHAPES and "stroke" not in element.attrib and fill != "none":
            self.stroke(element, fill, 3.5 * self.unit / scale)
        for child in element:
            self.swell(child, fill, scale)

    def stroke(self, element: ET.Element, paint: str, width: float, dashes: bool = False, scale: float = 1.0) -> None:
        element.attrib |= {
            "stroke": paint,
            "stroke-width": f"{width:.4f}",
            "stroke-linejoin": "round",
            "stroke-linecap": "round",
        }
        if dashes and self.look["stroke"] in DASHES:
            lengths = (f"{length * self.unit / scale:.4f}" for length in DASHES[self.look["stroke"]])
            element.set("stroke-dasharray", " ".join(lengths))

    def silhouette(self, c: Colour, width: float, dashes: bool = False) -> ET.Element:
        """All solid shapes in one colour, grown by half of `width` (in pixels)."""
        shape = copy.deepcopy(self.source)
        shape.set("fill", written(c))

        def blacken(element: ET.Element, scale: float, inherited: str) -> None:
            for child in list(element):
                if child.tag in GRADIENTS:
                    element.remove(child)
            if element.tag in SHAPERS:
                return
            scale *= magnification(element.get("transform"))
            fill = element.get("fill", inherited)
            if element.tag in SHAPES:
                hidden = self.fading(fill) or float_or(element.get("opacity"), 1.0) < 0.6
                element.set("fill", "none" if hidden or fill == "none" else written(c))
                if colour(element.get("stroke")) or element.get("stroke", "").startswith("url("):
                    grown = float_or(element.get("stroke-width"), 1.0) + width * self.unit / scale
                    self.stroke(element, written(c), grown)
                elif width and not hidden and fill != "none":
                    self.stroke(element, written(c), width * self.unit / scale, dashes, scale)
            elif element.get("fill") not in (None, "none"):
                element.set("fill", written(c))
            for child in element:
                blacken(child, scale, fill)

        blacken(shape, 1.0, "#000")
        return shape

    def under(self) -> list[ET.Element]:
        """What lies between paper and drawing, back to front."""
        kind, u = self.look["under"], self.unit
        if kind == "none":
            return []
        grown = 2 * WIDTHS.get(self.look["outline"], 0.0) if self.look["outline"].startswith("contour") else 0.0
        if kind in ("soft-shadow", "hard-shadow"):
            soft = kind == "soft-shadow"
            shadow = self.silhouette((0.55, 0.55, 0.6) if soft else self.map((0.1, 0.1, 0.1)), grown)
            shift = (3.0, 5.0) if soft else (7.0, 7.0)
            shadow.set("transform", f"translate({shift[0] * u:.3f} {shift[1] * u:.3f})")
            shadow.set("opacity", "0.45" if soft else "1")
            return [shadow]
        if kind == "sticker":
            return [self.silhouette((0.7, 0.7, 0.72), grown + 14), self.silhouette(WHITE, grown + 11)]
        glow = self.map((1.0, 0.85, 0.3))
        rings = [
            self.silhouette(mixed(glow, WHITE, share), grown + width)
            for share, width in ((0.75, 24), (0.5, 16), (0.2, 8))
        ]
        return rings

    def placed(self, layers: list[ET.Element]) -> ET.Element:
        """The layers on the page: their view box in the middle of `SIZE` pixels, smaller in a frame, turned where
        tilted."""
        share = {"none": 1.0, "disc": 0.66, "tile": 0.72, "border": 0.78, "ring": 0.68}[self.look["frame"]]
        if self.look["frame"] == "none" and (
            self.look["under"] != "none" or self.look["outline"].startswith("contour")
        ):
            share = 0.84
        if self.look["layout"] in ("swollen", "misprint") and share == 1.0:
            share = 0.92
        share *= 0.7 if self.look["layout"] == "small" else 1.0
        turn = {"tilted-left": -14, "tilted-right": 14}.get(self.look["layout"], 0)
        share *= 0.88 if turn else 1.0
        scale = share / self.unit
        middle = (self.box.left + self.box.width / 2, self.box.top + self.box.height / 2)
        centred = f"translate({-middle[0]:.4f} {-middle[1]:.4f})"
        move = f"translate({SIZE / 2} {SIZE / 2}) rotate({turn}) scale({scale:.5f}) {centred}"
        group = ET.Element(SVG + "g", {"transform": move})
        group.extend(layers)
        return group

    def paper(self) -> list[ET.Element]:
        """The ground and its texture."""
        kind = self.look["paper"]
        sheet = ET.Element(SVG + "rect", {"width": str(SIZE), "height": str(SIZE), "fill": PAPERS[kind]})
        parts = [sheet]
        if kind == "squared":
            lines = "".join(f"M{i} 0V{SIZE}M0 {i}H{SIZE}" for i in range(8, SIZE, 16))
            parts.append(
                ET.Element(SVG + "path", {"d": lines, "stroke": "#bcd3ea", "stroke-width": "1.2", "fill": "none"})
            )
        elif kind == "speckled":
            spots = ((i * 37 % SIZE, i * 71 % SIZE) for i in range(70))
            marks = "".join(f"M{x} {y}h1.6v1.6h-1.6z" for x, y in spots)
            parts.append(ET.Element(SVG + "path", {"d": marks, "fill": "#cbbba0"}))
        elif kind == "sunset":
            blend = ET.Element(SVG + "linearGradient", {"id": "sunset", "x1": "0", "y1": "0", "x2": "0", "y2": "1"})
            for offset, stop in (("0", "#ffb37a"), ("1", "#ffe9d6")):
                ET.SubElement(blend, SVG + "stop", {"offset": offset, "stop-color": stop})
            self.defined["sunset"] = blend
            sheet.set("fill", "url(#sunset)")
        return parts

    def frame(self) -> list[ET.Element]:
        """The frame around the drawing, on the paper."""
        kind = self.look["frame"]
        tint = written(mixed(self.map((0.25, 0.55, 0.9)), WHITE, 0.45))
        strong = written(self.map((0.2, 0.35, 0.7)))
        middle = {"cx": "64", "cy": "64"}
        return {
            "none": list,
            "disc": lambda: [ET.Element(SVG + "circle", middle | {"r": "62", "fill": tint})],
            "tile": lambda: [ET.Element(SVG + "rect", box(4) | {"rx": "26", "fill": tint})],
            "border": lambda: [
                ET.Element(SVG + "rect", box(6) | {"fill": "none", "stroke": strong, "stroke-width": "4"})
            ],
            "ring": lambda: [
                ET.Element(SVG + "circle", middle | {"r": "59", "fill": "none", "stroke": strong, "stroke-width": "5"})
            ],
        }[kind]()


def box(margin: int) -> dict[str, str]:
    """A square with this margin."""
    side = str(SIZE - 2 * margin)
    return {"x": str(margin), "y": str(margin), "width": side, "height": side}


def share(text: str | None) -> float:
    """An opacity, 1 where none is written; a percentage counts as its share."""
    if text and text.endswith("%"):
        return float_or(text[:-1], 100.0) / 100
    return float_or(text, 1.0)


def float_or(text: str | None, otherwise: float) -> float:
    """A number, `otherwise` where there is none that is finite."""
    try:
        value = float((text or "").removesuffix("px"))
    except ValueError:
        return otherwise
    return value if math.isfinite(value) else otherwise


def redrawn(drawing: Drawing, look: Look) -> str:
    """The SVG document of a drawing in a look."""
    return Redrawing(drawing, look).svg()
