"""What directions encode, a few at a time and in every resample."""

from typing import Any

import numpy as np
import pytest

from interpreting_clip.statistics import concept_scores
from interpreting_clip.statistics.average_precision import average_precisions, encodes_concepts
from interpreting_clip.statistics.concept_labels import (
    concept_examples,
    labels_and_numbers,
    resample_examples,
)
from interpreting_clip.statistics.concept_scores import score_concepts

RNG = np.random.default_rng(0)
SHOWN = RNG.uniform(size=(200, 6)) < np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.95])
LABELS = labels_and_numbers(SHOWN, [3, 10, 11, 20, 21, 40])
SCORES = np.round(RNG.normal(size=(200, 9)), 1)
DIRECTIONS = np.linalg.qr(RNG.normal(size=(9, 7))).Q.T


@pytest.mark.parametrize("sign", ["fixed", "either"])
@pytest.mark.parametrize("directions", [DIRECTIONS, None])
def test_agrees_with_average_precisions_of_all_scores(sign, directions):
    scores = SCORES if directions is None else SCORES @ directions.T
    targets = concept_examples(*LABELS, 200, "balanced", 5)
    drawn: Any = {"resamples": resample_examples(*LABELS, 200, "balanced", 5, draws=3)}
    everything = concept_examples(*LABELS, 200, "all", 5)
    found = score_concepts(SCORES, directions, targets, 0.6, **drawn, sign=sign, workers=2)
    every = average_precisions(scores, targets, **drawn).drawn
    over_all = average_precisions(scores, everything).drawn
    negative = np.zeros(every.shape, np.bool_)
    if sign == "either":
        other = average_precisions(-scores, targets, **drawn).drawn
        negative, every = other > every, np.maximum(every, other)
        over_all = np.maximum(over_all, average_precisions(-scores, everything).drawn)
    np.testing.assert_allclose(found.precisions, every[0], rtol=1e-12)
    np.testing.assert_array_equal(found.negative, negative[0])
    np.testing.assert_allclose(found.best, every.max(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.best_over_all, over_all[0].max(axis=0))
    np.testing.assert_array_equal(found.encoded, encodes_concepts(every, 0.6).sum(axis=2))


@pytest.mark.parametrize("held", [1, 650])
def test_a_few_directions_at_a_time_give_the_same(held, monkeypatch):
    targets = concept_examples(*LABELS, 200, "balanced", seed=2)
    drawn = resample_examples(*LABELS, 200, "balanced", seed=2, draws=2)
    given: Any = {"resamples": drawn, "sign": "either"}
    whole = score_concepts(SCORES, DIRECTIONS, targets, 0.6, **given)
    monkeypatch.setattr(concept_scores, "NUMBERS_AT_A_TIME", held)
    found = score_concepts(SCORES, DIRECTIONS, targets, 0.6, **given)
    for name in ("precisions", "encoded", "best_over_all"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), rtol=1e-12)
