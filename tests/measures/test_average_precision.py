import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from stages.measures.average_precision import (
    average_precisions,
    descending_ranks,
    precision_against_sample,
)

RNG = np.random.default_rng(0)


def oracle(scores, positive):
    return np.array([float(average_precision_score(positive, column)) for column in scores.T])


@st.composite
def scored_images(draw, fewest_positives=1):
    count = draw(st.integers(2, 25))
    few = st.integers(-2, 2).map(float) | st.just(-0.0)
    many = st.floats(-1e6, 1e6)
    scores = draw(arrays(np.float64, (count, 3), elements=draw(st.sampled_from([few, many]))))
    positives = draw(st.integers(fewest_positives, count - 1) | st.sampled_from([1, count - 1]))
    order = draw(st.permutations(range(count)))
    return scores, np.isin(np.arange(count), order[:positives])


def test_by_hand():
    scores = np.array([[4.0], [3], [2], [1]])
    positive = np.array([True, False, True, False])
    np.testing.assert_allclose(average_precisions(scores, positive), (1 + 2 / 3) / 2)


def test_a_perfect_order_has_one_and_the_worst_its_closed_form():
    scores = np.stack([np.arange(10.0), -np.arange(10.0)], axis=1)
    worst = sum(k / (7 + k) for k in (1, 2, 3)) / 3
    found = average_precisions(scores, np.arange(10) >= 7)
    np.testing.assert_allclose(found, [1, worst], rtol=1e-15)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(scored_images())
def test_agrees_with_scikit_learn(case):
    scores, positive = case
    np.testing.assert_allclose(average_precisions(scores, positive), oracle(*case), rtol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(scored_images(), st.integers(0, 2**31))
def test_agrees_with_scikit_learn_on_a_sample_of_the_negatives(case, seed):
    scores, positive = case
    negatives = np.flatnonzero(~positive)
    count = 1 + seed % len(negatives)
    sample = np.random.default_rng(seed).permutation(negatives)[:count]
    ranks = descending_ranks(scores)
    found = precision_against_sample(ranks[:, positive], ranks[:, sample])
    kept = positive | np.isin(np.arange(len(positive)), sample)
    np.testing.assert_allclose(found, oracle(scores[kept], positive[kept]), rtol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(scored_images(), st.integers(0, 2**31))
def test_only_the_order_of_scores_counts(case, seed):
    scores, positive = case
    order = np.random.default_rng(seed).permutation(len(positive))
    ranked = -descending_ranks(scores).T.astype(np.float32)
    found = average_precisions(ranked[order], positive[order])
    np.testing.assert_array_equal(found, average_precisions(scores, positive))


def test_constant_scores_have_the_share_of_positives():
    positive = np.arange(50) < 7
    np.testing.assert_allclose(average_precisions(np.zeros((50, 2)), positive), 7 / 50)


def test_scores_without_information_are_near_the_share_of_positives():
    scores = RNG.normal(size=(2000, 50))
    assert average_precisions(scores, np.arange(2000) < 600).mean() == pytest.approx(0.3, abs=0.01)


def test_equal_scores_share_the_last_rank():
    scores = np.array([[5.0], [7], [5], [1], [-0.0], [0.0]])
    assert descending_ranks(scores)[0].tolist() == [3, 1, 3, 4, 6, 6]


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_refuses_a_single_kind(positive):
    with pytest.raises(ValueError, match="at least one positive and one negative"):
        average_precisions(np.ones((2, 1)), np.array(positive))


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_refuses_a_score_that_is_not_finite_and_names_it(bad):
    scores = np.ones((5, 3))
    scores[4, 1] = bad
    with pytest.raises(ValueError, match="image 4, direction 1"):
        average_precisions(scores, np.arange(5) < 2)
