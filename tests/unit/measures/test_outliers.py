import numpy as np
import pytest
from scipy import stats

from stages.measures.kurtosis import (
    FeatureDeviations,
    feature_deviations,
    image_kurtosis,
    kurtosis_and_deviations,
    outlier_features,
)

RNG = np.random.default_rng(0)
GAUSSIAN = RNG.normal(size=(400, 128)).astype(np.float32)


def with_outlier(feature, share):
    activations = GAUSSIAN.copy()
    activations[: round(share * 400), feature] = 40
    return activations


def test_one_lone_feature_deviates_by_its_closed_form():
    activations = np.zeros((4, 50))
    activations[:3, 8] = 1
    activations[3, 9] = 1
    deviations = feature_deviations(activations, sigma=6.0)
    assert np.flatnonzero(deviations.share).tolist() == [8, 9]
    assert deviations.share[[8, 9]].tolist() == [0.75, 0.25]
    # The lone feature is sqrt(n - 1) σ from the mean, and every other 1 / sqrt(n - 1).
    mean_abs_z = 0.75 * 7 + 0.25 / 7
    np.testing.assert_allclose(deviations.mean_abs_z[8], mean_abs_z, rtol=1e-12)


def test_scale_and_offset_of_an_image_change_nothing():
    one = feature_deviations(with_outlier(5, 0.5), sigma=6.0)
    other = feature_deviations(with_outlier(5, 0.5) * np.float32(8) - np.float32(32), sigma=6.0)
    np.testing.assert_array_equal(one.share, other.share)
    np.testing.assert_allclose(one.mean_abs_z, other.mean_abs_z, rtol=1e-5)


def test_the_features_keep_their_numbers_when_reordered():
    order = RNG.permutation(128)
    moved = outlier_features(feature_deviations(with_outlier(5, 0.5)[:, order], 6.0), threshold=0.1)
    assert order[moved.feature].tolist() == [5]


def test_agrees_with_scipy():
    activations = with_outlier(5, 0.3)
    z = np.abs(np.asarray(stats.zscore(activations.astype(np.float64), axis=1)))
    deviations = feature_deviations(activations, sigma=2.0, images=7)
    np.testing.assert_array_equal(deviations.share, (z > 2).mean(axis=0))
    np.testing.assert_allclose(deviations.mean_abs_z, z.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("images", [7, 128, 1024])
def test_one_reading_gives_what_two_give(images):
    activations = with_outlier(5, 0.3)
    kurtosis, deviations = kurtosis_and_deviations(activations, 6.0, images)
    alone = feature_deviations(activations, 6.0, images)
    np.testing.assert_array_equal(kurtosis, image_kurtosis(activations))
    np.testing.assert_array_equal(deviations.share, alone.share)
    np.testing.assert_array_equal(deviations.mean_abs_z, alone.mean_abs_z)


def test_gaussian_and_sparse_features_hold_no_outlier_feature():
    sparse = np.zeros((400, 128))
    sparse[np.arange(400), RNG.integers(128, size=400)] = 1
    for activations in (GAUSSIAN, sparse):
        assert len(outlier_features(feature_deviations(activations, 6.0), 0.1).feature) == 0


def test_the_most_frequent_outlier_comes_first():
    share = np.array([0.2, 0.9, 0.0, 0.5, 0.9])
    found = outlier_features(FeatureDeviations(share, np.arange(5.0)), threshold=0.2)
    assert found.feature.tolist() == [1, 4, 3, 0]
    assert found.share.tolist() == [0.9, 0.9, 0.5, 0.2]
    assert found.mean_abs_z.tolist() == [1, 4, 3, 0]


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_refuses_a_threshold_that_is_no_share(threshold):
    with pytest.raises(ValueError, match="share of images"):
        outlier_features(feature_deviations(GAUSSIAN, 6.0), threshold)


def test_refuses_a_sigma_of_zero():
    with pytest.raises(ValueError, match="above 0"):
        feature_deviations(GAUSSIAN, sigma=0.0)
