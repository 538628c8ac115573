"""Render attributes as images in six styles, and as the images' true segmentation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from interpreting_clip.synthetic.appearance import backdrops, base_colours, darkness, paint
from interpreting_clip.synthetic.attributes import Attributes
from interpreting_clip.synthetic.shapes import (
    PARTS,
    Grid,
    eye_distance,
    image_grid,
    object_grid,
    part_mask,
    signed_distance,
)
from interpreting_clip.synthetic.world import STYLES

Rgb = Float32[np.ndarray, "image 3 pixel"]
"""Colours of flat images, 0 to 1."""


class Masks(NamedTuple):
    """Which pixels show the object, and which show each of its parts."""

    object_: Bool[np.ndarray, "image height width"]
    parts: dict[str, Bool[np.ndarray, "image height width"]]


class StyleInputs(NamedTuple):
    """What each style composes an image from.

    `distance` and `eye` are signed distances in pixels (negative inside), `dark` is the texture's
    darkness, `flat` the object's plain colour, `surface` the same with its texture.
    """

    distance: Grid
    eye: Grid
    dark: Grid
    flat: Float32[np.ndarray, "image 3 1"]
    surface: Rgb
    backdrop: Rgb

    @property
    def size(self) -> int:
        """The image's side in pixels."""
        return round(self.distance.shape[1] ** 0.5)

    @property
    def unit(self) -> float:
        """A 32nd of the side, in pixels: line widths scale with the image."""
        return self.size / 32

    def take(self, rows: np.ndarray) -> "StyleInputs":
        """Return the inputs of the images of `rows`."""
        return StyleInputs(*(values[rows] for values in self))


def render(
    attributes: Attributes, noise: float, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "image height width 3"]:
    """Render images of `size` × `size` pixels, with pixel noise of standard deviation `noise`."""
    inputs = _style_inputs(attributes, size, rng)
    rgb = np.empty_like(inputs.backdrop)
    # In ascending order, for the sake of the random numbers that styles draw.
    for index in np.unique(attributes.style):
        rows = np.flatnonzero(attributes.style == index)
        rgb[rows] = _STYLES[STYLES[index]](inputs.take(rows), rng)
    rgb += np.float32(noise) * rng.standard_normal(rgb.shape, np.float32)
    # + 0.5 rounds, since `astype` cuts off.
    pixels = np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.reshape(-1, 3, size, size).transpose(0, 2, 3, 1))


def render_masks(attributes: Attributes, size: int) -> Masks:
    """Return the true segmentation of the images that `render` draws from the same attributes."""
    # Only from the attributes: masks do not follow the outlines that some styles let waver.
    u, v = object_grid(attributes, size)
    inside = signed_distance(attributes.class_, u, v) < 0
    shape = (len(attributes), size, size)
    parts = {part: part_mask(part, attributes.class_, u, v, inside) for part in PARTS}
    return Masks(inside.reshape(shape), {name: mask.reshape(shape) for name, mask in parts.items()})


def _style_inputs(attributes: Attributes, size: int, rng: np.random.Generator) -> StyleInputs:
    u, v = object_grid(attributes, size)
    pixels = attributes.scale[:, None] * np.float32(size / 2)
    flat = base_colours(attributes.colour, rng)
    dark = darkness(attributes.texture, u, v, rng)
    return StyleInputs(
        distance=signed_distance(attributes.class_, u, v) * pixels,
        eye=eye_distance(attributes.class_, u, v) * pixels,
        dark=dark,
        flat=flat,
        surface=paint(flat, dark),
        backdrop=backdrops(attributes.scene, size, rng),
    )


def _coverage(distance: Grid) -> Grid:
    """Return how much of each pixel lies inside an outline: smooth over one pixel."""
    return np.clip(0.5 - distance, 0, 1)


def _blend(below: Rgb, above: Rgb | float, amount: Grid) -> Rgb:
    return below + (above - below) * amount[:, None]


def _compose(inputs: StyleInputs, surface: Rgb, backdrop: Rgb, rim: float) -> Rgb:
    """Backdrop, a dark rim of `rim` units, the object, its eye (white around a dark pupil)."""
    rgb = _blend(backdrop, 0.06, _coverage(inputs.distance - rim * inputs.unit))
    rgb = _blend(rgb, surface, _coverage(inputs.distance))
    rgb = _blend(rgb, 0.97, _coverage(inputs.eye))
    return _blend(rgb, 0.05, _coverage(inputs.eye + 1.1 * inputs.unit))


