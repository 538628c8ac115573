"""Shapes of objects and their parts, as signed distances in the object's own frame.

Grids are flat, one row per image; y points up.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Int64

from interpreting_clip.synthetic.attributes import Attributes
from interpreting_clip.synthetic.world import CLASSES

Axis = Float32[np.ndarray, " pixel"]
"""One coordinate of each pixel, the same for all images."""

Grid = Float32[np.ndarray, "image pixel"]
"""A value per pixel, the image's rows one after the other."""

Region = Callable[[Grid, Grid], Grid]
"""Gives each pixel's signed distance from a shape, of its coordinates."""


def image_grid(size: int) -> tuple[Axis, Axis]:
    """Return x and y of each pixel's centre, −1 to 1 across an image of `size` × `size` pixels."""
    centres = ((np.arange(size) + 0.5) * 2 / size - 1).astype(np.float32)
    # Rows of pixels run downwards, and y points up.
    return np.tile(centres, size), np.repeat(-centres, size)


def object_grid(attributes: Attributes, size: int) -> tuple[Grid, Grid]:
    """Return the pixels' coordinates in the shape's frame: centred, upright, about −1 to 1."""
    x, y = image_grid(size)
    x, y = x - attributes.x[:, None], y - attributes.y[:, None]
    cosine = (np.cos(attributes.rotation) / attributes.scale)[:, None]
    sine = (np.sin(attributes.rotation) / attributes.scale)[:, None]
    # The pixels turn by −rotation, so that the object turns by +rotation.
    return x * cosine + y * sine, y * cosine - x * sine


def signed_distance(class_: Int64[np.ndarray, " image"], u: Grid, v: Grid) -> Grid:
    """Return each pixel's distance from its image's object, in object units, negative inside."""
    distance = np.empty_like(u)
    for index in np.unique(class_):
        rows = class_ == index
        distance[rows] = _SHAPES[CLASSES[index]](u[rows], v[rows])
    return distance


def disc(u: Grid, v: Grid, x: float, y: float, radius: float) -> Grid:
    """Distance from a disc around (x, y)."""
    return np.sqrt((u - x) ** 2 + (v - y) ** 2) - radius


def box(u: Grid, v: Grid, across: tuple[float, float], up: tuple[float, float]) -> Grid:
    """Distance from an upright rectangle, measured along the nearer axis."""
    return np.maximum(_interval(u, *across), _interval(v, *up))


def wedge(u: Grid, v: Grid, apex: float, base: float, half_width: float) -> Grid:
    """Distance from an isosceles triangle with its apex at (0, apex) above its base."""
    height = apex - base
    slope = math.hypot(height, half_width)
    side = (np.abs(u) * height + (v - apex) * half_width) / slope
    return np.maximum(side, base - v)


def convex(u: Grid, v: Grid, *corners: tuple[float, float]) -> Grid:
    """Distance from a convex polygon, measured from the nearest edge; corners anti-clockwise."""
    edges = []
    for (x, y), (next_x, next_y) in itertools.pairwise((*corners, corners[0])):
        along_x, along_y = next_x - x, next_y - y
        edges.append(((u - x) * along_y - (v - y) * along_x) / math.hypot(along_x, along_y))
    return np.max(edges, axis=0)


def _interval(values: Grid, low: float, high: float) -> Grid:
    return np.abs(values - (low + high) / 2) - (high - low) / 2


def _star(u: Grid, v: Grid) -> Grid:
    """Five points: fold the plane into one half of a point, then one segment."""
    u = np.abs(u)
    for fold in ((0.809017, -0.587785), (-0.809017, -0.587785)):
        depth = 2 * np.maximum(fold[0] * u + fold[1] * v, 0)
        u, v = u - depth * fold[0], v - depth * fold[1]
    u, v = np.abs(u), v - 0.95
    edge_u, edge_v = 0.2645, -0.586
    along = np.clip((u * edge_u + v * edge_v) / (edge_u**2 + edge_v**2), 0, 1)
    distance = np.sqrt((u - edge_u * along) ** 2 + (v - edge_v * along) ** 2)
    # The sign says on which side of the edge the pixel lies.
    return np.copysign(distance, v * edge_u - u * edge_v)


