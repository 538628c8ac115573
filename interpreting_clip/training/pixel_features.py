"""What standard models see of an image: twelve kinds of features, all in whole numbers.

Each function takes 8-bit images and returns whole numbers that do not depend on the order of sums.
The blocks of an image are `side` rows and columns of them, as equal as the number of pixels allows.
Brightness is the sum of the channels.
"""

import numpy as np
from jaxtyping import Int, UInt8

from interpreting_clip.statistics.random_numbers import generator

Images = UInt8[np.ndarray, "image height width channel"]
Features = Int[np.ndarray, "image feature"]
Brightness = Int[np.ndarray, "image height width"]
Inner = Int[np.ndarray, "image inner_height inner_width"]

FILTERS = 8
"""How many random filters an image is convolved with."""

DIFFERENCE = 48
"""The brightness, of 765, by which a pixel has to exceed another to count as brighter."""


def grey(side: int, images: Images) -> Features:
    """Return the brightness summed over blocks."""
    return _flat(_block_sums(_brightness(images), side))


def colours(side: int, images: Images) -> Features:
    """Return each channel summed over blocks."""
    return _flat(_block_sums(images, side))


def darkest(side: int, images: Images) -> Features:
    """Count the pixels of blocks that belong to the image's darkest eighth.

    So neither contrast nor illumination matters, but for pixels as bright as the brightest of them.
    """
    brightness = _brightness(images)
    pixels = brightness.reshape(len(images), -1)
    rank = pixels.shape[1] // 8
    limit = np.partition(pixels, rank, axis=1)[:, rank, None, None]
    return _flat(_block_sums((brightness <= limit).astype(np.int32), side))


def ranges(side: int, images: Images) -> Features:
    """Return the difference between the brightest and the darkest pixel of blocks."""
    brightness = _brightness(images)
    rows, columns = _block_starts(brightness, side)
    highest, lowest = (
        extreme.reduceat(extreme.reduceat(brightness, rows, axis=1), columns, axis=2)
        for extreme in (np.maximum, np.minimum)
    )
    return _flat(highest - lowest).astype(np.int64)


def silhouettes(side: int, images: Images) -> Features:
    """Return how far colours are from the border's, summed over channels and blocks.

    The colour of the border is, in each channel, the median of the outermost pixels, the lower one
    of two.
    """
    pixels = images.astype(np.int32)
    top_and_bottom = [pixels[:, 0], pixels[:, -1]]
    border = np.concatenate([*top_and_bottom, pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]], axis=1)
    middle = (border.shape[1] - 1) // 2
    median = np.partition(border, middle, axis=1)[:, middle, None, None]
    return _flat(_block_sums(np.abs(pixels - median).sum(axis=3), side))


def edges(side: int, images: Images) -> Features:
    """Return the brightness's changes in each of eight directions, over blocks.

    A histogram of gradients: a pixel's gradient is the difference of its neighbours in both axes,
    its size the sum of their absolute values, its direction the octant that it points to.
    """
    right, down = _gradient(_brightness(images))
    size = np.abs(right) + np.abs(down)
    octant = 4 * (right > 0) + 2 * (down > 0) + (np.abs(right) > np.abs(down))
    return _histograms(octant, 8, side, size)


