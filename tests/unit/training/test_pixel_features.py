import itertools

import numpy as np
import pytest

from interpreting_clip.statistics.random_numbers import generator
from interpreting_clip.training.pixel_features import (
    DIFFERENCE,
    FILTERS,
    colours,
    curvatures,
    darkest,
    edges,
    edges_and_colours,
    filters,
    grey,
    orientations,
    patterns,
    profiles,
    ranges,
    silhouettes,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 10, 13, 3)).astype(np.uint8)
BRIGHTNESS = IMAGES.astype(int).sum(axis=3)


def blocks(side, pixels):
    """Return the pixels of each of an image's blocks, as whole numbers."""
    starts = [[block * length // side for block in range(side + 1)] for length in pixels.shape[:2]]
    rows, columns = ([slice(*ends) for ends in itertools.pairwise(of)] for of in starts)
    return [pixels[r, c].astype(int) for r in rows for c in columns]


def around(image, y, x):
    """Return the eight neighbours of a pixel, each followed by the one opposite to it."""
    steps = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]
    return [int(image[y + down, x + right]) for down, right in steps]


def inner(image, seen):
    """Return what `seen` makes of each pixel that has eight neighbours."""
    height, width = image.shape[:2]
    rows = [[seen(image, y, x) for x in range(1, width - 1)] for y in range(1, height - 1)]
    return np.array(rows)


def test_features_are_sums_over_blocks_of_pixels():
    images = RNG.integers(0, 256, (2, 7, 10, 3)).astype(np.uint8)
    rows, columns = (
        [slice(0, 2), slice(2, 4), slice(4, 7)],
        [slice(0, 3), slice(3, 6), slice(6, 10)],
    )
    blocks = [
        [image[r, c].reshape(-1, 3).sum(axis=0) for r in rows for c in columns] for image in images
    ]
    np.testing.assert_array_equal(colours(3, images), np.array(blocks).reshape(2, -1))
    np.testing.assert_array_equal(grey(3, images), np.array(blocks).sum(axis=2))
    both = edges_and_colours(3, images)
    np.testing.assert_array_equal(both[:, :72], edges(3, images))
    np.testing.assert_array_equal(both[:, 72:], colours(3, images) // 2)


def test_edges_have_the_direction_in_which_an_image_brightens():
    ramp = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None], (8, 8, 3))
    right, down = edges(1, np.stack([ramp, ramp.swapaxes(0, 1)]))
    # 36 pixels inside the border, each with a change of two steps in three channels
    assert down.tolist() == [0, 0, 36 * 6, 0, 0, 0, 0, 0]
    assert right.tolist() == [0, 0, 0, 0, 0, 36 * 6, 0, 0]
    assert not edges(2, np.full((1, 8, 8, 3), 200, np.uint8)).any()


def test_orientations_see_neither_contrast_nor_which_side_is_brighter():
    images = RNG.integers(0, 128, (5, 20, 20, 3)).astype(np.uint8)
    expected = orientations(3, images)
    np.testing.assert_array_equal(orientations(3, 2 * images), expected)
    np.testing.assert_array_equal(orientations(3, 255 - images), orientations_by_hand(images, -1))
    np.testing.assert_array_equal(expected, orientations_by_hand(images, 1))
    assert not orientations(2, np.full((1, 8, 8, 3), 200, np.uint8)).any()