def _heart(u: Grid, v: Grid) -> Grid:
    size = 1.55
    x, y = np.abs(u) / size, v / size + 0.52
    lobe = np.sqrt((x - 0.25) ** 2 + (y - 0.75) ** 2) - math.sqrt(2) / 4
    fold = np.maximum(x + y, 0) / 2
    notch = np.minimum(x**2 + (y - 1) ** 2, (x - fold) ** 2 + (y - fold) ** 2)
    low = np.copysign(np.sqrt(notch), x - y)
    return np.where(x + y > 1, lobe, low) * size


def _tree(u: Grid, v: Grid) -> Grid:
    crown = np.minimum(wedge(u, v, 0.95, 0.1, 0.5), wedge(u, v, 0.55, -0.45, 0.75))
    return np.minimum(crown, box(u, v, (-0.16, 0.16), (-0.95, -0.4)))


def _fish(u: Grid, v: Grid) -> Grid:
    body = (np.sqrt(((u - 0.2) / 0.7) ** 2 + (v / 0.45) ** 2) - 1) * 0.45
    return np.minimum(body, wedge(v, u, -0.25, -0.9, 0.55))


def _arch(u: Grid, v: Grid) -> Grid:
    outside = np.minimum(disc(u, v, 0.0, 0.05, 0.82), box(u, v, (-0.82, 0.82), (-0.85, 0.05)))
    opening = np.minimum(disc(u, v, 0.0, 0.05, 0.4), box(u, v, (-0.4, 0.4), (-1.3, 0.05)))
    return np.maximum(outside, -opening)


def _boat(u: Grid, v: Grid) -> Grid:
    """A hull, a mast, and a sail on one side of it."""
    hull = np.maximum(disc(u, v, 0.0, 0.15, 0.98), v + 0.3)
    mast = box(u, v, (-0.1, 0.08), (-0.4, 0.95))
    return np.min([hull, mast, convex(u, v, (0.0, -0.15), (0.75, -0.15), (0.0, 0.9))], axis=0)


def _bolt(u: Grid, v: Grid) -> Grid:
    """Two triangles, each the other turned by half a circle."""
    upper = convex(u, v, (0.25, 0.95), (-0.62, -0.12), (0.2, -0.12))
    return np.minimum(upper, convex(-u, -v, (0.25, 0.95), (-0.62, -0.12), (0.2, -0.12)))


def _cup(u: Grid, v: Grid) -> Grid:
    body = convex(u, v, (-0.8, 0.7), (-0.6, -0.75), (0.2, -0.75), (0.4, 0.7))
    return np.minimum(body, np.abs(disc(u, v, 0.42, 0.1, 0.36)) - 0.11)


def _flower(u: Grid, v: Grid) -> Grid:
    """Six petals around a middle."""
    turns = [number * math.pi / 3 for number in range(6)]
    petals = [disc(u, v, 0.6 * math.sin(turn), 0.6 * math.cos(turn), 0.27) for turn in turns]
    return np.min([disc(u, v, 0.0, 0.0, 0.4), *petals], axis=0)


def _key(u: Grid, v: Grid) -> Grid:
    bow = np.abs(disc(u, v, -0.5, 0.0, 0.33)) - 0.13
    blade = box(u, v, (-0.2, 0.95), (-0.1, 0.1))
    teeth = (box(u, v, (0.35, 0.53), (-0.45, 0.0)), box(u, v, (0.75, 0.93), (-0.45, 0.0)))
    return np.min([bow, blade, *teeth], axis=0)


def _ladder(u: Grid, v: Grid) -> Grid:
    rails = box(np.abs(u), v, (0.34, 0.56), (-0.95, 0.95))
    rungs = [box(u, v, (-0.4, 0.4), (height - 0.1, height + 0.1)) for height in (-0.6, 0.0, 0.6)]
    return np.min([rails, *rungs], axis=0)


