from dataclasses import replace

import numpy as np
import pytest

from interpreting_clip.controls import planted_sizes
from interpreting_clip.controls.planted_sizes import basis_controls
from interpreting_clip.measures import privileged_basis as measure
from interpreting_clip.measures.privileged_basis import Settings
from tests.unit.controls.conftest import wrong

SETTINGS = Settings(rotations=20, seed=0, robust_deviations=6.0)


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    monkeypatch.setattr(planted_sizes, "IMAGES", 200)


@pytest.mark.parametrize("features", [128, 8, 2])
def test_planted_sizes_are_found(activations, features):
    controls = basis_controls(activations[:, :features], 6.0, 0.5, SETTINGS, 0)
    assert wrong(controls) == []
    if features == 128:
        # Four hide each other and are found by their means.
        hidden, means, *_ = controls
        assert (hidden.planted, means.planted, means.found) == (0, 4, 4)


def test_with_so_low_a_sigma_that_half_of_the_features_hide_none_are_planted(activations):
    controls = basis_controls(activations[:, :64], 0.9, 0.5, SETTINGS, 0)
    assert len(controls) == 5 and wrong(controls) == []


def test_an_encoder_without_a_ratio_keeps_having_none(activations):
    sparse = np.where(np.arange(64) < 50, 0, activations[:, :64])
    assert wrong(basis_controls(sparse, 6.0, 0.5, SETTINGS, 0)) == []


numbers = measure.basis_numbers


def standard_deviations(values, sigma, share, robust, rotation=None):
    means = values.mean(axis=0)
    far = np.abs(means - means.mean()) > robust * means.std()
    return replace(numbers(values, sigma, share, robust, rotation), robust_outliers=int(far.sum()))


def of_the_squares(values, *settings):
    squares = (values**2).mean(axis=0) ** 2
    moment = float((squares**2).mean() / squares.mean() ** 2)
    return replace(numbers(values, *settings), rms_kurtosis=moment)


@pytest.mark.parametrize("broken", [standard_deviations, of_the_squares])
def test_broken_numbers_are_seen(monkeypatch, activations, broken):
    monkeypatch.setattr(planted_sizes, "basis_numbers", broken)
    assert wrong(basis_controls(activations[:, :64], 6.0, 0.5, SETTINGS, 0))