def edges_and_colours(side: int, images: Images) -> Features:
    """Return `edges` and half of `colours`, which has about the same spread on drawn photos."""
    return np.concatenate([edges(side, images), colours(side, images) // 2], axis=1)


def orientations(side: int, images: Images) -> Features:
    """Return the share of an image's edges in each of four orientations, over blocks.

    Like `edges`, but a pixel's gradient is that of the channel where it is largest, opposite
    directions count as one, and the sums are in 65,536ths of the sum over the image, so that
    neither which side is brighter nor the contrast matters.
    """
    right, down = _gradient(images.astype(np.int32))
    strongest = (np.abs(right) + np.abs(down)).argmax(axis=3)[..., None]
    right, down = (np.take_along_axis(each, strongest, 3)[..., 0] for each in (right, down))
    size = np.abs(right) + np.abs(down)
    orientation = 2 * ((right > 0) == (down > 0)) + (np.abs(right) > np.abs(down))
    totals = _histograms(orientation, 4, side, size)
    return 2**16 * totals // np.maximum(totals.sum(axis=1, keepdims=True), 1)


def patterns(side: int, images: Images) -> Features:
    """Count the centre-symmetric local binary patterns of pixels (Heikkilä et al. 2009), by block.

    A pattern is which of its four pairs of opposite neighbours differ by more than `DIFFERENCE`,
    the first of the two being the brighter. The paper's limit is 1 % of the range of brightness;
    ours is 6 %, since drawn photos are noisy.
    """
    pairs = _opposite_neighbours(_brightness(images))
    code = sum((a - b > DIFFERENCE) << bit for bit, (a, b) in enumerate(pairs))
    return _histograms(np.asarray(code), 16, side)


def curvatures(side: int, images: Images) -> Features:
    """Return the absolute second differences of brightness in four directions, over blocks."""
    brightness = _brightness(images)
    centre = 2 * brightness[:, 1:-1, 1:-1]
    bends = [np.abs(a + b - centre) for a, b in _opposite_neighbours(brightness)]
    return _flat(np.stack([_block_sums(bend, side) for bend in bends], axis=-1))


def filters(side: int, seed: int, images: Images) -> Features:
    """Return the absolute responses to `FILTERS` random filters of 3 × 3 pixels, over blocks.

    A filter subtracts the brightness of three random pixels from that of three others.
    """
    brightness = _brightness(images)
    height, width = (length - 2 for length in brightness.shape[1:])
    drawn, sums = generator(seed, "filters of standard models"), []
    for _ in range(FILTERS):
        weights = drawn.permutation(np.repeat([-1, 0, 1], 3)).reshape(3, 3).astype(np.int32)
        response = sum(
            weight * brightness[:, row : row + height, column : column + width]
            for (row, column), weight in np.ndenumerate(weights)
        )
        sums.append(_block_sums(np.abs(response), side))
    return _flat(np.stack(sums, axis=-1))


def profiles(images: Images) -> Features:
    """Return the brightness's changes across and down, each summed over every row and column."""
    brightness = _brightness(images)
    changes = [np.abs(np.diff(brightness, axis=axis)) for axis in (2, 1)]
    sums = [change.sum(axis=axis, dtype=np.int64) for change in changes for axis in (1, 2)]
    return np.concatenate(sums, axis=1)


def _brightness(images: Images) -> Brightness:
    return images.sum(axis=3, dtype=np.int32)


def _gradient(
    values: Int[np.ndarray, "image height width *channel"],
) -> tuple[Int[np.ndarray, "image ..."], Int[np.ndarray, "image ..."]]:
    """Return the differences of the neighbours to the right and left, and below and above."""
    right = values[:, 1:-1, 2:] - values[:, 1:-1, :-2]
    return right, values[:, 2:, 1:-1] - values[:, :-2, 1:-1]


def _opposite_neighbours(brightness: Brightness) -> list[tuple[Inner, Inner]]:
    """Return the inner pixels' neighbours: right and left, below and above, on both diagonals."""
    inner = {-1: slice(None, -2), 0: slice(1, -1), 1: slice(2, None)}
    return [
        (brightness[:, inner[y], inner[x]], brightness[:, inner[-y], inner[-x]])
        for y, x in ((0, 1), (1, 0), (1, 1), (1, -1))
    ]


def _histograms(
    codes: Int[np.ndarray, "image height width"],
    number: int,
    side: int,
    weights: Int[np.ndarray, "image height width"] | int = 1,
) -> Features:
    """Return the sum of the weights of the pixels of each code, block by block."""
    sums = [_block_sums(np.where(codes == code, weights, 0), side) for code in range(number)]
    return _flat(np.stack(sums, axis=-1))


def _block_starts(images: Images | Brightness, side: int) -> list[Int[np.ndarray, " block"]]:
    return [np.arange(side) * length // side for length in images.shape[1:3]]


def _block_sums(images: Images | Brightness, side: int) -> Int[np.ndarray, "image ..."]:
    rows, columns = _block_starts(images, side)
    # The sums of an image of 256 pixels fit into 32 bits.
    sums = np.add.reduceat(images, rows, axis=1, dtype=np.int32)
    return np.add.reduceat(sums, columns, axis=2).astype(np.int64)


def _flat(values: Int[np.ndarray, "image ..."]) -> Features:
    return values.reshape(len(values), -1)