def _mushroom(u: Grid, v: Grid) -> Grid:
    cap = np.maximum(disc(u, v, 0.0, 0.0, 0.88), -v)
    return np.minimum(cap, box(u, v, (-0.26, 0.26), (-0.85, 0.1)))


def _window(u: Grid, v: Grid) -> Grid:
    """A square frame with four panes."""
    pane = box(np.abs(u), np.abs(v), (0.13, 0.58), (0.13, 0.58))
    return np.maximum(box(u, v, (-0.8, 0.8), (-0.8, 0.8)), -pane)


_SHAPES: dict[str, Region] = {
    "circle": lambda u, v: disc(u, v, 0.0, 0.0, 0.8),
    "square": lambda u, v: box(u, v, (-0.7, 0.7), (-0.7, 0.7)),
    "triangle": lambda u, v: wedge(u, v, 0.9, -0.65, 0.85),
    "star": _star,
    "heart": _heart,
    "cross": lambda u, v: np.minimum(
        box(u, v, (-0.85, 0.85), (-0.27, 0.27)), box(u, v, (-0.27, 0.27), (-0.85, 0.85))
    ),
    "ring": lambda u, v: np.abs(disc(u, v, 0.0, 0.0, 0.62)) - 0.2,
    "crescent": lambda u, v: np.maximum(disc(u, v, 0.0, 0.0, 0.85), -disc(u, v, 0.42, 0.0, 0.68)),
    # pointing right, so that a tilted tree is never one
    "arrow": lambda u, v: np.minimum(
        wedge(v, u, 0.95, 0.1, 0.65), box(u, v, (-0.9, 0.2), (-0.2, 0.2))
    ),
    "house": lambda u, v: np.minimum(
        wedge(u, v, 0.9, 0.1, 0.78), box(u, v, (-0.62, 0.62), (-0.8, 0.2))
    ),
    "tree": _tree,
    "fish": _fish,
    "arch": _arch,
    "boat": _boat,
    "bolt": _bolt,
    "cup": _cup,
    "flower": _flower,
    "hourglass": lambda u, v: wedge(u, -np.abs(v), 0.15, -0.85, 0.75),
    "key": _key,
    "ladder": _ladder,
    "mushroom": _mushroom,
    # a disc without a slice on the right
    "pie": lambda u, v: np.maximum(
        disc(u, v, 0.0, 0.0, 0.85), (0.7 * u - np.abs(v)) / math.hypot(0.7, 1)
    ),
    "snowman": lambda u, v: np.minimum(disc(u, v, 0.0, -0.36, 0.56), disc(u, v, 0.0, 0.52, 0.4)),
    "window": _window,
}


PARTS = ("roof", "bow", "stem", "tip", "corner", "eye")
PLANES = (("roof", "bow", "stem"), ("tip", "corner", "eye"))
"""Parts grouped so that parts of one plane never overlap: each plane fits one label map."""

_EYES = {
    "fish": (0.5, 0.12),
    "crescent": (-0.55, 0.1),
    "heart": (-0.38, 0.3),
    "circle": (0.3, 0.3),
    "flower": (0.0, 0.0),
    "pie": (0.0, 0.5),
    "snowman": (0.13, 0.58),
}
_TIPS = {
    "triangle": ((0.0, 0.85), (0.75, -0.6), (-0.75, -0.6)),
    "star": ((0.0, 0.85), (0.81, 0.26), (0.5, -0.69), (-0.5, -0.69), (-0.81, 0.26)),
    "heart": ((0.0, -0.7),),
    "arrow": ((0.85, 0.0),),
    "house": ((0.0, 0.8),),
    "tree": ((0.0, 0.85),),
    "crescent": ((0.55, 0.6), (0.55, -0.6)),
    "boat": ((0.0, 0.85),),
    "bolt": ((0.2, 0.83), (-0.2, -0.83)),
}
_CORNERS = {
    "square": ((0.62, 0.62), (-0.62, 0.62), (0.62, -0.62), (-0.62, -0.62)),
    "house": ((0.52, -0.72), (-0.52, -0.72)),
    "cross": (
        *((0.8, 0.2), (0.8, -0.2), (-0.8, 0.2), (-0.8, -0.2)),
        *((0.2, 0.8), (0.2, -0.8), (-0.2, 0.8), (-0.2, -0.8)),
    ),
    "arrow": ((-0.85, 0.15), (-0.85, -0.15)),
    "arch": ((0.74, -0.77), (0.48, -0.77), (-0.74, -0.77), (-0.48, -0.77)),
    "cup": ((-0.72, 0.62), (0.32, 0.62), (-0.55, -0.68), (0.15, -0.68)),
    "hourglass": ((0.62, 0.77), (-0.62, 0.77), (0.62, -0.77), (-0.62, -0.77)),
    "ladder": ((0.45, 0.87), (-0.45, 0.87), (0.45, -0.87), (-0.45, -0.87)),
    "window": ((0.72, 0.72), (-0.72, 0.72), (0.72, -0.72), (-0.72, -0.72)),
}


