import numpy as np
import pytest

from stages.config.synthetic import CLASSES, Attributes
from stages.synthetic.render import render_masks
from stages.synthetic.shapes import PARTS, PLANES


@pytest.mark.parametrize("part", PARTS)
def test_a_part_belongs_to_several_classes_but_not_to_all(part: str, each_class: Attributes):
    mask = render_masks(each_class, 32).parts[part].reshape(len(CLASSES), 20, -1)
    shown = np.any(mask, axis=-1)
    owners = np.any(shown, axis=1)
    assert 3 <= owners.sum() < len(CLASSES)
    assert shown[owners].mean() > 0.95


def test_parts_lie_inside_their_object(each_class: Attributes):
    masks = render_masks(each_class, 32)
    for mask in masks.parts.values():
        assert not (mask & ~masks.object_).any()


@pytest.mark.parametrize("plane", PLANES)
def test_parts_of_one_plane_never_overlap(plane: tuple[str, ...], each_class: Attributes):
    parts = render_masks(each_class, 32).parts
    assert np.sum([parts[name] for name in plane], axis=0).max() == 1


def test_parts_of_different_planes_do_overlap(each_class: Attributes):
    parts = render_masks(each_class, 32).parts
    assert (parts["roof"] & parts["tip"]).any()


def test_every_part_is_in_a_plane():
    assert sorted(part for plane in PLANES for part in plane) == sorted(PARTS)
