import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from interpreting_clip.statistics import average_precision
from interpreting_clip.statistics.average_precision import (
    Examples,
    Resample,
    average_precisions,
    encodes_concepts,
)

RNG = np.random.default_rng(0)


def against_all(scores, positive):
    """Return each column's average precision for one concept; all other images are negatives."""
    return average_precisions(scores, [Examples(np.flatnonzero(positive), None)]).drawn[0, :, 0]


def test_a_perfect_order_has_one_and_the_worst_and_equal_scores_their_closed_form():
    scores = np.stack([np.arange(10.0), -np.arange(10.0), np.zeros(10)], axis=1)
    worst = sum(k / (7 + k) for k in (1, 2, 3)) / 3
    found = against_all(scores, np.arange(10) >= 7)
    np.testing.assert_allclose(found, [1, worst, 3 / 10], rtol=1e-15)


@pytest.mark.parametrize("seed", range(12))
def test_each_concept_agrees_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    # Many scores or few, and any number of concepts, each on some image but not on all.
    images, few = int(rng.integers(2, 25)), rng.choice([-1.0, -0.0, 0.0, 1e6], (25, 3))
    scores = few[:images] if seed % 2 else rng.normal(size=(images, 3))
    orders = [rng.permutation(images) for _ in range(rng.integers(1, 7))]
    concepts = [np.split(order, [rng.integers(1, images)]) for order in orders]
    for everything in (False, True):
        examples = [
            Examples(np.sort(positives), None if everything else others[: len(positives)])
            for positives, others in concepts
        ]
        found = average_precisions(scores, examples, workers=1 + seed % 3).drawn[0]
        for column, (positives, others) in enumerate(concepts):
            kept = np.append(positives, others if everything else others[: len(positives)])
            labels = np.isin(kept, positives)
            expected = [average_precision_score(labels, one) for one in scores[kept].T]
            np.testing.assert_allclose(found[:, column], expected, rtol=1e-12)


def test_negated_scores_and_parts_of_the_directions_give_the_same(monkeypatch):
    scores = np.round(RNG.normal(size=(60, 7)), 1)
    examples = [
        Examples(np.sort(one[:count]), one[-count:])
        for count in (1, 4, 12, 25)
        for one in [RNG.permutation(60)]
    ]
    resamples = [resample(60, examples, everything) for everything in (False, True)]
    whole = average_precisions(scores, examples, negated=True, resamples=resamples)
    other = average_precisions(-scores, examples, resamples=resamples)
    monkeypatch.setattr(average_precision, "SCORES_AT_A_TIME", 1)
    parts = average_precisions(scores, examples, workers=2, negated=True, resamples=resamples)
    for name in ("drawn", "over_all"):
        found, negated = np.split(getattr(whole, name), 2, axis=-2)
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
        np.testing.assert_allclose(negated, getattr(other, name), rtol=1e-12)
        assert (found != negated).mean() > 0.9


def resample(images, examples, everything):
    counts = np.bincount(RNG.integers(images, size=images), minlength=images)
    others = [np.setdiff1d(np.arange(images), one.positives) for one in examples]
    drawn = [RNG.choice(some, len(some) // 2) for some in others]
    return Resample(counts, None if everything else drawn)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("decimals", [1, 9])
def test_a_resample_agrees_with_scikit_learn(decimals, everything):
    scores = RNG.normal(size=(50, 3)).round(decimals)
    examples = [Examples(np.sort(RNG.permutation(50)[:count]), None) for count in (1, 6, 20, 49)]
    resamples = [resample(50, examples, everything) for _ in range(8)]
    found = average_precisions(scores, examples, negated=True, resamples=resamples).drawn[1:]
    for one, precisions in zip(resamples, found, strict=True):
        for column, concept in enumerate(examples):
            shown = np.isin(np.arange(50), concept.positives)
            weights = one.counts.copy()
            if one.negatives is not None:
                weights[~shown] = np.bincount(one.negatives[column], minlength=50)[~shown]
            probed = 0 < one.counts[shown].sum() < 50
            expected = [
                average_precision_score(shown, own, sample_weight=weights) if probed else 0.0
                for own in np.hstack([scores, -scores]).T
            ]
            np.testing.assert_allclose(precisions[:, column], expected, rtol=1e-12)


def test_only_the_order_of_scores_counts():
    scores, positive, order = RNG.normal(size=(40, 3)).round(1), RNG.random(40) < 0.3, np.arange(40)
    RNG.shuffle(order)
    found = against_all(np.float32(np.exp(scores[order])), positive[order])
    np.testing.assert_array_equal(found, against_all(scores, positive))


def test_scores_without_information_are_near_the_share_of_positives():
    scores = RNG.normal(size=(2000, 50))
    assert against_all(scores, np.arange(2000) < 600).mean() == pytest.approx(0.3, abs=0.01)


def test_refuses_a_score_that_is_not_finite_and_names_it():
    scores = np.ones((5, 3))
    scores[4, 1] = -np.inf
    with pytest.raises(ValueError, match="image 4, direction 1"):
        against_all(scores, np.arange(5) < 2)


def test_what_is_at_the_threshold_but_for_rounding_is_encoded():
    below = np.array([0.9, 0.9 - 1e-14, 0.9 - 1e-9])
    assert encodes_concepts(below, 0.9).tolist() == [True, True, False]
