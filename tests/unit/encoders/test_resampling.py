"""Pixels are Pillow's, whatever the sizes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from stages.encoders.preprocess import FILTERS
from stages.encoders.resampling import (
    axis_weights_in_python,
    resample_part,
    scaled_across_in_python,
    scaled_down_in_python,
    scales_across_first,
)

SIDE = st.integers(1, 90)


def pillow(image, scaled, corner, size, interpolation):
    whole = Image.fromarray(image).resize(scaled[::-1], FILTERS[interpolation])
    return np.asarray(whole)[corner[0] :, corner[1] :][:size, :size]


def noise(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Return random pixels, every other seed only the darkest and the brightest."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    return pixels if seed % 2 else (pixels // 128 * 255).astype(np.uint8)


@settings(deadline=None, max_examples=200)
@given(
    st.tuples(SIDE, SIDE),
    st.tuples(SIDE, SIDE),
    st.data(),
    st.sampled_from(sorted(FILTERS)),
    st.integers(0, 999),
)
def test_the_pixels_are_pillow_s(shape, scaled, data, interpolation, seed):
    assume(scales_across_first(shape, scaled))
    size = data.draw(st.integers(1, min(scaled)))
    corner = tuple(data.draw(st.integers(0, side - size)) for side in scaled)
    image = noise(shape, seed)
    part = resample_part(image, scaled, corner, size, interpolation)
    assert np.array_equal(part, pillow(image, scaled, corner, size, interpolation))


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("shape", [(375, 500), (500, 375), (333, 1000), (160, 120)])
def test_the_pixels_of_a_photograph_are_pillow_s(shape, interpolation):
    shorter = min(shape)
    scaled = tuple(224 * side // shorter for side in shape)
    corner = tuple((side - 224) // 2 for side in scaled)
    image = noise(shape, 1)
    part = resample_part(image, scaled, corner, 224, interpolation)
    assert np.array_equal(part, pillow(image, scaled, corner, 224, interpolation))


def test_compiled_or_not_the_pixels_are_the_same():
    image = noise((20, 15), 3)
    down, across = (axis_weights_in_python(side, 9, 1, 7, 2) for side in (20, 15))
    slow = scaled_down_in_python(scaled_across_in_python(image, *across), *down)
    assert np.array_equal(slow, resample_part(image, (9, 9), (1, 1), 7, "bicubic"))


@pytest.mark.parametrize(
    ("shape", "scaled", "first"),
    [
        ((375, 500), (224, 298), True),
        ((500, 375), (298, 224), True),
        ((900, 300), (672, 224), False),
        ((10, 400), (30, 100), True),
        ((40, 20), (39, 30), False),
    ],
)
def test_tall_images_are_left_to_pillow(shape, scaled, first):
    assert scales_across_first(shape, scaled) is first


def test_an_image_that_may_not_be_written_to_is_read():
    image = noise((30, 40), 5)
    expected = resample_part(image, (20, 27), (0, 3), 20, "bicubic")
    image.flags.writeable = False
    assert np.array_equal(resample_part(image, (20, 27), (0, 3), 20, "bicubic"), expected)
