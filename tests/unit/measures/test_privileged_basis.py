from dataclasses import astuple

import numpy as np
import pytest
from msgspec.structs import asdict

from interpreting_clip.measures.kurtosis import kurtosis
from interpreting_clip.measures.privileged_basis import (
    Settings,
    privileged_basis,
    rotated_numbers,
    span_coordinates,
)
from interpreting_clip.statistics.nulls import random_frame, random_rotation
from interpreting_clip.statistics.random_numbers import generator

SETTINGS = Settings(rotations=20, seed=3)


def draw(images: int, features: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((images, features))


def outlying(images: int = 1500, features: int = 64) -> np.ndarray:
    """Return Gaussian images, one of whose features is large in all of them."""
    activations = draw(images, features)
    activations[:, 5] += 30
    return activations


def test_a_single_feature_has_its_closed_form_and_no_longer_after_a_rotation():
    single, rotation = np.zeros((30, 16)), random_rotation(16, np.random.default_rng(0))
    single[:, 3] = np.linspace(-2, -1, 30)
    kurtosis, _ = rotated_numbers(single @ rotation.T, rotation, 6.0, 0.5)
    assert kurtosis == pytest.approx((16**2 - 3 * 16 + 3) / 15)
    assert rotated_numbers(single, rotation, 6.0, 0.5)[0] < 6 < kurtosis


def test_the_result_has_the_numbers_of_the_rotations():
    activations = outlying(1500).astype(np.float32)
    result = privileged_basis(activations, **asdict(SETTINGS))
    frames = [random_frame(64, 64, generator(3, "rotated features", n)) for n in range(20)]
    rotated = [kurtosis(activations.astype(float) @ frame) for frame in frames]
    drawn = [one.kurtosis.value for one in rotated]
    expected = np.mean(drawn), min(drawn), max(drawn)
    assert astuple(result.rotated_kurtosis) == pytest.approx(expected)
    outliers = [one.outliers.outlier_features for one in rotated]
    assert result.rotated_outliers.value == np.mean(outliers) == 0
    assert kurtosis(activations).outliers.outlier_features == 1
    assert result.kurtosis_p == 2 / 21


def test_scale_and_the_order_of_images_change_nothing():
    activations = outlying(300)
    shuffled = 7 * activations[np.random.default_rng(1).permutation(300)]
    one, other = (privileged_basis(each, **asdict(SETTINGS)) for each in (activations, shuffled))
    assert astuple(one.rotated_kurtosis) == pytest.approx(astuple(other.rotated_kurtosis))
    assert one.kurtosis_p == other.kurtosis_p


def test_noise_has_no_privileged_basis():
    result = privileged_basis(draw(1500, 64), **asdict(SETTINGS))
    assert result.rotated_kurtosis.value == pytest.approx(result.isotropic, abs=0.05)
    assert result.rotated_outliers.ends == (0, 0)
    assert result.kurtosis_p > 0.05


def test_an_image_without_spread_is_named_by_its_own_number():
    activations = draw(2000, 4)
    activations[1500] = 0
    with pytest.raises(ValueError, match="image 1500: "):
        privileged_basis(activations, **asdict(SETTINGS))


def test_features_below_all_rotations_differ_as_those_above_do():
    # All features are as large, so that the kurtosis is 1, the least there is.
    even = np.sign(draw(100, 64)) + 1e-3 * draw(100, 64)
    assert privileged_basis(even, **asdict(SETTINGS)).kurtosis_p == 2 / 21


def test_fewer_images_than_features_are_rotated_within_their_span():
    activations = outlying(40, 64).astype(np.float32)
    few = span_coordinates(activations)
    assert few.shape == (40, 40)
    np.testing.assert_allclose(few @ few.T, activations @ activations.T, rtol=1e-5)
    # The whole rotation of each image, drawn as often, gives the same kurtosis but for chance.
    result = privileged_basis(activations, rotations=300)
    rng = np.random.default_rng(1)
    rotations = [random_rotation(64, rng) for _ in range(300)]
    whole = [rotated_numbers(activations, one, 6.0, 0.5)[0] for one in rotations]
    error = np.std(whole) / 300**0.5
    assert abs(result.rotated_kurtosis.value - np.mean(whole)) < 3.5 * 2**0.5 * error
