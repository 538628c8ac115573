import numpy as np
import pytest

from page.direction_entries import FEWEST_LISTED, direction_entries, pruned_below
from tests.drawn_directions import THRESHOLD, curve_of, directions_of, draw_axes, draw_browser

CURVE = curve_of([0.0, 0.25, 0.5, 0.75], [60.0, 61.0, 50.0, 20.0])


@pytest.fixture
def browser(tmp_path):
    return draw_browser(tmp_path)


def test_the_cost_is_that_of_the_most_that_prunes_less_important_directions_alone():
    known = {8: (0, 60, 0), 6: (2, 61, -1), 4: (4, 50, 10), 2: (6, 20, 40), 1: (6, 20, 40)}
    for number, expected in known.items():
        found = pruned_below(number, 8, CURVE)
        assert (found.removed, found.accuracy, found.cost) == expected, number


def test_directions_are_numbered_by_importance_with_their_nearest_feature():
    vectors = np.array([[0.0, 0.6, -0.8], [0.0, 0.8, 0.6], [1.0, 0.0, 0.0]])
    directions = directions_of(vectors, np.array([1.0, 2.0, 0.5]), np.array([0.6, 0.3, 0.1]))
    found = direction_entries(directions, CURVE, draw_axes([1, 2], [1, 1]), None)
    assert [(entry.number, entry.singular_value) for entry in found] == [(1, 1), (2, 2), (3, 0.5)]
    for entry, share in zip(found, (0.6, 0.3, 0.1), strict=True):
        assert (entry.share, entry.logit_variance) == pytest.approx((share, share))
    assert [(entry.feature, entry.cosine) for entry in found[:2]] == [(2, 0.8), (1, 0.8)]


def test_concepts_and_images_are_those_of_the_direction(browser):
    probe = browser.probe
    basis, ends = probe.found.directions, probe.ends["directions"]
    names = [concept["name"] for concept in probe.concepts]
    segmented = np.array([c["category"] != "scene" for c in probe.concepts])
    for row, entry in enumerate(browser.directions):
        found, precisions = entry.probed, basis.precisions[row]
        assert [image.image for image in found.top] == ends.top[row].tolist()
        assert [image.score for image in found.bottom] == ends.bottom_scores[row].tolist()
        encodes = precisions >= THRESHOLD
        assert found.encoded == encodes.sum()
        listed = [concept.precision for concept in found.concepts]
        assert listed == sorted(precisions, reverse=True)[: max(found.encoded, FEWEST_LISTED)]
        assert [concept.encoded for concept in found.concepts] == [p >= THRESHOLD for p in listed]
        outlined = np.where(segmented & encodes, precisions, 0)
        best = int(outlined.argmax()) if outlined.any() else None
        assert (found.outlined, found.outlined_name) == (best, "" if best is None else names[best])
        for image in (*found.top, *found.bottom):
            shown = probe.labels.concept[probe.labels.image == image.image]
            known = {names[number - 1] for number in shown.tolist()}
            assert set(image.concepts) <= known and len(image.concepts) == min(len(known), 6)
            mask = probe.outline(image.image, found)
            assert (mask is not None) == (best is not None and best + 1 in shown)
    assert {entry.probed.outlined is None for entry in browser.directions} == {True, False}
    for concept in browser.concepts:
        column = basis.precisions[:, names.index(concept.name)]
        assert concept.encoding == (column >= THRESHOLD).sum()
        # the best directions, or the nearest to one that would encode it
        best = np.argsort(-column)[: max(concept.encoding, 1)].tolist()
        assert concept.best == [(row + 1, column[row]) for row in best]
    assert [concept.name for concept in browser.concepts] == sorted(names)
    assert {concept.encoding == 0 for concept in browser.concepts} == {True, False}
