"""The masks of COCO's polygons and run lengths, and the label maps that hold them."""

import numpy as np
import pytest

from interpreting_clip.datasets.broden.coco import (
    RunLengths,
    label_planes,
    polygon_mask,
    run_length_mask,
    unpacked,
)


def inside(polygon: list[tuple[float, float]], x: float, y: float) -> bool:
    """Count the edges to the right of a point: the even-odd rule, point by point."""
    crossed = 0
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            crossed += 1
    return crossed % 2 == 1


@pytest.mark.parametrize("corners", [3, 4, 7, 20])
def test_a_polygon_has_the_pixels_whose_centres_it_encloses(corners: int):
    rng = np.random.default_rng(corners)
    for _ in range(20):
        # Also outside of the image, with edges that cross and edges that are level.
        points = rng.uniform(-4, 16, (corners, 2)).round(rng.integers(2, 4))
        points[1, 1] = points[0, 1]
        pairs = [(float(x), float(y)) for x, y in points]
        expected = [[inside(pairs, c + 0.5, r + 0.5) for c in range(13)] for r in range(11)]
        found = polygon_mask(points.ravel().tolist(), 11, 13)
        np.testing.assert_array_equal(found, expected)


def test_a_line_and_a_point_have_no_pixels():
    assert not polygon_mask([1.0, 1.0, 9.0, 9.0], 10, 10).any()
    assert not polygon_mask([3.0, 3.0], 10, 10).any()


def test_run_lengths_go_down_the_columns():
    found = run_length_mask(RunLengths((2, 3), [1, 2, 3]), 2, 3)
    assert found.tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        # As pycocotools 2.0.11 writes them; from the fourth on, differences of either sign.
        ("0<T1", [0, 12, 36]),
        ("d1\\94`<", [52, 300, 4, 700]),
        ("d1\\9\\e0XG", [52, 300, 684, 20]),
    ],
)
def test_packed_run_lengths(text: str, counts: list[int]):
    assert unpacked(text) == counts


def test_label_maps_hold_every_mask_whole():
    rng = np.random.default_rng(0)
    masks = {number: rng.random((9, 7)) < share for number, share in ((3, 0.4), (90, 0.2), (7, 0))}
    masks[400] = ~masks[3]
    planes = label_planes(masks)
    for number, mask in masks.items():
        shown = np.any([plane == number for plane in planes], axis=0)
        np.testing.assert_array_equal(shown, mask)
    apart = {1: masks[3], 2: ~masks[3]}
    assert len(label_planes(apart)) == 1 and not label_planes({7: masks[7]})
