from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.controls import features
from interpreting_clip.controls.features import (
    constant_controls,
    kurtosis_controls,
    most_equal_outliers,
    outlier_controls,
    raised_deviations,
)
from interpreting_clip.measures import kurtosis
from interpreting_clip.measures.intervals import Estimate
from tests.unit.controls.conftest import wrong

measure = kurtosis.kurtosis


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


@pytest.mark.parametrize(("width", "found"), [(128, 1), (37, 0)])
def test_a_constant_is_no_outlier_without_the_mean_image_and_what_varies_is_one(width, found):
    controls = constant_controls(width, 6.0, 0.5, 0)
    assert wrong(controls) == []
    planted = [control.planted for control in controls]
    constant, varying, both = planted[:5], planted[5:10], planted[10:]
    assert constant[:2] == [found, 0] and varying[:2] == both[:2] == [found, found]
    assert [one[4] for one in (constant, varying, both)] == [1, 0, 0.8]
    # Of signs alone each image has a kurtosis of 1, of one feature that outweighs all others n.
    assert constant[2] == pytest.approx(1, abs=0.1) and varying[2] == pytest.approx(width, rel=0.1)


@pytest.mark.parametrize(
    "broken",
    [
        lambda found: replace(found, mean_image=0 * found.mean_image),
        lambda found: replace(found, constant=1 - found.constant),
        lambda found: replace(found, share=found.share[::-1]),
    ],
    ids=["nothing subtracted", "the rest", "another feature"],
)
def test_a_broken_energy_or_mean_image_is_seen(monkeypatch, broken):
    energy = kurtosis.feature_energy
    monkeypatch.setattr(kurtosis, "feature_energy", lambda values: broken(energy(values)))
    assert wrong(constant_controls(64, 6.0, 0.5, 0))
