"""How an object's surface looks: eight colours, six textures."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

from stages.config.synthetic import TEXTURES
from stages.synthetic.shapes import Grid

PALETTE = np.array(
    [
        (0.85, 0.12, 0.12),
        (0.95, 0.52, 0.08),
        (0.95, 0.88, 0.15),
        (0.13, 0.62, 0.20),
        (0.15, 0.80, 0.85),
        (0.15, 0.25, 0.85),
        (0.95, 0.45, 0.75),
        (0.95, 0.95, 0.95),
    ],
    np.float32,
)
"""RGB of each colour, 0 to 1."""

SHADE = 0.4
"""What is left of a colour in the dark parts of a texture."""


def base_colours(
    colour: Int64[np.ndarray, " image"], rng: np.random.Generator
) -> Float32[np.ndarray, "image 3 1"]:
    """Each object's plain colour: its palette entry, varied a little from image to image."""
    change = rng.normal(0, 0.04, (len(colour), 3)).astype(np.float32)
    return np.clip(PALETTE[colour] + change, 0, 1)[:, :, None]


def darkness(
    texture: Int64[np.ndarray, " image"],
    u: Float32[np.ndarray, "image pixel"],
    v: Float32[np.ndarray, "image pixel"],
    rng: np.random.Generator,
) -> Float32[np.ndarray, "image pixel"]:
    """How dark the texture makes each pixel, 0 (plain colour) to 1; it turns with the object."""
    dark = np.empty_like(u)
    phase = rng.random((len(texture), 2, 1), np.float32)
    for index in np.unique(texture):
        rows = texture == index
        shift = phase[rows]
        pattern = _TEXTURES[TEXTURES[index]]
        dark[rows] = pattern(u[rows] + shift[:, 0], v[rows] + shift[:, 1], rng)
    return dark


def paint(
    flat: Float32[np.ndarray, "image 3 1"], dark: Float32[np.ndarray, "image pixel"]
) -> Float32[np.ndarray, "image 3 pixel"]:
    """The textured surface: the plain colour where it is light, a shade of it where dark."""
    return flat * (1 - (1 - SHADE) * dark)[:, None]


def _solid(u: Grid, v: Grid, rng: np.random.Generator) -> Grid:
    return np.zeros_like(u)


def _striped(u: Grid, v: Grid, rng: np.random.Generator) -> Grid:
    return (np.mod(v * 1.9, 1) < 0.5).astype(np.float32)


def _dotted(u: Grid, v: Grid, rng: np.random.Generator) -> Grid:
    column, row = np.mod(u * 2.1, 1) - 0.5, np.mod(v * 2.1, 1) - 0.5
    return (column**2 + row**2 < 0.085).astype(np.float32)


def _checkered(u: Grid, v: Grid, rng: np.random.Generator) -> Grid:
    return np.mod(np.floor(u * 2.6) + np.floor(v * 2.6), 2)


def _shaded(u: Grid, v: Grid, rng: np.random.Generator) -> Grid:
    return np.clip(v * 0.7 + 0.15, 0, 1)


def _speckled(u: Grid, v: Grid, rng: np.random.Generator) -> Grid:
    return rng.random(u.shape, np.float32)


_TEXTURES: dict[str, Callable[[Grid, Grid, np.random.Generator], Grid]] = {
    "solid": _solid,
    "striped": _striped,
    "dotted": _dotted,
    "checkered": _checkered,
    "shaded": _shaded,
    "speckled": _speckled,
}
