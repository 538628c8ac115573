"""From attributes to pixels."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, UInt8

from stages.config.synthetic import STYLES, Attributes
from stages.synthetic.appearance import base_colours, darkness, paint
from stages.synthetic.scenes import backdrops
from stages.synthetic.shapes import PARTS, eye_distance, object_grid, part_mask, signed_distance
from stages.synthetic.styles import Layers, draw


@dataclass(frozen=True)
class Masks:
    """Which pixels show the object, and which show each of its parts."""

    object_: Bool[np.ndarray, "image height width"]
    parts: dict[str, Bool[np.ndarray, "image height width"]]


def render(
    attributes: Attributes, noise: float, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "image height width 3"]:
    """The images of `attributes`, `size` × `size` pixels, with pixel noise of sd `noise`."""
    layers = _layers(attributes, size, rng)
    pictures = np.empty_like(layers.backdrop)
    for index in np.unique(attributes.style):
        rows = np.flatnonzero(attributes.style == index)
        pictures[rows] = draw(STYLES[index], _take(layers, rows), rng)
    pictures += np.float32(noise) * rng.standard_normal(pictures.shape, np.float32)
    pixels = np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.reshape(-1, 3, size, size).transpose(0, 2, 3, 1))


def render_masks(attributes: Attributes, size: int) -> Masks:
    """The true segmentation of the images that `render` draws from the same attributes."""
    u, v = object_grid(attributes, size)
    inside = signed_distance(attributes.class_, u, v) < 0
    shape = (len(attributes), size, size)
    parts = {part: part_mask(part, attributes.class_, u, v, inside) for part in PARTS}
    return Masks(inside.reshape(shape), {name: mask.reshape(shape) for name, mask in parts.items()})


def _layers(attributes: Attributes, size: int, rng: np.random.Generator) -> Layers:
    u, v = object_grid(attributes, size)
    pixels = attributes.scale[:, None] * np.float32(size / 2)
    flat = base_colours(attributes.colour, rng)
    dark = darkness(attributes.texture, u, v, rng)
    return Layers(
        distance=signed_distance(attributes.class_, u, v) * pixels,
        eye=eye_distance(attributes.class_, u, v) * pixels,
        dark=dark,
        flat=flat,
        surface=paint(flat, dark),
        backdrop=backdrops(attributes.scene, size, rng),
    )


def _take(layers: Layers, rows: np.ndarray) -> Layers:
    return Layers(**{field.name: getattr(layers, field.name)[rows] for field in fields(layers)})