def _photo(inputs: StyleInputs, rng: np.random.Generator) -> Rgb:
    """Light from one side."""
    x, y = image_grid(inputs.size)
    slant = rng.uniform(-0.18, 0.18, (2, len(inputs.eye), 1)).astype(np.float32)
    light = 1 + slant[0] * x + slant[1] * y
    return _compose(inputs, inputs.surface, inputs.backdrop, 1.3) * light[:, None]


def _painting(inputs: StyleInputs, rng: np.random.Generator) -> Rgb:
    """Wavering outlines, few tones, warm colours, slanted brush strokes."""
    images, size = len(inputs.eye), inputs.size
    # Outlines waver by a share of the unit, so that a style looks alike at any image size.
    outline = inputs.distance + _wobble(images, size, 0.8, rng) * inputs.unit
    rgb = _compose(inputs._replace(distance=outline), inputs.surface, inputs.backdrop, 0.7)
    rgb = np.round(rgb * 4) / 4
    warm = np.array([0.96, 0.86, 0.66], np.float32)[None, :, None]
    return (0.75 * rgb + 0.22 * warm) * (1 + 0.22 * _strokes(images, size, rng))[:, None]


def _cartoon(inputs: StyleInputs, rng: np.random.Generator) -> Rgb:
    """A thick outline around two flat tones, before one flat pale tone."""
    vivid = np.clip(inputs.flat * 1.25 - 0.08, 0, 1)
    surface = vivid * np.where(inputs.dark > 0.5, np.float32(0.62), np.float32(1))[:, None]
    tone = inputs.backdrop.mean(axis=2, keepdims=True)
    backdrop = np.broadcast_to(0.25 + 0.75 * tone, inputs.backdrop.shape)
    return _compose(inputs, surface, backdrop, 2.4)


def _negative(inputs: StyleInputs, rng: np.random.Generator) -> Rgb:
    """A photo with light and dark exchanged."""
    return 1 - _photo(inputs, rng)


def _silhouette(inputs: StyleInputs, rng: np.random.Generator) -> Rgb:
    """A black object against the light; colour and texture are lost."""
    return _blend(0.5 + 0.5 * inputs.backdrop, 0.03, _coverage(inputs.distance))


def _sketch(inputs: StyleInputs, rng: np.random.Generator) -> Rgb:
    """Wobbly broken strokes along the outline, a little hatching, speckled paper."""
    images, size = len(inputs.eye), inputs.size
    ink = rng.uniform(0.45, 1, (images, 1)).astype(np.float32)
    outline = inputs.distance + _wobble(images, size, 0.9, rng) * inputs.unit
    broken = np.clip(4 * _wobble(images, size, 1.0, rng) + 3.4, 0, 1)
    stroke = _coverage(np.abs(outline) - 0.75 * inputs.unit) * broken
    hatching = 0.3 * inputs.dark * _coverage(inputs.distance)
    speckle = rng.random(outline.shape, np.float32) > 0.985
    ink = np.maximum(np.maximum(stroke, hatching) * ink, np.float32(0.5) * speckle)
    return _blend(np.full_like(inputs.backdrop, 0.93), 0.1, ink)


def _wobble(images: int, size: int, amount: float, rng: np.random.Generator) -> Grid:
    """Slow random waves across the image, between ±`amount`."""
    x, y = image_grid(size)
    waves = rng.uniform(-7, 7, (2, 2, images, 1)).astype(np.float32)
    start = rng.uniform(0, 6.3, (2, images, 1)).astype(np.float32)
    total = np.sin(waves[:, 0] * x + waves[:, 1] * y + start).sum(axis=0)
    return np.float32(amount / 2) * total


def _strokes(images: int, size: int, rng: np.random.Generator) -> Grid:
    """Noise drawn out along the diagonal, between ±1."""
    noise = rng.random((images, size + 3, size + 3), np.float32) - 0.5
    drawn = [noise[:, n : n + size, n : n + size] for n in range(4)]
    return np.sum(drawn, axis=0).reshape(images, -1) / 2


_STYLES: dict[str, Callable[[StyleInputs, np.random.Generator], Rgb]] = {
    "photo": _photo,
    "painting": _painting,
    "cartoon": _cartoon,
    "negative": _negative,
    "silhouette": _silhouette,
    "sketch": _sketch,
}
