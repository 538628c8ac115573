import numpy as np
import pytest

from interpreting_clip.browser.direction_entries import (
    LoneFeature,
    direction_facts,
    extreme_images,
    make_browser,
)
from interpreting_clip.statistics import concept_scores
from tests.drawn_directions import THRESHOLD, directions_of, draw_axes, draw_results

SCORES = np.round(np.random.default_rng(0).standard_normal((300, 7)), 1)  # some are equal


@pytest.fixture
def results(tmp_path):
    return draw_results(tmp_path)


def test_directions_are_numbered_by_importance_with_their_nearest_feature():
    vectors = np.array([[0.0, 0.6, -0.8], [0.0, 0.8, 0.6], [1.0, 0.0, 0.0]])
    directions = directions_of(vectors, np.array([6.0, 3.0, 1.0]))
    found = direction_facts(directions, draw_axes([1, 2], [1, 1]))
    assert found["number"].tolist() == [1, 2, 3]
    assert found["share"].tolist() == pytest.approx([0.6, 0.3, 0.1])
    assert found["nearest"].tolist()[:2] == [2, 1] and found["cosine"].tolist() == [0.8, 0.8, 0]


@pytest.mark.parametrize("count", [1, 3, 500])
def test_images_are_those_with_the_highest_and_the_lowest_scores(count, monkeypatch):
    vectors = np.eye(7)[[4, 2, 0]]
    ascending = [sorted(range(300), key=column.__getitem__) for column in SCORES.T]
    descending = [sorted(range(300), key=(-column).__getitem__) for column in SCORES.T]
    ends = zip(descending, ascending, strict=True)
    known = [[*highest[:count], *lowest[:count]] for highest, lowest in ends]
    assert extreme_images(SCORES, None, count).tolist() == known
    monkeypatch.setattr(concept_scores, "NUMBERS_AT_A_TIME", 1)
    assert extreme_images(SCORES, vectors, count).tolist() == [known[row] for row in (4, 2, 0)]


@pytest.mark.parametrize("basis", ["directions", "features"])
def test_concepts_and_images_of_an_entry_are_its_own(results, basis):
    directions, axes, probe = results
    browser = make_browser(directions, axes, probe)
    categories = probe.concepts["category"].tolist()
    vectors = directions.vectors if basis == "directions" else np.eye(probe.activations.shape[1])
    shift = basis == "directions"  # numbered from 1
    entries = getattr(browser, basis)
    for entry in entries:
        row = entry.number - shift
        precisions, negative = (
            getattr(probe.found.bases[basis], name)[row] for name in ("precisions", "negative")
        )
        order = np.argsort(-precisions)[: max(3, (precisions >= THRESHOLD).sum())]
        known = [(n + 1, p := precisions[n], p >= THRESHOLD, negative[n]) for n in order]
        listed = [(p.concept, p.precision, p.encoded, p.negative) for p in entry.concepts]
        assert listed == known
        segmented = [n for n, _, encoded, _ in known if encoded and categories[n - 1] != "scene"]
        assert (entry.outlined and entry.outlined.concept) == (segmented[0] if segmented else None)
        scores = probe.activations @ vectors[row]
        assert entry.images == [*np.argsort(-scores)[:4], *np.argsort(scores)[:4]]
    assert len(entries) == (7 if shift else 2)
    assert not shift or {entry.outlined is None for entry in entries} == {True, False}


def test_every_concept_has_the_directions_that_encode_it_or_the_nearest(results):
    browser, probe = make_browser(*results), results[2]
    precisions = probe.found.directions.precisions
    assert len(browser.concepts) == len(probe.concepts)
    for pairs in browser.concepts:
        column = precisions[:, pairs[0].concept - 1]
        order = np.argsort(-column)[: max(3, (column >= THRESHOLD).sum())]
        assert [(p.number, p.precision) for p in pairs] == [(row + 1, column[row]) for row in order]
    names = [pairs[0].name for pairs in browser.concepts]
    assert names == sorted(probe.concepts["name"])


def test_without_a_head_features_have_the_concepts(results):
    probe = results[2]
    features = [LoneFeature(5, 0.9, True), LoneFeature(2, 0.6, True)]
    browser = make_browser(None, features, probe)
    assert browser.directions == [] and [one.number for one in browser.features] == [5, 2]
    for pairs in browser.concepts:
        column = probe.found.features.precisions[[5, 2], pairs[0].concept - 1]
        assert [p.precision for p in pairs] == sorted(column, reverse=True)
        assert [p.number for p in pairs] == [[5, 2][row] for row in np.argsort(-column)]


def test_an_image_is_described_by_its_concepts_with_scenes_first(results):
    probe = results[2]
    order = {"scene": 0, "object": 1, "part": 2, "color": 3}
    rows = probe.concepts.to_dict("records")
    # Categories that are none of Broden's come last.
    rows[0]["category"] = probe.concepts.loc[0, "category"] = "shape"
    browser = make_browser(*results)
    order["shape"] = 9
    for image in range(30):
        shown = [rows[n - 1] for n in probe.labels.concept[probe.labels.image == image]]
        shown.sort(key=lambda c: (order[c["category"]], c["number"]))
        assert browser.names.get(image, "") == ", ".join(c["name"] for c in shown[:6])
