"""The interval of a mean over seeds: its coverage, by simulation, and where its parts come from."""

from dataclasses import replace
from math import sqrt

import msgspec
import numpy as np
import pytest

from page.replicas import Replicated
from page.seed_means import (
    format_over_seeds,
    is_extrapolated,
    mean_with_interval,
    over_seeds,
    standard_error,
)
from page.verdicts import judge_differences
from tests.unit.page.conftest import read

ROBUSTNESS, KURTOSIS = "robustness.robustness", "kurtosis.kurtosis"
STUDIES = 4000


def simulate(line, seed, seeds, *, assumed=None):
    """Return the intervals and verdicts of so many studies in which there is no difference."""
    rng = np.random.default_rng(seeds)
    shared = rng.normal(0, line, (STUDIES, 1))
    found = [
        mean_with_interval(values, line if assumed is None else assumed)
        for values in (shared + rng.normal(0, seed, (STUDIES, seeds))).tolist()
    ]
    verdicts = [judge_differences([one]) for one in found]
    return verdicts.count("undecided") / STUDIES, verdicts.count("supported") / STUDIES


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize(("line", "seed"), [(0.0, 3.0), (1.0, 3.0), (4.6, 3.0), (6.0, 1.3)])
def test_the_interval_covers_a_shared_error_and_that_of_seeds(line, seed, seeds):
    covered, supported = simulate(line, seed, seeds)
    assert covered > 0.94 and supported < 0.033  # of 0.95 and 0.025, four standard errors off
    # Without a shared error the coverage is the nominal one, not more.
    if not line:
        assert covered < 0.96


def test_seeds_by_themselves_do_not_cover_what_they_share():
    """All seeds agree about a difference that is the line's error: the reason for its part."""
    covered, supported = simulate(4.6, 3, 5, assumed=0.0)
    assert covered < 0.65 and supported > 0.2
    rng = np.random.default_rng(0)
    values = rng.normal(0, 4.6, (STUDIES, 1)) + rng.normal(0, 3, (STUDIES, 5))
    agree = np.mean(np.all(values > 0, 1) | np.all(values < 0, 1))
    assert agree > 0.4  # five of five seeds, which a sign test would take for a difference


@pytest.mark.parametrize(("correlation", "ratio"), [(0.5, 1.0), (0.75, 1.3), (0.9, 1.6)])
def test_one_encoder_s_error_may_stand_for_that_of_a_difference(correlation, ratio):
    """The further encoder's error is `ratio` times as large, and correlates with the other's."""
    difference = sqrt(1 + ratio**2 - 2 * correlation * ratio)
    covered, _ = simulate(4.6 * difference, 4.2, 5, assumed=4.6)
    assert covered > 0.95


def test_the_mean_and_its_interval_are_those_of_the_formula():
    found = mean_with_interval([1.0, 2.0, 6.0], 2.0)
    half = 4.302653 * sqrt(4 + 7 / 3)  # t of two degrees of freedom
    assert (found.value, *found.ends) == pytest.approx((3, 3 - half, 3 + half))
    single = mean_with_interval([2.0], 1.0)
    assert (single.value, single.low) == (2, None)


@pytest.fixture
def encoder(study):
    (found,) = (e for e in read(study) if e.key == "rn_web_broad")
    return found


def test_the_shared_error_comes_from_draws_the_interval_or_the_binomial_distribution(encoder):
    results = encoder.results
    draws = results.robustness.draws
    assert standard_error(results, ROBUSTNESS) == pytest.approx(np.std(draws, ddof=1))
    counts = results.concepts.directions.draws
    unique = standard_error(results, "concepts.directions.unique")
    assert unique == pytest.approx(np.std(counts, ddof=1))
    low, high = results.kurtosis.kurtosis.ends
    assert standard_error(results, KURTOSIS) == pytest.approx((high - low) / 2 / 1.959964)
    share, images = results.robustness.imagenet, results.robustness.imagenet_images
    of_imagenet = standard_error(results, "robustness.imagenet")
    assert of_imagenet == pytest.approx(sqrt(share * (100 - share) / images))
    # Five shifts, each of 1,500 images.
    errors = [
        one.accuracy.value * (100 - one.accuracy.value) / 1500
        for one in results.robustness.per_shift.values()
    ]
    assert standard_error(results, "robustness.shift_accuracy") == pytest.approx(
        sqrt(sum(errors)) / 5
    )
    # Neither a range by chance nor a number without an interval has an error.
    for name in (
        "concepts.directions.random",
        "prunable.by_accuracy",
        "privileged_basis.x.rotated",
    ):
        assert standard_error(results, name) == 0


def test_without_replicas_a_number_is_the_study_s_own_with_its_interval(encoder):
    assert over_seeds(encoder, KURTOSIS) == encoder.results.kurtosis.kurtosis
    assert over_seeds(encoder, "robustness.nothing.here") is None
    shares = Replicated(by_seed={0: 0.6, 1: 0.8})
    replicated = msgspec.structs.replace(encoder, replicas={"prunable.by_accuracy": shares})
    assert format_over_seeds(replicated, "prunable.by_accuracy", 0, 100, interval=False) == "70"


def test_a_mean_is_marked_if_seeds_are_left_out(encoder):
    replicated = Replicated(by_seed={0: 20.0, 1: 22.0}, left_out=1)
    known = msgspec.structs.replace(encoder, replicas={ROBUSTNESS: replicated})
    assert format_over_seeds(known, ROBUSTNESS, interval=False) == "21.0‡"
    assert not is_extrapolated(known, ROBUSTNESS)
    none = Replicated(by_seed={}, left_out=3)
    without = msgspec.structs.replace(encoder, replicas={ROBUSTNESS: none})
    assert over_seeds(without, ROBUSTNESS) is None and is_extrapolated(without, ROBUSTNESS)


def test_the_study_s_own_number_is_marked_where_its_line_is_extrapolated(encoder):
    robustness = encoder.results.robustness
    per_shift = dict(robustness.per_shift)
    per_shift["imagenet_r"] = replace(per_shift["imagenet_r"], extrapolated=True)
    results = replace(encoder.results, robustness=replace(robustness, per_shift=per_shift))
    outside = msgspec.structs.replace(encoder, results=results)
    names = ("robustness", "style", "natural", "per_shift.imagenet_r.robustness")
    names += ("per_shift.objectnet.robustness", "per_shift.imagenet_r.accuracy", "imagenet")
    marked = [is_extrapolated(outside, f"robustness.{name}") for name in names]
    assert marked == [True, True, False, True, False, False, False]


def test_intervals_of_no_width_are_not_shown(encoder):
    same = Replicated(by_seed={0: 0.9, 1: 0.9})
    known = msgspec.structs.replace(encoder, replicas={"prunable.by_robustness": same})
    assert format_over_seeds(known, "prunable.by_robustness", 1) == "0.9"
