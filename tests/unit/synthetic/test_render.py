import dataclasses

import numpy as np

from interpreting_clip.synthetic.appearance import PALETTE
from interpreting_clip.synthetic.attributes import TEXTURES, Attributes
from interpreting_clip.synthetic.render import render, render_masks
from interpreting_clip.synthetic.world import CLASSES


def photos(attributes: Attributes) -> np.ndarray:
    return render(attributes, 0.0, 32, np.random.default_rng(0))


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
