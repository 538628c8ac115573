import numpy as np
import pytest

from page.direction_entries import (
    LISTED,
    by_importance,
    direction_entries,
    pruned_below,
)
from tests.drawn_directions import THRESHOLD, draw_browser

ACCURACIES = [60.0, 61.0, 50.0, 20.0]


def curve(fractions, accuracies):
    heads = {"classes": {"accuracy": {"imagenet": accuracies}}}
    return {"fractions": fractions, "centre": "classes", "heads": heads}


CURVE = curve([0.0, 0.25, 0.5, 0.75], ACCURACIES)


@pytest.fixture
def browser(tmp_path):
    return draw_browser(tmp_path)


@pytest.mark.parametrize(
    ("number", "removed", "accuracy", "cost"),
    [(8, 0, 60, 0), (7, 0, 60, 0), (6, 2, 61, -1), (4, 4, 50, 10), (2, 6, 20, 40), (1, 6, 20, 40)],
)
def test_the_cost_is_that_of_the_most_that_prunes_less_important_directions_alone(
    number, removed, accuracy, cost
):
    found = pruned_below(number, 8, CURVE)
    assert (found.removed, found.accuracy, found.cost) == (removed, accuracy, cost)
    assert found.removed <= 8 - number


def test_directions_are_numbered_by_importance_with_their_nearest_feature():
    importance = np.array([0.1, 0.6, 0.3])
    vectors = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.0, 0.8, 0.6]])
    arrays = {"directions": vectors, "singular_values": np.arange(3.0), "importance": importance}
    arrays |= {"logit_variance": np.array([0.7, 0.1, 0.2])}
    found = direction_entries(arrays, CURVE, {"feature": [1, 2]}, None)
    assert [entry.number for entry in found] == [1, 2, 3]
    assert [entry.singular_value for entry in found] == [1, 2, 0]
    assert [entry.share for entry in found] == pytest.approx([0.6, 0.3, 0.1])
    assert [entry.logit_variance for entry in found] == [0.1, 0.2, 0.7]
    assert [(entry.feature, entry.cosine) for entry in found[:2]] == [(2, 0.8), (1, 0.8)]
    assert all(entry.probed is None for entry in found)
    # as in stage `broden`: if importances are equal, the first row comes first
    assert by_importance(np.array([1.0, 2.0, 2.0])).tolist() == [1, 2, 0]


def test_concepts_and_images_are_those_of_the_direction(browser):
    probe = browser.probe
    order = by_importance(np.array([0.0] * len(browser.directions)))
    assert len(order) == len(browser.directions)
    rows = {
        tuple(row): place for place, row in enumerate(probe.extremes["directions_top"].tolist())
    }
    for entry in browser.directions:
        found = entry.probed
        row = rows[tuple(image.image for image in found.top)]
        precisions = probe.precisions["directions"][row]
        encoded = int((precisions >= THRESHOLD).sum())
        assert found.encoded == encoded
        listed = [concept.precision for concept in found.concepts]
        assert listed == sorted(precisions, reverse=True)[: max(encoded, LISTED)]
        assert [concept.encoded for concept in found.concepts] == [p >= THRESHOLD for p in listed]
        assert [image.image for image in found.bottom] == probe.extremes["directions_bottom"][
            row
        ].tolist()
        segmented = [c["category"] != "scene" for c in probe.concepts]
        shown_ones = segmented & (precisions >= THRESHOLD)
        best = int(np.argmax(np.where(shown_ones, precisions, 0))) if shown_ones.any() else None
        assert found.outlined == best
        assert found.outlined_name == ("" if best is None else probe.concepts[best]["name"])
        for image in (*found.top, *found.bottom):
            shown = probe.label_concepts[probe.label_images == image.image]
            names = {probe.concepts[n - 1]["name"] for n in shown.tolist()}
            assert set(image.concepts) <= names and len(image.concepts) == min(len(names), 6)
            mask = probe.outline(image.image, found)
            assert (mask is not None) == (best is not None and best + 1 in shown)
    outlined = {entry.probed.outlined is None for entry in browser.directions}
    assert outlined == {True, False}


def test_a_concept_leads_to_the_best_directions_or_to_the_nearest(browser):
    precisions, numbers = browser.probe.precisions["directions"], {}
    for entry in browser.directions:
        top = [image.image for image in entry.probed.top]
        numbers[browser.probe.extremes["directions_top"].tolist().index(top)] = entry.number
    assert [c.name for c in browser.concepts] == sorted(c["name"] for c in browser.probe.concepts)
    columns = {concept["name"]: i for i, concept in enumerate(browser.probe.concepts)}
    for concept in browser.concepts:
        column = precisions[:, columns[concept.name]]
        assert concept.encoding == (column >= THRESHOLD).sum()
        best = np.argsort(-column)[: max(concept.encoding, 1)].tolist()
        assert [number for number, _ in concept.best] == [numbers[row] for row in best]
        assert [precision for _, precision in concept.best] == column[best].tolist()
    assert {concept.encoding == 0 for concept in browser.concepts} == {True, False}


def test_where_there_is_no_outlier_the_most_extreme_feature_is_shown(tmp_path):
    browser = draw_browser(tmp_path, outliers=0)
    assert [entry.outlier for entry in browser.features] == [False]
    assert [entry.outlier for entry in draw_browser(tmp_path, outliers=3).features] == [True] * 3


def test_every_feature_that_encodes_a_concept_and_was_not_examined_has_an_entry(browser):
    encodes = (browser.probe.precisions["features"] >= THRESHOLD).any(axis=1)
    examined = {entry.number for entry in browser.features}
    expected = [f for f in np.flatnonzero(encodes).tolist() if f not in examined]
    assert [entry.number for entry in browser.others] == expected != []
    for entry in browser.others:
        assert not entry.examined and entry.probed.encoded > 0
        assert 1 <= entry.rank <= len(browser.directions) and 0 <= entry.cosine <= 1
        assert (entry.share, entry.within, entry.cost) == (None, None, None)
