"""Pillow's resampling of 8-bit images: the same pixels, of the part alone that a crop keeps.

Pillow scales the whole image, takes four bytes a pixel, and one pixel after the other. Here many
rows are scaled at once, in the whole numbers of Pillow's `Resample.c`: so every pixel is the same.
"""

import inspect
import math

import numba
import numpy as np
from jaxtyping import Int32, Int64, UInt8

REACH = {"bilinear": 1, "bicubic": 2}
"""How far a filter reaches to each side, in output pixels."""

BITS = 22
"""The binary places of a weight: of 32 bits, 8 are a pixel's and 2 are left for what overshoots."""

ROWS = 64
"""How many rows of an image are scaled across at once."""


def scales_across_first(shape: tuple[int, int], scaled: tuple[int, int]) -> bool:
    """Say whether every version of Pillow scales an image across before it scales it down.

    The order matters, for the pixels are rounded between the two. Since Pillow 13, an image whose
    height shrinks by more than twice as many pixels as its width is scaled down first.
    """
    shrinks, narrows = shape[0] - scaled[0], shape[1] - scaled[1]
    return shrinks <= max(0, 2 * narrows)


def resample_part(
    image: UInt8[np.ndarray, "height width 3"],
    scaled: tuple[int, int],
    corner: tuple[int, int],
    size: int,
    interpolation: str,
) -> UInt8[np.ndarray, "size size 3"]:
    """Scale an image, across first, and return the square of the result whose corner is given.

    Parameters
    ----------
    image : any size
    scaled : the height and width that the whole of it is scaled to
    corner : the top and left of the square in that
    size : the side of the square
    interpolation : `bicubic` or `bilinear`
    """
    height, width = image.shape[:2]
    reach = REACH[interpolation]
    down = axis_weights(height, scaled[0], corner[0], size, reach)
    across = axis_weights(width, scaled[1], corner[1], size, reach)
    first, taps = down[0], down[1].shape[1]
    top, bottom = int(first[0]), int(first[-1]) + taps
    pixels = np.require(image[top:bottom], requirements=["C", "W"])
    return scaled_down(scaled_across(pixels, *across), first - top, down[1])


def axis_weights_in_python(
    length: int, scaled: int, begin: int, kept: int, reach: int
) -> tuple[Int64[np.ndarray, " pixel"], Int32[np.ndarray, "pixel tap"]]:
    """Return of each pixel along an axis its first input pixel, and its weights, padded with 0.

    The axis of `length` is scaled to `scaled` pixels; returned are those from `begin` on, `kept` in
    all. A filter reaches wider where it shrinks (antialiasing), and at an edge its weights are
    brought back to a sum of one. The bicubic filter is that of Keys (1981) with a = −1/2.
    """
    scale = length / scaled
    wide = max(scale, 1.0)
    taps = 1 if length == scaled else min(length, 2 * math.ceil(reach * wide) + 1)
    first = np.zeros(kept, np.int64)
    weights = np.zeros((kept, taps), np.int32)
    values = np.zeros(taps)
    for row in range(kept):
        centre = (begin + row + 0.5) * scale
        start = max(0, int(centre - reach * wide + 0.5))
        end = min(length, int(centre + reach * wide + 0.5))
        if length == scaled:
            start, end = begin + row, begin + row + 1
        total = 0.0
        for place in range(end - start):
            x = abs((place + start - centre + 0.5) * (1.0 / wide))
            if reach == 1:
                value = max(0.0, 1.0 - x)
            elif x < 1.0:
                value = (1.5 * x - 2.5) * x * x + 1
            else:
                value = (((x - 5) * x + 8) * x - 4) * -0.5 if x < 2.0 else 0.0
            values[place] = value
            total += value
        first[row] = min(start, length - taps)
        for place in range(end - start):
            value = values[place] / total if total != 0.0 else values[place]
            rounded = int(value * (1 << BITS) + (0.5 if value >= 0 else -0.5))
            weights[row, start - first[row] + place] = rounded
    return first, weights


def scaled_across_in_python(
    pixels: UInt8[np.ndarray, "height width 3"],
    first: Int64[np.ndarray, " pixel"],
    weights: Int32[np.ndarray, "pixel tap"],
) -> UInt8[np.ndarray, "height pixel 3"]:
    """Return pixels scaled across: some rows at a time, turned so that a column lies in one."""
    height, width, _ = pixels.shape
    kept, taps = weights.shape
    scaled = np.empty((height, kept, 3), np.uint8)
    turned = np.zeros((width, 3 * ROWS), np.uint8)
    sums = np.empty(3 * ROWS, np.int32)
    for begin in range(0, height, ROWS):
        rows = min(ROWS, height - begin)
        for row in range(rows):
            for x in range(width):
                for channel in range(3):
                    turned[x, 3 * row + channel] = pixels[begin + row, x, channel]
        for pixel in range(kept):
            sums[:] = 1 << (BITS - 1)
            for tap in range(taps):
                weight, column = weights[pixel, tap], turned[first[pixel] + tap]
                for lane in range(3 * ROWS):
                    sums[lane] += weight * np.int32(column[lane])
            for row in range(rows):
                for channel in range(3):
                    value = sums[3 * row + channel] >> BITS
                    scaled[begin + row, pixel, channel] = min(max(value, 0), 255)
    return scaled


def scaled_down_in_python(
    pixels: UInt8[np.ndarray, "height width 3"],
    first: Int64[np.ndarray, " pixel"],
    weights: Int32[np.ndarray, "pixel tap"],
) -> UInt8[np.ndarray, "pixel width 3"]:
    """Return pixels scaled down, a whole row at a time."""
    height, width, _ = pixels.shape
    kept, taps = weights.shape
    rows = pixels.reshape(height, 3 * width)
    scaled = np.empty((kept, 3 * width), np.uint8)
    sums = np.empty(3 * width, np.int32)
    for pixel in range(kept):
        sums[:] = 1 << (BITS - 1)
        for tap in range(taps):
            weight, row = weights[pixel, tap], rows[first[pixel] + tap]
            for lane in range(3 * width):
                sums[lane] += weight * np.int32(row[lane])
        for lane in range(3 * width):
            scaled[pixel, lane] = min(max(sums[lane] >> BITS, 0), 255)
    return scaled.reshape(kept, width, 3)


compiled = numba.njit(nogil=True, cache=True)
axis_weights = compiled(inspect.unwrap(axis_weights_in_python))
scaled_across = compiled(inspect.unwrap(scaled_across_in_python))
scaled_down = compiled(inspect.unwrap(scaled_down_in_python))
