import dataclasses

import numpy as np
import pytest

from interpreting_clip.synthetic.appearance import PALETTE
from interpreting_clip.synthetic.attributes import TEXTURES, Attributes
from interpreting_clip.synthetic.render import render, render_masks
from interpreting_clip.synthetic.world import CLASSES, STYLES


def photos(attributes: Attributes, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    return render(attributes, noise, 32, np.random.default_rng(seed))


def plain(attributes: Attributes) -> Attributes:
    solid = np.full(len(attributes), TEXTURES.index("solid"))
    return dataclasses.replace(attributes, texture=solid)


def test_the_mask_covers_the_object_s_own_colour(each_class: Attributes):
    attributes = plain(each_class)
    images, inside = photos(attributes) / 255, render_masks(attributes, 32).object_
    seen = np.array([np.median(i[m], axis=0) for i, m in zip(images, inside, strict=True)])
    nearest = np.linalg.norm(seen[:, None] - PALETTE, axis=2).argmin(1)
    assert (nearest == attributes.colour).mean() > 0.97


def test_only_pixels_at_the_mask_and_its_rim_depend_on_the_class(each_class: Attributes):
    attributes = plain(each_class)
    other = dataclasses.replace(attributes, class_=(attributes.class_ + 1) % len(CLASSES))
    changed = (photos(attributes) != photos(other)).any(-1)
    objects = render_masks(attributes, 32).object_ | render_masks(other, 32).object_
    near = np.lib.stride_tricks.sliding_window_view(
        np.pad(objects, ((0, 0), (6, 6), (6, 6))), (13, 13), axis=(1, 2)
    ).any(axis=(-2, -1))
    assert not (changed & ~near).any()


def test_noise_has_its_standard_deviation(each_class: Attributes):
    clean, noisy = photos(each_class), photos(each_class, 0.05)
    grey = (clean > 80) & (clean < 170)
    spread = (noisy[grey].astype(float) - clean[grey]).std() / 255
    assert spread == pytest.approx(0.05, rel=0.02)


def drawn(attributes: Attributes, style: str, seed: int = 0) -> np.ndarray:
    index = np.full(len(attributes), STYLES.index(style))
    styled = dataclasses.replace(attributes, style=index)
    return render(styled, 0.0, 32, np.random.default_rng(seed)) / 255


def test_a_negative_is_the_photo_with_light_and_dark_exchanged(each_class: Attributes):
    total = drawn(each_class, "photo") + drawn(each_class, "negative")
    unclipped = np.abs(total - 1) < 0.01
    assert unclipped.mean() > 0.99
