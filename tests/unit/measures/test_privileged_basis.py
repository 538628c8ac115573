from dataclasses import astuple

import numpy as np
import pytest

from interpreting_clip.measures.kurtosis import kurtosis
from interpreting_clip.measures.nulls import random_frame, random_rotation
from interpreting_clip.measures.privileged_basis import (
    BasisNumbers,
    Settings,
    basis_numbers,
    privileged_basis,
    span_coordinates,
)
from interpreting_clip.measures.random_numbers import generator

SETTINGS = Settings(rotations=20, seed=3, robust_deviations=6.0)


def draw(images: int, features: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((images, features))


def measured(activations: np.ndarray, rotation: np.ndarray | None = None) -> BasisNumbers:
    return basis_numbers(activations, 6.0, 0.5, 6.0, rotation)


def outlying(images: int = 1500, features: int = 64) -> np.ndarray:
    """Return Gaussian images, one of whose features is large in all of them."""
    activations = draw(images, features)
    activations[:, 5] += 30
    return activations


def test_a_single_feature_of_n_has_the_kurtosis_of_its_images_and_of_its_sizes():
    single = np.zeros((30, 16))
    single[:, 3] = np.linspace(-2, -1, 30)
    one = measured(single)
    assert one.kurtosis == pytest.approx((16**2 - 3 * 16 + 3) / 15)
    assert one.rms_kurtosis == pytest.approx(16)
    assert one.outlier_features == 0 and one.max_to_median is one.robust_outliers is None


def test_scale_and_the_order_of_features_and_images_change_nothing():
    activations = outlying() * np.linspace(1, 3, 64) + np.linspace(-1, 1, 64) ** 3
    rng = np.random.default_rng(1)
    shuffled = activations[rng.permutation(1500)][:, rng.permutation(64)]
    assert vars(measured(7 * shuffled)) == pytest.approx(vars(measured(activations)))


def test_a_rotation_and_its_inverse_change_nothing_and_a_rotation_alone_much():
    activations, rotation = outlying(), random_rotation(64, np.random.default_rng(0))
    own = measured(activations)
    assert vars(measured(activations @ rotation.T, rotation)) == pytest.approx(vars(own))
    rotated = measured(activations, rotation)
    assert own.outlier_features == own.robust_outliers == 1
    assert rotated.outlier_features == rotated.robust_outliers == 0
    assert rotated.kurtosis < 5 < own.kurtosis
    assert rotated.rms_kurtosis < 4 < own.rms_kurtosis


def test_a_plain_computation_says_the_same():
    activations = (outlying(2500) * np.linspace(1, 4, 64)).astype(np.float32)
    values, plain = activations.astype(np.float64), kurtosis(activations)
    found = measured(activations)
    squares, means = (values**2).mean(axis=0), values.mean(axis=0)
    distances = np.abs(means - np.median(means))
    assert found.kurtosis == pytest.approx(plain.kurtosis.value)
    assert found.outlier_features == plain.outliers.outlier_features
    ratios = [max(map(abs, row)) / np.median(np.abs(row)) for row in values.tolist()]
    assert found.max_to_median == pytest.approx(np.median(ratios))
    assert found.rms_kurtosis == pytest.approx((squares**2).mean() / squares.mean() ** 2)
    assert found.robust_outliers == sum(distances > 6 * 1.482602 * np.median(distances))


def test_the_result_has_the_numbers_of_the_features_and_those_of_the_rotations():
    activations = outlying(300)
    own, result = measured(activations), privileged_basis(activations, settings=SETTINGS)
    rngs = [generator(3, "rotated features", number) for number in range(20)]
    rotations = [random_frame(64, 64, rng) for rng in rngs]
    rotated = [measured(activations, rotation) for rotation in rotations]
    for name in ("max_to_median", "rms_kurtosis", "robust_outliers"):
        assert getattr(result, name) == getattr(own, name)
        mean = np.mean([getattr(one, name) for one in rotated])
        assert getattr(result, f"rotated_{name}") == pytest.approx(mean)
    drawn = [one.kurtosis for one in rotated]
    expected = np.mean(drawn), min(drawn), max(drawn)
    assert astuple(result.rotated_kurtosis) == pytest.approx(expected)
    assert (result.kurtosis_p, result.rotated_outliers.value) == (2 / 21, 0)


def test_noise_has_no_privileged_basis():
    result = privileged_basis(draw(1500, 64), settings=SETTINGS)
    assert result.rotated_kurtosis.value == pytest.approx(result.isotropic, abs=0.05)
    assert result.robust_outliers == 0 and result.rotated_outliers.ends == (0, 0)
    assert result.rms_kurtosis == pytest.approx(1, abs=0.02)
    assert result.max_to_median == pytest.approx(result.rotated_max_to_median, rel=0.05)


def test_an_image_without_spread_is_named_by_its_own_number():
    activations = draw(2000, 4)
    activations[1500] = 0
    with pytest.raises(ValueError, match="image 1500: "):
        privileged_basis(activations, settings=SETTINGS)


def test_features_below_all_rotations_differ_as_those_above_do():
    # All features are as large, so that the kurtosis is 1, the least there is.
    even = np.sign(draw(100, 64)) + 1e-3 * draw(100, 64)
    assert privileged_basis(even, settings=SETTINGS).kurtosis_p == 2 / 21
    assert privileged_basis(draw(1500, 64), settings=SETTINGS).kurtosis_p > 0.05


def test_fewer_images_than_features_are_rotated_within_their_span():
    activations = outlying(40, 64).astype(np.float32)
    few = span_coordinates(activations)
    assert few.shape == (40, 40)
    np.testing.assert_allclose(few @ few.T, activations @ activations.T, rtol=1e-5)
    # The whole rotation of each image, drawn as often, gives the same kurtosis but for chance.
    result = privileged_basis(activations, settings=Settings(rotations=300))
    rng = np.random.default_rng(1)
    whole = [measured(activations, random_rotation(64, rng)).kurtosis for _ in range(300)]
    error = np.std(whole) / 300**0.5
    assert abs(result.rotated_kurtosis.value - np.mean(whole)) < 3.5 * 2**0.5 * error
