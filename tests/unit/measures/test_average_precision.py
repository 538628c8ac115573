import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from interpreting_clip.measures import average_precision as module
from interpreting_clip.measures.average_precision import (
    Examples,
    average_precisions,
    sparse_targets,
)

RNG = np.random.default_rng(0)


def oracle(scores, positive):
    return np.array([float(average_precision_score(positive, column)) for column in scores.T])


def against_all(scores, positive, workers=1):
    """Return each column's average precision for one concept; all other images are negatives."""
    targets = sparse_targets([Examples(np.flatnonzero(positive), None)], len(scores))
    return average_precisions(scores, targets, workers)[0, :, 0]


@st.composite
def scored_images(draw):
    count = draw(st.integers(2, 25))
    few = st.integers(-2, 2).map(float) | st.just(-0.0)
    many = st.floats(-1e6, 1e6)
    scores = draw(arrays(np.float64, (count, 3), elements=draw(st.sampled_from([few, many]))))
    positives = draw(st.integers(1, count - 1) | st.sampled_from([1, count - 1]))
    order = draw(st.permutations(range(count)))
    return scores, np.isin(np.arange(count), order[:positives])


def test_a_perfect_order_has_one_and_the_worst_and_equal_scores_their_closed_form():
    scores = np.stack([np.arange(10.0), -np.arange(10.0), np.zeros(10)], axis=1)
    worst = sum(k / (7 + k) for k in (1, 2, 3)) / 3
    found = against_all(scores, np.arange(10) >= 7)
    np.testing.assert_allclose(found, [1, worst, 3 / 10], rtol=1e-15)


@st.composite
def labelled_images(draw):
    """Draw scores with ties and several concepts, each on at least one image but not on all."""
    scores, _ = draw(scored_images())
    columns = st.integers(1, len(scores) - 1) | st.sampled_from([1, len(scores) - 1])
    orders = st.permutations(range(len(scores)))
    drawn = draw(st.lists(st.tuples(orders, columns), min_size=1, max_size=6))
    return scores, [np.sort(order[:count]) for order, count in drawn]


@settings(derandomize=True, deadline=None, max_examples=30)
@given(labelled_images(), st.booleans(), st.integers(1, 3))
def test_each_concept_agrees_with_scikit_learn(case, everything, workers):
    scores, concepts = case
    rest = [np.setdiff1d(np.arange(len(scores)), positives) for positives in concepts]
    concept_examples = [
        Examples(positives, None if everything else others[None, : len(positives)])
        for positives, others in zip(concepts, rest, strict=True)
    ]
    found = average_precisions(scores, sparse_targets(concept_examples, len(scores)), workers)[0]
    for column, (positives, others) in enumerate(zip(concepts, rest, strict=True)):
        chosen = others if everything else others[: len(positives)]
        kept = np.concatenate([positives, chosen])
        expected = oracle(scores[kept], np.isin(kept, positives))
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-12)


def test_cells_that_need_more_than_sixteen_bits_are_counted_alike():
    scores, images = RNG.normal(size=(30, 2)), np.arange(30)
    drawn = RNG.permuted(np.tile(images[10:], (1000, 1)), axis=1)[:, :10]
    few, many = (
        average_precisions(scores, sparse_targets([Examples(images[:10], drawn)] * n, 30))
        for n in (1, 70)
    )
    np.testing.assert_array_equal(many, np.repeat(few, 70, axis=2))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(scored_images(), st.integers(0, 2**31))
def test_only_the_order_of_scores_counts(case, seed):
    scores, positive = case
    order = np.random.default_rng(seed).permutation(len(positive))
    ranks = [np.unique(column, return_inverse=True)[1] for column in scores.T]
    ranked = np.stack(ranks, axis=1).astype(np.float32)
    found = against_all(ranked[order], positive[order])
    np.testing.assert_array_equal(found, against_all(scores, positive))


@pytest.mark.parametrize("workers", [1, 5])
def test_workers_and_portions_change_nothing(workers, monkeypatch):
    scores, positive = RNG.normal(size=(40, 11)).round(1), np.arange(40) < 9
    whole = against_all(scores, positive)
    monkeypatch.setattr(module, "SCORES_AT_A_TIME", 80)
    np.testing.assert_array_equal(against_all(scores, positive, workers), whole)


def test_scores_without_information_are_near_the_share_of_positives():
    scores = RNG.normal(size=(2000, 50))
    assert against_all(scores, np.arange(2000) < 600).mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_refuses_a_score_that_is_not_finite_and_names_it(bad):
    scores = np.ones((5, 3))
    scores[4, 1] = bad
    with pytest.raises(ValueError, match="image 4, direction 1"):
        against_all(scores, np.arange(5) < 2)