def orientations_by_hand(images, sign):
    """Return `orientations(3, ...)` pixel by pixel, of gradients that are turned by `sign`."""
    found = np.zeros((len(images), 3, 3, 4), np.int64)
    size = images.shape[1] - 2
    for i, image in enumerate(images.astype(int)):
        for y in range(size):
            for x in range(size):
                right = sign * (image[y + 1, x + 2] - image[y + 1, x])
                down = sign * (image[y + 2, x + 1] - image[y, x + 1])
                channel = int((abs(right) + abs(down)).argmax())
                a, b = int(right[channel]), int(down[channel])
                orientation = 2 * ((a > 0) == (b > 0)) + (abs(a) > abs(b))
                found[i, y * 3 // size, x * 3 // size, orientation] += abs(a) + abs(b)
    flat = found.reshape(len(images), -1)
    return 2**16 * flat // flat.sum(axis=1, keepdims=True)


def test_the_darkest_pixels_stay_when_contrast_and_brightness_change():
    found = darkest(3, IMAGES // 4)
    np.testing.assert_array_equal(darkest(3, 2 * (IMAGES // 4) + 40), found)
    for image, row in zip(BRIGHTNESS, darkest(3, IMAGES), strict=True):
        limit = sorted(image.ravel())[130 // 8]
        assert row.tolist() == [np.sum(block <= limit) for block in blocks(3, image)]


def test_ranges_are_between_the_extremes_of_a_block():
    for image, row in zip(BRIGHTNESS, ranges(4, IMAGES), strict=True):
        assert row.tolist() == [np.ptp(block) for block in blocks(4, image)]


def test_silhouettes_are_distances_from_the_colour_of_the_border():
    figure = np.full((1, 8, 8, 3), (10, 200, 90), np.uint8)
    figure[0, :3, 1:5] = 90  # reaches the border, which keeps its colour
    assert silhouettes(2, figure).tolist() == [[9 * 190, 3 * 190, 0, 0]]
    for image, row in zip(IMAGES, silhouettes(3, IMAGES), strict=True):
        height, width = image.shape[:2]
        outermost = [
            image[y, x]
            for y in range(height)
            for x in range(width)
            if y in (0, height - 1) or x in (0, width - 1)
        ]
        colour = np.sort(outermost, axis=0)[len(outermost) // 2 - 1].astype(int)
        assert row.tolist() == [np.abs(block - colour).sum() for block in blocks(3, image)]


def test_patterns_count_which_opposite_neighbours_differ():
    def code(image, y, x):
        ring = around(image, y, x)
        return sum((ring[2 * i] > ring[2 * i + 1] + DIFFERENCE) << i for i in range(4))

    for image, row in zip(BRIGHTNESS, patterns(2, IMAGES), strict=True):
        counts = [
            np.bincount(block.ravel(), minlength=16) for block in blocks(2, inner(image, code))
        ]
        assert row.tolist() == np.concatenate(counts).tolist()


def test_curvatures_are_second_differences_and_see_no_ramp():
    def bends(image, y, x):
        ring = around(image, y, x)
        return [abs(ring[2 * i] - 2 * image[y, x] + ring[2 * i + 1]) for i in range(4)]

    for image, row in zip(BRIGHTNESS, curvatures(3, IMAGES), strict=True):
        sums = [block.sum(axis=(0, 1)) for block in blocks(3, inner(image, bends))]
        assert row.tolist() == np.concatenate(sums).tolist()
    ramp = np.add.outer(3 * np.arange(9), 5 * np.arange(9)).astype(np.uint8)
    assert not curvatures(2, np.stack([ramp] * 3, axis=-1)[None]).any()


@pytest.mark.parametrize("seed", [0, 3])
def test_filters_weigh_three_pixels_against_three_others(seed):
    drawn = generator(seed, "filters of standard models")
    weights = [drawn.permutation(np.repeat([-1, 0, 1], 3)).reshape(3, 3) for _ in range(FILTERS)]

    def responses(image, y, x):
        square = image[y - 1 : y + 2, x - 1 : x + 2]
        return [abs(np.sum(square * each)) for each in weights]

    for image, row in zip(BRIGHTNESS, filters(2, seed, IMAGES), strict=True):
        sums = [block.sum(axis=(0, 1)) for block in blocks(2, inner(image, responses))]
        assert row.tolist() == np.concatenate(sums).tolist()
    assert not filters(2, seed, np.full((1, 8, 8, 3), 200, np.uint8)).any()


def test_profiles_sum_changes_along_rows_and_columns():
    for image, row in zip(BRIGHTNESS, profiles(IMAGES), strict=True):
        across, down = abs(image[:, 1:] - image[:, :-1]), abs(image[1:] - image[:-1])
        sums = [across.sum(axis=0), across.sum(axis=1), down.sum(axis=0), down.sum(axis=1)]
        assert row.tolist() == np.concatenate(sums).tolist()
