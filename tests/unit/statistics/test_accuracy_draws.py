import numpy as np
import pytest
from scipy import stats

from interpreting_clip.statistics import accuracy_draws
from interpreting_clip.statistics.accuracy_draws import (
    MeasuredAccuracy,
    draw_on_imagenet,
    draw_on_shift,
    weighted_accuracies,
)
from interpreting_clip.statistics.random_numbers import generator

RNG = np.random.default_rng(0)
FIRST = (RNG.uniform(size=300) < 0.7).astype(float)
# An encoder that differs from the first on 15 images.
SECOND = np.where(np.arange(300) % 20 == 0, 1 - FIRST, FIRST)
PART = np.where(np.arange(300) % 3 == 0, FIRST, np.nan)


@pytest.mark.parametrize("correct", [FIRST, PART, np.ones(4), np.zeros(7)])
def test_draws_are_from_jeffreys_posterior(correct):
    drawn = weighted_accuracies(correct[None], 9999, seed=0, place=1)[0]
    right, images = np.nansum(correct), np.count_nonzero(~np.isnan(correct))
    posterior = stats.beta(right + 0.5, images - right + 0.5)
    assert stats.kstest(drawn, posterior.cdf).pvalue > 0.01
    levels = [0.025, 0.5, 0.975]
    assert posterior.cdf(np.quantile(drawn, levels)) == pytest.approx(levels, abs=0.015)


def test_agree_with_a_loop_over_draws_and_images(monkeypatch):
    monkeypatch.setattr(accuracy_draws, "DRAWS_AT_A_TIME", 600)  # two at a time
    weights = generator(5, "weights of images", 2)
    prior = generator(5, "prior of accuracies", 2).standard_gamma(0.5, (2, 4))
    expected = []
    for draw in range(4):
        right = every = 0.0
        for correct in PART:
            weight = weights.standard_exponential()
            if not np.isnan(correct):
                every += weight
                right += weight * correct
        expected.append((right + prior[0, draw]) / (every + prior[0, draw] + prior[1, draw]))
    assert weighted_accuracies(PART[None], 4, 5, 2)[0] == pytest.approx(expected, rel=1e-12)


def test_equal_encoders_share_their_draws_and_similar_ones_differ_little():
    one, other, similar = (
        weighted_accuracies(x[None], 4000, 0, 0)[0] for x in (FIRST, FIRST, SECOND)
    )
    assert (one == other).all()
    independent = weighted_accuracies(SECOND[None], 4000, 0, 1)[0]
    # Of two independent encoders the variances add up; here 15 of 300 images vary.
    assert np.std(one - similar) == pytest.approx(np.sqrt(15) / 300, rel=0.1)
    assert np.std(one - similar) < np.std(one - independent) / 2


def test_all_of_imagenet_and_parts_of_it_have_the_same_weights():
    all_, part = (MeasuredAccuracy.of_images(x, 5) for x in (FIRST, PART))
    assert (part.images, part.fraction) == (100, np.nanmean(PART))
    drawn = draw_on_imagenet({"all": all_, "part": part, "again": all_}, 4000, 0)
    np.testing.assert_allclose(drawn["all"], drawn["again"], rtol=1e-12)
    # A third of the images: a correlation of 1 / sqrt(3).
    correlation = np.corrcoef(drawn["all"], drawn["part"])[0, 1]
    assert correlation == pytest.approx(3**-0.5, abs=0.06)
    # On another set's images nothing is common.
    shift = draw_on_shift(all_, 4000, 0, place=1)
    assert abs(np.corrcoef(drawn["all"], shift)[0, 1]) < 0.06


def test_without_the_images_accuracies_are_coupled_by_rank():
    known = {"low": MeasuredAccuracy(0.2, 50, 5), "high": MeasuredAccuracy(0.9, 500, 5)}
    drawn = draw_on_imagenet(known, 1000, 0)
    assert (np.argsort(drawn["low"]) == np.argsort(drawn["high"])).all()
    exact = MeasuredAccuracy(0.3, None, 5)
    assert (draw_on_shift(exact, 3, 0, 1) == 0.3).all()
