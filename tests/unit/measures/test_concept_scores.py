"""What directions encode, a few at a time and in every draw of the negatives."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from interpreting_clip.measures import concept_scores
from interpreting_clip.measures.concept_labels import (
    concept_examples,
    concept_targets,
    labels_and_numbers,
)
from interpreting_clip.measures.concept_scores import Group, score_concepts
from interpreting_clip.measures.extremes import extreme_images

RNG = np.random.default_rng(0)
SHOWN = RNG.uniform(size=(200, 6)) < np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.95])
LABELS = labels_and_numbers(SHOWN, [3, 10, 11, 20, 21, 40])
SCORES = np.round(RNG.normal(size=(200, 9)), 1)
EVERY = np.ones(6, np.bool_)
GROUPS = [Group(EVERY, 0.6), Group(np.arange(6) < 2, 0.6), Group(EVERY, 0.5)]
DIRECTIONS = np.linalg.qr(RNG.normal(size=(9, 7))).Q.T


@pytest.mark.parametrize("sign", ["fixed", "either"])
@pytest.mark.parametrize("directions", [DIRECTIONS, None])
def test_agrees_with_scikit_learn(sign, directions):
    scores = SCORES if directions is None else SCORES @ directions.T
    targets = concept_targets(*LABELS, 200, "balanced", 5, draws=4)
    found = score_concepts(SCORES, directions, targets, GROUPS, sign=sign, workers=2)
    every = np.empty((4, scores.shape[1], 6))
    negative = np.zeros(every.shape, np.bool_)
    for column, examples in enumerate(concept_examples(*LABELS, 200, "balanced", 5, draws=4)):
        assert examples.negatives is not None
        for draw, negatives in enumerate(examples.negatives):
            kept = np.concatenate([examples.positives, negatives])
            labels = np.isin(kept, examples.positives)
            for direction, score in enumerate(scores.T):
                own, other = (average_precision_score(labels, s * score[kept]) for s in (1, -1))
                negative[draw, direction, column] = sign == "either" and other > own
                every[draw, direction, column] = max(own, other) if sign == "either" else own
    np.testing.assert_allclose(found.precisions, every[0], rtol=1e-12)
    np.testing.assert_array_equal(found.negative, negative[0])
    np.testing.assert_allclose(found.best[0], every.max(axis=1), rtol=1e-12)
    for group, encoded in zip(GROUPS, found.encoded, strict=True):
        plain = (every[:, :, group.concepts] >= group.threshold).sum(axis=2)
        np.testing.assert_array_equal(encoded, plain)


def test_signs_change_nothing_where_either_side_counts():
    targets = concept_targets(*LABELS, 200, "balanced", 0, draws=3)
    signs = RNG.choice([-1.0, 1.0], 9)
    one, other = (
        score_concepts(s, None, targets, GROUPS, sign="either") for s in (SCORES, signs * SCORES)
    )
    np.testing.assert_array_equal(one.precisions, other.precisions)
    np.testing.assert_array_equal(one.encoded, other.encoded)


@pytest.mark.parametrize("held", [1, 650])
def test_a_few_directions_at_a_time_give_the_same(held, monkeypatch):
    targets = concept_targets(*LABELS, 200, "balanced", seed=2, draws=3)
    whole = score_concepts(SCORES, DIRECTIONS, targets, GROUPS, sign="either", images=3)
    monkeypatch.setattr(concept_scores, "NUMBERS_AT_A_TIME", held)
    found = score_concepts(SCORES, DIRECTIONS, targets, GROUPS, sign="either", images=3)
    for name in ("precisions", "encoded", "best_over_all"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), rtol=1e-12)
    ends = extreme_images(SCORES @ DIRECTIONS.T, 3)
    np.testing.assert_array_equal(found.extremes.top, ends.top)
    np.testing.assert_array_equal(found.extremes.bottom, ends.bottom)


def test_what_is_at_the_threshold_but_for_rounding_is_encoded():
    below = np.array([[0.9, 0.9 - 1e-14, 0.9 - 1e-9]])
    assert Group(np.ones(3, np.bool_), 0.9).count(below).tolist() == [2]
