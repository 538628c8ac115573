"""Sprites: many small images in one file, each with the outline of a concept's mask."""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from interpreting_clip.datasets.broden.thumbnails import SIDE, Mask

Pixels = UInt8[np.ndarray, "height width 3"]

GROUND = 128
"""The grey around an image that is not square."""

TINY = 32
"""The side of the tiles of an index, in pixels."""


def tile(image: Pixels, mask: Mask | None) -> UInt8[np.ndarray, "side side 3"]:
    """Return an image in the middle of a square of `SIDE` pixels, with the outline of a mask.

    A smaller image is enlarged without smoothing its pixels. The outline is a double stroke, white
    inside the mask and black around it, so that it is visible on any background.
    """
    from PIL import Image

    height, width, _ = image.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    nearest = Image.Resampling.NEAREST
    fitted = np.array(Image.fromarray(image).resize(size, nearest) if scale > 1 else image)
    if mask is not None:
        bits = Image.fromarray(mask.astype(np.uint8) * 255)
        smooth = bits.resize(fitted.shape[1::-1], Image.Resampling.BILINEAR)
        draw_outline(fitted, np.asarray(smooth) >= 128)
    square = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    top, left = ((SIDE - length) // 2 for length in fitted.shape[:2])
    square[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return square


def draw_outline(pixels: Pixels, mask: Bool[np.ndarray, "height width"]) -> None:
    """Draw the double stroke into an image; at its edge, only the stroke inside the mask."""
    inner = mask & ~eroded(mask, edge=False)
    pixels[~mask & ~eroded(~mask, edge=True)] = 0
    pixels[inner] = 255


def eroded(mask: Bool[np.ndarray, "height width"], edge: bool) -> Bool[np.ndarray, "height width"]:
    """Return the pixels whose eight neighbours are all in a mask, which is `edge` outside."""
    padded = np.pad(mask, 1, constant_values=edge)
    rows = padded[:-2] & padded[1:-1] & padded[2:]
    return rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]


def sprite(tiles: Sequence[UInt8[np.ndarray, "side side 3"]], columns: int) -> bytes:
    """Return tiles of one size as a JPEG, row by row, `columns` in each; the rest is grey."""
    from PIL import Image

    side, rows = len(tiles[0]), -(-len(tiles) // columns)
    sheet = np.full((rows * side, columns * side, 3), GROUND, np.uint8)
    for place, each in enumerate(tiles):
        top, left = side * (place // columns), side * (place % columns)
        sheet[top : top + side, left : left + side] = each
    stream = io.BytesIO()
    Image.fromarray(sheet).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def tiny(image: Pixels) -> UInt8[np.ndarray, "side side 3"]:
    """Return an image in the middle of a square of `TINY` pixels, without an outline."""
    from PIL import Image

    whole = Image.fromarray(tile(image, None))
    return np.asarray(whole.resize((TINY, TINY), Image.Resampling.BOX))
