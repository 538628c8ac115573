from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from interpreting_clip.controls import noisy_labels
from interpreting_clip.controls.noisy_labels import (
    ConceptScoring,
    chosen_presence,
    concept_controls,
    plain_average_precision,
)
from interpreting_clip.measures import concept_scores
from interpreting_clip.measures.average_precision import average_precisions
from interpreting_clip.measures.concept_labels import ConceptLabels
from interpreting_clip.measures.concepts import concepts
from interpreting_clip.measures.intervals import Estimate
from tests.unit.controls.conftest import wrong

BALANCED = ConceptScoring("balanced", 3, 0, "fixed", 0.9)


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    monkeypatch.setattr(noisy_labels, "SIMULATIONS", 15)


@pytest.fixture
def labels() -> ConceptLabels:
    """Return five concepts of 1,000 images, the second of which is on all images of the first."""
    rng = np.random.default_rng(0)
    shown = rng.random((1000, 5)) < 0.25
    shown[:, 1] |= shown[:, 0]
    image, concept = np.nonzero(shown)
    return ConceptLabels(image, 10 + concept)


@pytest.mark.parametrize("setting", [{}, {"negatives": "all"}, {"sign": "either"}])
def test_planted_concepts_are_found_one_or_two_for_a_direction(labels, setting):
    controls = concept_controls(labels, replace(BALANCED, **setting), 0)
    assert wrong(controls) == []
    assert [control.planted for control in controls[1:5]] == [4, 1, 8, 2]
    assert 0.9 < controls[0].planted < 1 and 0 < controls[0].tolerance < 0.05
    assert controls[5].planted == 11 / 16


def test_without_broden_labels_are_drawn_and_the_control_says_so():
    controls = concept_controls(None, BALANCED, 0)
    assert wrong(controls) == [] and "the study has no Broden" in controls[0].what
    assert [control.planted for control in controls[1:5]] == [8, 1, 16, 2]


def test_concepts_that_one_direction_would_encode_are_not_both_taken(labels):
    shown = chosen_presence(labels)
    assert shown.shape == (1000, 4)
    for one, other in combinations(shown.T, 2):
        assert (one & other).sum() <= min(one.sum(), other.sum()) / 2


def test_the_plain_average_precision_of_three_images():
    scores, positive = np.array([0.9, 0.5, 0.1]), np.array([True, False, True])
    assert plain_average_precision(scores, positive) == pytest.approx((1 + 2 / 3) / 2)


def ranked(scores, *others):
    """Compute average precisions as if no two scores were equal: the first image comes first."""
    places = np.argsort(np.argsort(-scores, axis=0, kind="stable"), axis=0)
    return average_precisions(-places.astype(np.float64), *others)


def test_ties_that_are_broken_are_seen(monkeypatch, labels):
    monkeypatch.setattr(concept_scores, "average_precisions", ranked)
    (seen,) = wrong(concept_controls(labels, BALANCED, 0))
    assert "closed form" in seen


def broken(change):
    """Return the measure with another result for its directions."""

    def measure(activations, **given):
        found = concepts(activations, **given)
        assert found.directions is not None
        return replace(found, directions=replace(found.directions, **change(found.directions)))

    return measure


@pytest.mark.parametrize(
    "measure",
    [
        broken(lambda found: {"precisions": np.sqrt(found.precisions)}),
        broken(lambda found: {"unique": Estimate(found.encoding_directions)}),
        broken(lambda found: {"polysemanticity": Estimate(found.polysemanticity.value - 1)}),
    ],
)
def test_broken_precisions_and_counts_are_seen(monkeypatch, labels, measure):
    monkeypatch.setattr(noisy_labels, "concepts", measure)
    assert wrong(concept_controls(labels, BALANCED, 0))
