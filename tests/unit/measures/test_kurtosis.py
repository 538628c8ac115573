import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from interpreting_clip.measures.kurtosis import (
    CHUNK_SIZE,
    FeatureDeviations,
    hiding_outliers,
    kurtosis_and_deviations,
    most_extreme_first,
    outlier_features,
)

RNG = np.random.default_rng(0)
GAUSSIAN = RNG.normal(size=(400, 128)).astype(np.float32)


def image_kurtosis(activations: np.ndarray, chunk_size: int = CHUNK_SIZE) -> np.ndarray:
    return kurtosis_and_deviations(activations, 6.0, chunk_size)[0]


def feature_deviations(
    activations: np.ndarray, sigma: float = 6.0, chunk_size: int = CHUNK_SIZE
) -> FeatureDeviations:
    return kurtosis_and_deviations(activations, sigma, chunk_size)[1]


@pytest.mark.parametrize("width", [8, 128, 1024])
def test_one_lone_feature_among_n_gives_its_closed_form(width):
    activations = np.zeros((1, width), dtype=np.float32)
    activations[0, 3] = 5
    # Of n features one is 1: variance p (1 - p) and fourth moment p (1 - p)^4 + (1 - p) p^4.
    p = 1 / width
    expected = ((1 - p) ** 3 + p**3) / (p * (1 - p))
    np.testing.assert_allclose(image_kurtosis(activations), [expected], rtol=1e-12)


def test_scale_offset_sign_order_of_features_and_chunks_change_nothing():
    moved = -3.5 * GAUSSIAN[:, RNG.permutation(128)].astype(np.float64) + 11
    np.testing.assert_allclose(image_kurtosis(moved, 7), image_kurtosis(GAUSSIAN), rtol=1e-10)


NUMBERS = st.floats(-(2.0**20), 2.0**20, width=32, allow_subnormal=False)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(arrays(np.float32, (2, 7), elements=NUMBERS, fill=st.nothing()), st.integers(-120, 100))
def test_agrees_with_scipy_from_end_to_end_of_single_precision(activations, exponent):
    activations = np.where(np.abs(activations) < 1, 0, activations)
    activations[:, 0] = activations[:, 1:].max(axis=1) + np.float32(2**16)
    scaled = np.ldexp(activations, exponent)
    oracle = stats.kurtosis(activations.astype(np.float64), axis=1, fisher=False)
    np.testing.assert_allclose(image_kurtosis(scaled), oracle, rtol=1e-9)
    np.testing.assert_array_equal(image_kurtosis(scaled), image_kurtosis(activations))


def test_gaussian_features_have_three():
    # The standard deviation of one image's kurtosis is sqrt(24 / 128); there are 400 images.
    assert image_kurtosis(GAUSSIAN).mean() == pytest.approx(3, abs=4 * np.sqrt(24 / 128 / 400))


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_refuses_an_image_without_spread_and_names_it(value):
    activations = RNG.normal(size=(10, 1000))
    activations[6] = value
    with pytest.raises(ValueError, match="image 6: "):
        image_kurtosis(activations, chunk_size=4)


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


def test_a_feature_exactly_sigma_away_is_not_beyond_it():
    deviations = feature_deviations(np.tile([-1.0, 1.0], (3, 4)), sigma=1.0)
    assert not deviations.share.any()
    assert deviations.mean_abs_z.tolist() == [1.0] * 8


def test_deviations_agree_with_scipy():
    activations = with_outlier(5, 0.3)
    z = np.abs(np.asarray(stats.zscore(activations.astype(np.float64), axis=1)))
    deviations = feature_deviations(activations, sigma=2.0, chunk_size=7)
    np.testing.assert_array_equal(deviations.share, (z > 2).mean(axis=0))
    np.testing.assert_allclose(deviations.mean_abs_z, z.mean(axis=0), rtol=1e-12)


def test_gaussian_and_sparse_features_hold_no_outlier_feature():
    sparse = np.zeros((400, 128))
    sparse[np.arange(400), RNG.integers(128, size=400)] = 1
    for activations in (GAUSSIAN, sparse):
        assert len(outlier_features(feature_deviations(activations, 6.0), 0.1).feature) == 0


def test_the_most_frequent_outlier_comes_first_and_of_equals_the_farthest():
    share = np.array([0.2, 0.9, 0.0, 0.5, 0.9, 0.9])
    deviations = FeatureDeviations(share, np.array([0.0, 1, 2, 3, 4, 1]))
    found = outlier_features(deviations, threshold=0.2)
    assert found.feature.tolist() == [4, 1, 5, 3, 0]
    assert found.share.tolist() == [0.9, 0.9, 0.9, 0.5, 0.2]
    assert found.mean_abs_z.tolist() == [4, 1, 1, 3, 0]
    assert most_extreme_first(deviations).feature.tolist() == [4, 1, 5, 3, 0, 2]


@pytest.mark.parametrize(("width", "hiding"), [(36, 1), (37, 1), (38, 2), (128, 4), (1024, 28)])
def test_so_many_equal_outliers_hide_each_other_and_one_less_is_found(width, hiding):
    assert hiding_outliers(width, 6.0) == hiding
    shares = []
    for raised in range(1, hiding + 1):
        activations = np.zeros((1, width))
        activations[0, :raised] = 1e6
        shares.append(feature_deviations(activations, 6.0).share[:raised])
    assert all(share.all() for share in shares[:-1]) and not shares[-1].any()


@pytest.mark.parametrize(
    ("sigma", "threshold", "message"),
    [(6.0, 1.5, "fraction of images"), (0.0, 0.5, "above 0")],
)
def test_refuses_a_threshold_that_is_no_share_and_a_sigma_of_zero(sigma, threshold, message):
    with pytest.raises(ValueError, match=message):
        outlier_features(feature_deviations(GAUSSIAN, sigma), threshold)
