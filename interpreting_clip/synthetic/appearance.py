"""Colours and textures of objects, and the scenes behind them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

from interpreting_clip.synthetic.attributes import SCENES, TEXTURES
from interpreting_clip.synthetic.shapes import Axis, Grid, image_grid

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
"""The brightness of a colour in a texture's dark parts, relative to its light parts."""


def base_colours(
    colour: Int64[np.ndarray, " image"], rng: np.random.Generator
) -> Float32[np.ndarray, "image 3 1"]:
    """Return each object's plain colour: its palette entry, slightly varied."""
    change = rng.normal(0, 0.04, (len(colour), 3)).astype(np.float32)
    return np.clip(PALETTE[colour] + change, 0, 1)[:, :, None]


def darkness(
    texture: Int64[np.ndarray, " image"], u: Grid, v: Grid, rng: np.random.Generator
) -> Grid:
    """Return the darkness of the texture, 0 (plain colour) to 1; it turns with the object."""
    dark = np.empty_like(u)
    phase = rng.random((len(texture), 2, 1), np.float32)
    # In ascending order: patterns draw random numbers, so the order decides which they get.
    for index in np.unique(texture):
        rows = texture == index
        shift = phase[rows]
        pattern = _TEXTURES[TEXTURES[index]]
        dark[rows] = pattern(u[rows] + shift[:, 0], v[rows] + shift[:, 1], rng)
    return dark


def paint(
    flat: Float32[np.ndarray, "image 3 1"], dark: Grid
) -> Float32[np.ndarray, "image 3 pixel"]:
    """Apply the texture: the plain colour where it is light, a darker shade where it is dark."""
    return flat * (1 - (1 - SHADE) * dark)[:, None]


def _dotted(u: Grid, v: Grid, rng: np.random.Generator) -> Grid:
    column, row = np.mod(u * 2.1, 1) - 0.5, np.mod(v * 2.1, 1) - 0.5
    return (column**2 + row**2 < 0.085).astype(np.float32)


_TEXTURES: dict[str, Callable[[Grid, Grid, np.random.Generator], Grid]] = {
    "solid": lambda u, v, rng: np.zeros_like(u),
    "striped": lambda u, v, rng: (np.mod(v * 1.9, 1) < 0.5).astype(np.float32),
    "dotted": _dotted,
    "checkered": lambda u, v, rng: np.mod(np.floor(u * 2.6) + np.floor(v * 2.6), 2),
    "shaded": lambda u, v, rng: np.clip(v * 0.7 + 0.15, 0, 1),
    "speckled": lambda u, v, rng: rng.random(u.shape, np.float32),
}


Colour = tuple[float, float, float]

Scene = tuple[Colour, Colour, Grid]
"""Two colours, and how far each pixel is from the first to the second, 0 to 1."""


def backdrops(
    scene: Int64[np.ndarray, " image"], size: int, rng: np.random.Generator
) -> Float32[np.ndarray, "image 3 pixel"]:
    """Draw the scene of each image without its object, RGB 0 to 1, `size` × `size` pixels."""
    x, y = image_grid(size)
    rgb = np.empty((len(scene), 3, size * size), np.float32)
    # In ascending order, for the sake of the random numbers that scenes draw.
    for index in np.unique(scene):
        rows = np.flatnonzero(scene == index)
        near, far, amount = _SCENES[SCENES[index]](x, y, len(rows), rng)
        rgb[rows] = _mix(near, far, amount)
    return rgb


def _mix(near: Colour, far: Colour, amount: Grid) -> np.ndarray:
    start, end = (np.array(colour, np.float32)[None, :, None] for colour in (near, far))
    return start + (end - start) * amount[:, None]


def _uniform(
    rng: np.random.Generator, low: float, high: float, images: int
) -> Float32[np.ndarray, "image 1"]:
    return rng.uniform(low, high, (images, 1)).astype(np.float32)


def _sky(x: Axis, y: Axis, images: int, rng: np.random.Generator) -> Scene:
    """Blue above, paler below, with two clouds."""
    amount = np.tile((1 - y) * 0.25, (images, 1))
    for _ in range(2):
        left, up = _uniform(rng, -1.0, 1.0, images), _uniform(rng, -0.2, 1.0, images)
        amount += 0.8 * np.exp(-8 * ((x - left) / 2) ** 2 - 40 * (y - up) ** 2)
    return (0.40, 0.62, 0.95), (0.93, 0.96, 1.0), np.minimum(amount, 1)


def _grass(x: Axis, y: Axis, images: int, rng: np.random.Generator) -> Scene:
    """Green blades: noise that is the same along short vertical runs."""
    size = round(len(x) ** 0.5)
    blades = rng.random((images, -(-size // 4), size), np.float32)
    return (0.14, 0.36, 0.10), (0.48, 0.74, 0.30), _stretched(blades, size)


def _water(x: Axis, y: Axis, images: int, rng: np.random.Generator) -> Scene:
    """Horizontal waves."""
    start, bend = _uniform(rng, 0.0, 6.3, images), _uniform(rng, 2.0, 5.0, images)
    waves = 0.5 + 0.5 * np.sin(13 * y + np.sin(bend * x) + start)
    return (0.05, 0.30, 0.50), (0.35, 0.66, 0.78), waves


def _sand(x: Axis, y: Axis, images: int, rng: np.random.Generator) -> Scene:
    """Grains over slow dunes."""
    start = _uniform(rng, 0.0, 6.3, images)
    dunes = 0.5 + 0.5 * np.sin(3 * y + 1.5 * x + start)
    sand = 0.6 * dunes + 0.4 * rng.random(dunes.shape, np.float32)
    return (0.72, 0.58, 0.38), (0.94, 0.84, 0.62), sand


def _night(x: Axis, y: Axis, images: int, rng: np.random.Generator) -> Scene:
    """Dark, with a few stars."""
    sparkle = rng.random((images, len(x)), np.float32)
    return (0.04, 0.04, 0.14), (0.95, 0.95, 0.80), np.where(sparkle > 0.975, 0.8, 0.06 + 0.04 * y)


def _room(x: Axis, y: Axis, images: int, rng: np.random.Generator) -> Scene:
    """Wallpaper above a darker floor."""
    floor, start = _uniform(rng, -0.75, -0.35, images), _uniform(rng, 0.0, 6.3, images)
    wall = np.where(np.sin(9 * x + start) > 0, np.float32(0.85), np.float32(1))
    return (0.38, 0.20, 0.16), (0.88, 0.76, 0.74), np.where(y < floor, np.float32(0.12), wall)


def _stretched(runs: Float32[np.ndarray, "image run column"], size: int) -> Grid:
    return np.repeat(runs, 4, axis=1)[:, :size].reshape(len(runs), -1)


_SCENES: dict[str, Callable[[Axis, Axis, int, np.random.Generator], Scene]] = {
    "sky": _sky,
    "grass": _grass,
    "water": _water,
    "sand": _sand,
    "night": _night,
    "room": _room,
}
