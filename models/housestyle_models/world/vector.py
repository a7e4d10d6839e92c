"""Renders an SVG drawing, as its house drew it or in a composed look, to pixels.

What renders is imported where it is used: splits, looks and captions are read without it.
"""

import io
import math
import re
import xml.etree.ElementTree as ET

import numpy as np

from .catalogue import Drawing

SIZE = 128
SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
SHAPES = frozenset(SVG + tag for tag in ("path", "circle", "ellipse", "rect", "polygon", "polyline", "line", "use"))
GRADIENTS = frozenset(SVG + tag for tag in ("linearGradient", "radialGradient"))
SHAPERS = frozenset(SVG + tag for tag in ("clipPath", "mask"))
ET.register_namespace("", SVG[1:-1])
ET.register_namespace("xlink", HREF[1 : HREF.index("}")])

Colour = tuple[float, float, float]


def wrapped(content: str, view: str) -> str:
    """An SVG document of `SIZE` pixels around `content`."""
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {spaces} color="#000" viewBox="{view}" width="{SIZE}" height="{SIZE}">{content}</svg>'


def as_drawn(drawing: Drawing) -> str:
    """The drawing's own SVG document; `currentColor` is black."""
    view = f"{drawing.left} {drawing.top} {drawing.width} {drawing.height}"
    return wrapped(drawing.body.replace("currentColor", "#000"), view)


def rendered(svg: str) -> np.ndarray:
    """Pixels of an SVG document on white paper, uint8 [SIZE, SIZE, 3]."""
    from PIL import Image
    from resvg_py import svg_to_bytes

    png = Image.open(io.BytesIO(bytes(svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE)))).convert("RGBA")
    paper = Image.new("RGBA", (SIZE, SIZE), "white")
    left, top = (SIZE - png.width) // 2, (SIZE - png.height) // 2
    paper.alpha_composite(png, (max(left, 0), max(top, 0)))
    return np.asarray(paper.convert("RGB"))


def tree(drawing: Drawing) -> ET.Element:
    """The drawing as a group element without filters (the renderer fails on some); styles become attributes."""
    body = re.sub(r"mix-blend-mode:[\w-]+;?", "", drawing.body.replace("currentColor", "#000"))
    root = ET.fromstring(wrapped(body, "0 0 1 1"))
    for parent in list(root.iter()):
        parent.attrib.pop("filter", None)
        for declared in parent.attrib.pop("style", "").split(";"):
            key, _, value = declared.partition(":")
            if value and key.strip() != "filter":
                parent.set(key.strip(), value.strip())
        for child in list(parent):
            if child.tag == SVG + "filter":
                parent.remove(child)
    group = ET.Element(SVG + "g", {"fill": "#000"})
    group.extend(root)
    return group


def colour(text: str | None) -> Colour | None:
    """RGB in 0..1 of a paint that is one colour; None for `none`, references and the like."""
    from PIL import ImageColor

    if not text or text in ("none", "inherit", "transparent") or text.startswith("url"):
        return None
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        return None
    return red / 255, green / 255, blue / 255


def written(c: Colour) -> str:
    """`#rrggbb`."""
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, v))):02x}" for v in c)


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` of `b`."""
    return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def luminance(c: Colour) -> float:
    """Perceived lightness, 0..1."""
    return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]


def magnification(transform: str | None) -> float:
    """How much a transform list enlarges lengths."""
    factor = 1.0
    for kind, inside in re.findall(r"(\w+)\(([^)]*)\)", transform or ""):
        values = [float(v) for v in re.findall(r"-?[\d.]+(?:e-?\d+)?", inside)]
        if kind == "scale" and values:
            factor *= math.sqrt(abs(values[0] * values[-1]))
        elif kind == "matrix" and len(values) == 6:
            factor *= math.sqrt(abs(values[0] * values[3] - values[1] * values[2]))
    return factor or 1.0
