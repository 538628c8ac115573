import dataclasses

import numpy as np
import pytest

from stages.config.synthetic import STYLES, Attributes
from stages.synthetic.render import render, render_masks


def drawn(attributes: Attributes, style: str, seed: int = 0) -> np.ndarray:
    index = np.full(len(attributes), STYLES.index(style))
    styled = dataclasses.replace(attributes, style=index)
    return render(styled, 0.0, 32, np.random.default_rng(seed)) / 255


def test_a_negative_is_the_photo_with_light_and_dark_exchanged(each_class: Attributes):
    total = drawn(each_class, "photo") + drawn(each_class, "negative")
    unclipped = np.abs(total - 1) < 0.01
    assert unclipped.mean() > 0.99


def test_a_silhouette_is_black_inside_and_bright_outside(each_class: Attributes):
    images, inside = drawn(each_class, "silhouette"), render_masks(each_class, 32).object_
    assert np.median(images[inside]) < 0.1
    assert np.percentile(images[~inside], 5) > 0.3


def test_a_sketch_has_no_colour(each_class: Attributes):
    assert drawn(each_class, "sketch").std(axis=-1).max() < 1e-6


def test_a_cartoon_has_a_thicker_outline_than_a_photo(each_class: Attributes):
    black = [(drawn(each_class, style).max(-1) < 0.15).mean() for style in ("cartoon", "photo")]
    assert black[0] > 1.3 * black[1]


@pytest.mark.parametrize("style", STYLES)
def test_styles_differ_from_each_other(style: str, each_class: Attributes):
    images = drawn(each_class, style)
    others = [drawn(each_class, other) for other in STYLES if other != style]
    assert min(np.abs(images - other).mean() for other in others) > 0.05
