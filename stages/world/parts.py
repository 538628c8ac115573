"""Parts of objects, each shared by several classes: none is another word for one class."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Int64

from stages.world.attributes import CLASSES
from stages.world.geometry import Grid
from stages.world.shapes import disc

PARTS = ("roof", "bow", "stem", "tip", "corner", "eye")
PLANES = (("roof", "bow", "stem"), ("tip", "corner", "eye"))
"""Parts that never overlap, together: each plane fits into one label map."""

Region = Callable[[Grid, Grid], Grid]

_EYES = {"fish": (0.5, 0.12), "crescent": (-0.55, 0.1), "heart": (-0.38, 0.3), "circle": (0.3, 0.3)}
_TIPS = {
    "triangle": ((0.0, 0.85), (0.75, -0.6), (-0.75, -0.6)),
    "star": ((0.0, 0.85), (0.81, 0.26), (0.5, -0.69), (-0.5, -0.69), (-0.81, 0.26)),
    "heart": ((0.0, -0.7),),
    "arrow": ((0.85, 0.0),),
    "house": ((0.0, 0.8),),
    "tree": ((0.0, 0.85),),
    "crescent": ((0.55, 0.6), (0.55, -0.6)),
}
_CORNERS = {
    "square": ((0.62, 0.62), (-0.62, 0.62), (0.62, -0.62), (-0.62, -0.62)),
    "house": ((0.52, -0.72), (-0.52, -0.72)),
    "cross": (
        *((0.8, 0.2), (0.8, -0.2), (-0.8, 0.2), (-0.8, -0.2)),
        *((0.2, 0.8), (0.2, -0.8), (-0.2, 0.8), (-0.2, -0.8)),
    ),
    "arrow": ((-0.85, 0.15), (-0.85, -0.15)),
}


def part_mask(
    part: str,
    class_: Int64[np.ndarray, " image"],
    u: Float32[np.ndarray, "image pixel"],
    v: Float32[np.ndarray, "image pixel"],
    inside: Bool[np.ndarray, "image pixel"],
) -> Bool[np.ndarray, "image pixel"]:
    """Where each image's object shows `part` (nowhere, if its class has none)."""
    mask = np.zeros_like(inside)
    for name, region in _REGIONS[part].items():
        rows = class_ == CLASSES.index(name)
        mask[rows] = inside[rows] & (region(u[rows], v[rows]) < 0)
    return mask


def eye_distance(
    class_: Int64[np.ndarray, " image"],
    u: Float32[np.ndarray, "image pixel"],
    v: Float32[np.ndarray, "image pixel"],
) -> Float32[np.ndarray, "image pixel"]:
    """Distance from the eye in object units, 1 everywhere where a class has none."""
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
    },
    "bow": {
        "circle": lambda u, v: -disc(u, v, 0.0, 0.0, 0.5),
        "ring": lambda u, v: -disc(u, v, 0.0, 0.0, 0.62),
        "heart": lambda u, v: 0.25 - v,
        "crescent": lambda u, v: np.maximum(u, -disc(u, v, 0.0, 0.0, 0.6)),
        "fish": lambda u, v: -np.minimum(u, np.abs(v) - 0.12),
    },
    "stem": {
        "arrow": lambda u, v: u - 0.1,
        "tree": lambda u, v: v + 0.45,
        "cross": lambda u, v: v + 0.27,
    },
    "tip": {name: _around(centres, 0.24) for name, centres in _TIPS.items()},
    "corner": {name: _around(centres, 0.24) for name, centres in _CORNERS.items()},
    "eye": {name: _around((centre,), 0.14) for name, centre in _EYES.items()},
}
