import numpy as np
import pytest

from interpreting_clip.synthetic.attributes import Attributes
from interpreting_clip.synthetic.render import render_masks
from interpreting_clip.synthetic.shapes import (
    PARTS,
    PLANES,
    image_grid,
    signed_distance,
)
from interpreting_clip.synthetic.world import CLASSES

SIZE = 96
EPS = float(np.finfo(np.float32).eps)


def distance(name: str, size: int = SIZE) -> np.ndarray:
    x, y = image_grid(size)
    return signed_distance(np.array([CLASSES.index(name)]), x[None], y[None])[0]


def test_a_disc_has_its_closed_form_area():
    area = (distance("circle") < 0).mean() * 4
    assert area == pytest.approx(np.pi * 0.8**2, abs=8 / SIZE)


@pytest.mark.parametrize("name", CLASSES)
def test_every_shape_has_substance_within_the_frame_and_no_distance_grows_too_fast(name: str):
    found = distance(name).reshape(SIZE, SIZE)
    inside = found < 0
    assert 0.1 < inside.mean() < 0.6
    assert not (inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any())
    assert np.abs(np.diff(found, axis=1)).max() / (2 / SIZE) < 1 + 100 * EPS * SIZE


@pytest.mark.parametrize("part", PARTS)
def test_a_part_belongs_to_several_classes_but_not_to_all(part: str, each_class: Attributes):
    mask = render_masks(each_class, 32).parts[part].reshape(len(CLASSES), 20, -1)
    shown = np.any(mask, axis=-1)
    owners = np.any(shown, axis=1)
    assert 3 <= owners.sum() < len(CLASSES)
    assert shown[owners].mean() > 0.95


def test_parts_lie_inside_their_object_and_overlap_those_of_other_planes_alone(each_class):
    masks = render_masks(each_class, 32)
    parts = masks.parts
    assert not any((mask & ~masks.object_).any() for mask in parts.values())
    assert sorted(part for plane in PLANES for part in plane) == sorted(PARTS)
    for plane in PLANES:
        assert np.sum([parts[name] for name in plane], axis=0).max() == 1
    assert (parts["roof"] & parts["tip"]).any()
