from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.controls import features
from interpreting_clip.controls.features import (
    kurtosis_controls,
    limit,
    most_equal_outliers,
    outlier_controls,
    raised_deviations,
)
from interpreting_clip.measures import kurtosis
from interpreting_clip.measures.intervals import Estimate
from tests.unit.controls.conftest import wrong

measure, standardize, chosen = kurtosis.kurtosis, kurtosis.standardized, kurtosis.are_outliers


def test_the_kurtosis_of_known_distributions_is_found():
    controls = kurtosis_controls(64, 6.0, 0)
    assert wrong(controls) == []
    gaussian, uniform, laplace = (control.planted for control in controls)
    assert gaussian == 3 * 63 / 65
    assert uniform == pytest.approx(1.8, abs=0.1) and laplace == pytest.approx(6, abs=1.5)
    assert all(0 < control.tolerance < 0.3 for control in controls)


@pytest.mark.parametrize(
    "broken",
    [
        lambda values: measure(values).kurtosis.value - 3,
        lambda values: measure(values.T).kurtosis.value,
        lambda values: measure(values).kurtosis.value * (1 - 1 / values.shape[1]) ** 2,
    ],
    ids=["excess", "over images", "σ of n - 1"],
)
def test_a_broken_kurtosis_is_seen(monkeypatch, broken):
    def found(values, settings):
        return replace(measure(values), kurtosis=Estimate(broken(values)))

    monkeypatch.setattr(features, "kurtosis", found)
    assert wrong(kurtosis_controls(64, 6.0, 0))


def test_of_128_features_three_are_found_from_a_size_on_and_four_at_none(activations):
    assert most_equal_outliers(128, 6.0) == 3 and most_equal_outliers(1024, 6.0) == 27
    controls, curve, limits = outlier_controls(activations, 6.0, 0.01, 0)
    assert wrong(controls) == []
    assert [one.axes for one in limits] == [1, 3, 4]
    largest = {point.axes: point.found for point in curve}
    assert largest == {1: 1.0, 3: 1.0, 4: 0.0}
    size = limits[1].raised_by
    assert limits[2].raised_by is None and size
    assert size == pytest.approx(16.66, abs=0.01)
    assert raised_deviations(np.zeros((1, 3)), size, 128)[0, 0] == pytest.approx(6)
    assert limits[2].highest == pytest.approx(np.sqrt(124 / 4))


def test_the_deviation_of_raised_features_is_that_of_a_plain_computation():
    values = np.random.default_rng(0).standard_normal((5, 40)) * 3 + 7
    own = np.asarray(stats.zscore(values, axis=1))[:, :4]
    values[:, :4] += 9 * values.std(axis=1, keepdims=True)
    plain = np.asarray(stats.zscore(values, axis=1))[:, :4]
    np.testing.assert_allclose(raised_deviations(own, 9.0, 40), plain, rtol=1e-12)


def test_few_features_have_no_outliers(activations):
    controls, curve, limits = outlier_controls(activations[:, :20], 6.0, 0.01, 0)
    assert wrong(controls) == [] and all(point.found == 0 for point in curve)
    assert [one.raised_by for one in limits] == [None]
    assert limit(20, 1, 6.0).highest == pytest.approx(np.sqrt(19))


def over_images(values):
    yield slice(0, len(values)), (values - values.mean(axis=0)) / values.std(axis=0)


def without_mean(values):
    yield slice(0, len(values)), values / values.std(axis=1, keepdims=True)


def one_less(values):
    for rows, z in standardize(values):
        yield rows, z * np.sqrt(1 - 1 / values.shape[1])


@pytest.mark.parametrize("broken", [over_images, without_mean, one_less])
def test_a_broken_standardization_is_seen(monkeypatch, activations, broken):
    monkeypatch.setattr(kurtosis, "standardized", broken)
    assert wrong(outlier_controls(activations, 6.0, 0.01, 0)[0])


def test_a_broken_choice_of_outlier_features_is_seen(monkeypatch, activations):
    monkeypatch.setattr(kurtosis, "are_outliers", lambda *counts: chosen(*counts)[::-1])
    assert wrong(outlier_controls(activations, 6.0, 0.01, 0)[0])