def part_mask(
    part: str,
    class_: Int64[np.ndarray, " image"],
    u: Grid,
    v: Grid,
    inside: Bool[np.ndarray, "image pixel"],
) -> Bool[np.ndarray, "image pixel"]:
    """Return the pixels that show `part` of each object; none if its class has no such part."""
    mask = np.zeros_like(inside)
    for name, region in _REGIONS[part].items():
        rows = class_ == CLASSES.index(name)
        # Regions may reach beyond the object, which keeps them simple.
        mask[rows] = inside[rows] & (region(u[rows], v[rows]) < 0)
    return mask


def eye_distance(class_: Int64[np.ndarray, " image"], u: Grid, v: Grid) -> Grid:
    """Return the distance from the eye in object units; 1 everywhere for classes without one."""
    distance = np.ones_like(u)
    for name, (x, y) in _EYES.items():
        rows = class_ == CLASSES.index(name)
        distance[rows] = disc(u[rows], v[rows], x, y, 0.14)
    return distance


def _around(centres: tuple[tuple[float, float], ...], radius: float) -> Region:
    def distance(u: Grid, v: Grid) -> Grid:
        return np.min([disc(u, v, x, y, radius) for x, y in centres], axis=0)

    return distance


_REGIONS: dict[str, dict[str, Region]] = {
    "roof": {
        "triangle": lambda u, v: 0.15 - v,
        "house": lambda u, v: 0.12 - v,
        "tree": lambda u, v: 0.1 - v,
        "mushroom": lambda u, v: -v,
    },
    "bow": {
        "circle": lambda u, v: -disc(u, v, 0.0, 0.0, 0.5),
        "ring": lambda u, v: -disc(u, v, 0.0, 0.0, 0.62),
        "heart": lambda u, v: 0.25 - v,
        "crescent": lambda u, v: np.maximum(u, -disc(u, v, 0.0, 0.0, 0.6)),
        "fish": lambda u, v: -np.minimum(u, np.abs(v) - 0.12),
        "arch": lambda u, v: 0.05 - v,
        "boat": lambda u, v: v + 0.3,
        "cup": lambda u, v: -convex(u, v, (-0.8, 0.7), (-0.6, -0.75), (0.2, -0.75), (0.4, 0.7)),
        "key": lambda u, v: u + 0.1,
        "pie": lambda u, v: -disc(u, v, 0.0, 0.0, 0.55),
        "snowman": lambda u, v: v + 0.36,
    },
    "stem": {
        "arrow": lambda u, v: u - 0.1,
        "tree": lambda u, v: v + 0.45,
        "cross": lambda u, v: v + 0.27,
        "key": lambda u, v: -0.1 - u,
        "mushroom": lambda u, v: v,
    },
    "tip": {name: _around(centres, 0.24) for name, centres in _TIPS.items()},
    "corner": {name: _around(centres, 0.24) for name, centres in _CORNERS.items()},
    "eye": {name: _around((centre,), 0.14) for name, centre in _EYES.items()},
}
