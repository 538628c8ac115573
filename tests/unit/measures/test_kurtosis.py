import numpy as np
import pytest
from scipy import stats

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.kurtosis import (
    Kurtosis,
    OutlierFeatures,
    kurtosis,
    outlier_features,
)
from interpreting_clip.statistics.intervals import bootstrap_mean
from interpreting_clip.statistics.outliers import are_outliers, hiding_outliers
from tests.reads import ROOT

RNG = np.random.default_rng(0)
GAUSSIAN = RNG.normal(size=(400, 128)).astype(np.float32)


def per_image(activations: np.ndarray) -> np.ndarray:
    return kurtosis(activations, resamples=1).per_image


def outliers(activations: np.ndarray, sigma: float = 6.0, share: float = 0.5) -> OutlierFeatures:
    return outlier_features(activations, outlier_sigma=sigma, outlier_share=share, sweep=[0.2, 0.7])


# --- kurtosis


def test_one_lone_feature_among_n_gives_its_closed_form():
    activations = 5 * np.eye(1, 128, 3)
    # Of n features one is 1: variance p (1 - p) and fourth moment p (1 - p)^4 + (1 - p) p^4.
    p = 1 / 128
    expected = ((1 - p) ** 3 + p**3) / (p * (1 - p))
    np.testing.assert_allclose(per_image(activations), [expected], rtol=1e-12)


def test_scale_offset_sign_and_the_order_of_features_change_nothing():
    moved = -3.5 * GAUSSIAN[:, RNG.permutation(128)].astype(np.float64) + 11
    np.testing.assert_allclose(per_image(moved), per_image(GAUSSIAN), rtol=1e-10)


@pytest.mark.parametrize("exponent", [-120, 0, 100])
def test_agrees_with_scipy_from_end_to_end_of_single_precision(exponent):
    activations = 2**16 * GAUSSIAN**5
    oracle = stats.kurtosis(activations.astype(np.float64), axis=1, fisher=False)
    np.testing.assert_allclose(per_image(np.ldexp(activations, exponent)), oracle, rtol=1e-9)


def test_gaussian_features_have_what_a_random_rotation_has_and_as_sparse_ones_no_outliers():
    found = kurtosis(GAUSSIAN)
    assert found.isotropic == 3 * 127 / 129
    # The standard deviation of one image's kurtosis is sqrt(24 / 128); there are 400 images.
    assert found.kurtosis.value == pytest.approx(found.isotropic, abs=4 * np.sqrt(24 / 128 / 400))
    assert found.outliers.outlier_features == 0
    assert outliers(np.eye(128), share=0.1).outlier_features == 0


def test_the_mean_has_a_bootstrap_interval_and_that_of_a_single_image_none():
    found = kurtosis(GAUSSIAN, resamples=30, confidence=0.8, seed=4)
    assert found.kurtosis == bootstrap_mean(found.per_image, 30, 0.8, 4)
    one = kurtosis(GAUSSIAN[:1])
    assert one.kurtosis == Estimate(one.per_image[0])


def test_refuses_an_image_without_spread_and_names_it():
    activations = RNG.normal(size=(300, 100))
    activations[206] = 0.1
    with pytest.raises(ValueError, match="image 206: "):
        kurtosis(activations)


# --- minus the mean image


def centred(activations: np.ndarray) -> float:
    found = kurtosis(activations, resamples=1).centred
    assert found
    return found.value


def test_images_that_each_differ_from_the_mean_in_one_feature_have_its_closed_form():
    # Of n equally many images with one feature of their own, h - mean is 1 - 1 / n and -1 / n.
    p, shared = 1 / 128, 50 * RNG.normal(size=128)
    expected = ((1 - p) ** 3 + p**3) / (p * (1 - p))
    assert centred(shared + np.eye(128)) == pytest.approx(expected, rel=1e-10)


def test_a_scale_and_a_vector_that_is_added_to_all_images_do_not_change_the_centred_kurtosis():
    moved = 7 * (GAUSSIAN + 100 * RNG.normal(size=128))
    assert centred(moved) == pytest.approx(centred(GAUSSIAN), rel=1e-10)


def test_the_centred_kurtosis_agrees_with_scipy_on_images_minus_their_mean_and_has_an_interval():
    activations = (GAUSSIAN**3 + 1000 * (np.arange(128) == 9)).astype(np.float64)
    rest = activations - activations.mean(axis=0)
    oracle = stats.kurtosis(rest, axis=1, fisher=False)
    found = kurtosis(activations, resamples=30, confidence=0.8, seed=4)
    expected = bootstrap_mean(oracle, 30, 0.8, 4)
    assert found.centred and found.centred.ends == pytest.approx(expected.ends, rel=1e-9)
    assert (found.outliers.outlier_features, found.centred_outliers) == (1, 0)


@pytest.mark.parametrize(
    "activations",
    [
        GAUSSIAN[:1],
        GAUSSIAN[0] + np.array([[0.1], [-0.1], [0.3]]),
        np.stack([GAUSSIAN[0], GAUSSIAN[:2].mean(axis=0, dtype=np.float64), GAUSSIAN[1]]),
    ],
    ids=["single", "equal but for an offset", "one equals the mean"],
)
def test_an_image_of_which_nothing_is_left_gives_no_centred_kurtosis_but_all_else(activations):
    found: Kurtosis = kurtosis(activations)
    assert (found.centred, found.centred_outliers) == (None, None)
    assert found.kurtosis.value > 1 and "equals it" in found.notes[1]


@pytest.mark.parametrize(
    ("name", "whole", "rest", "outliers"),
    [
        ("images", 87.2401, 6.8363, {442: (1.0, 0.39849, 0.99071)}),
        ("captions", 76.9928, 3.8923, {362: (0.99, 0.36363, 0.96528)}),
        ("random_images", 2.9420, 2.9528, {}),
    ],
)
def test_the_outlier_feature_of_a_real_clip_is_a_constant(name, whole, rest, outliers):
    # The expected values come from NumPy alone.
    arrays = read_tensors(ROOT / "data/arrays/clip_vit_b16_coco.safetensors", name)
    found = kurtosis(arrays[name])
    assert found.centred
    assert (found.kurtosis.value, found.centred.value) == pytest.approx((whole, rest), abs=1e-4)
    assert (found.outliers.feature.tolist(), found.centred_outliers) == (list(outliers), 0)
    columns = found.outliers.share, found.outliers.energy, found.outliers.constant
    for found_one, expected in zip(np.transpose(columns), outliers.values(), strict=True):
        assert found_one == pytest.approx(expected, abs=1e-5)


# --- outlier features


def test_lone_features_deviate_by_their_closed_form():
    activations = np.eye(50)[[8, 8, 8, 9]]
    found = outliers(activations, share=0.25)
    assert found.feature.tolist() == [8, 9] and found.share.tolist() == [0.75, 0.25]
    # The lone feature is sqrt(n - 1) σ from the mean, and every other 1 / sqrt(n - 1).
    np.testing.assert_allclose(found.mean_abs_z[0], 0.75 * 7 + 0.25 / 7, rtol=1e-12)
    assert (found.outlier_features, found.largest_share, found.features) == (2, 0.75, 50)
    assert [one.outlier_features for one in found.sweep] == [2, 1]


def test_energy_and_what_is_constant_of_it_are_those_of_their_closed_form():
    constant, flipping = np.full(400, 30.0), np.tile([40.0, -40.0], 200)
    mixed, nothing = 30 + np.tile([10.0, -10.0], 200), np.zeros(400)
    signs = RNG.choice([-1.0, 1.0], (400, 96))
    found = outliers(np.column_stack([constant, flipping, mixed, nothing, signs]), sigma=2.0)
    squares = np.array([900, 1600, 1000]) / (900 + 1600 + 1000 + 96)
    shares = found.energy_of_every_feature, found.constant_of_every_feature
    np.testing.assert_allclose(shares[0][:4], [*squares, 0])
    np.testing.assert_allclose(shares[1][:4], [1, 0, 0.9, 1], atol=1e-12)
    assert sorted(found.feature.tolist()) == [0, 1, 2]
    np.testing.assert_array_equal(found.energy, shares[0][found.feature])
    np.testing.assert_array_equal(found.constant, shares[1][found.feature])
    together = squares.sum(), (900 + 0.9 * 1000) / 3500
    assert (found.total_energy, found.total_constant) == pytest.approx(together)
    # Noise of mean 0 has little that is constant.
    noise = outliers(GAUSSIAN)
    assert noise.constant_of_every_feature.mean() == pytest.approx(1 / 400, rel=0.5)
    assert (noise.total_energy, noise.total_constant) == (None, None)


def test_deviations_agree_with_scipy_and_a_feature_exactly_sigma_away_is_not_beyond_it():
    activations = GAUSSIAN.copy()
    activations[:120, 5] = 40
    z = np.abs(np.asarray(stats.zscore(activations.astype(np.float64), axis=1)))
    found = outliers(activations, sigma=2.0, share=0.3)
    share = (z > 2).mean(axis=0)
    np.testing.assert_array_equal(found.share_of_every_feature, share)
    np.testing.assert_allclose(found.mean_abs_z_of_every_feature, z.mean(axis=0), rtol=1e-12)
    assert found.feature.tolist() == [5] == np.flatnonzero(share >= 0.3).tolist()
    assert outliers(np.tile([-1.0, 1.0], (3, 4)), sigma=1.0).largest_share == 0


def test_no_rounding_decides_how_many_images_are_enough():
    for enough in range(1, 101):
        beyond = np.array([enough - 1, enough])
        assert are_outliers(beyond, 100, enough / 100).tolist() == [False, True]


@pytest.mark.parametrize(("width", "hiding"), [(37, 1), (38, 2), (128, 4)])
def test_so_many_equal_outliers_hide_each_other_and_one_less_is_found(width, hiding):
    assert hiding_outliers(width, 6.0) == hiding
    for raised in range(1, hiding + 1):
        found = outliers(1e6 * (np.arange(width)[None] < raised))
        assert found.feature.tolist() == (list(range(raised)) if raised < hiding else [])
        assert found.hiding == hiding


@pytest.mark.parametrize(
    ("name", "whole", "outliers"),
    [
        ("openai_rn50", 286.1803, {526: 0.52172, 9: 0.04831, 361: 0.04393, 222: 0.03967}),
        ("openai_vit_b16", 300.4847, {442: 0.76666}),
        ("openai_vit_b32", 302.0644, {92: 0.76808}),
        ("laion2b_s34b_b79k_vit_b32", 82.4697, {307: 0.27694, 152: 0.27680}),
    ],
)
def test_the_mean_image_of_a_real_clip_has_outlier_features(name, whole, outliers):
    # The expected values come from NumPy alone.
    found = kurtosis(read_tensors(ROOT / "data/arrays/mean_images.safetensors", name)[name])
    assert found.kurtosis.value == pytest.approx(whole, abs=1e-4) and found.centred is None
    assert found.outliers.feature.tolist() == [*outliers]
    assert found.outliers.energy == pytest.approx([*outliers.values()], abs=1e-5)


def test_a_published_mean_image_resembles_the_mean_of_500_images_of_the_same_clip():
    files = {"mean_images": "openai_vit_b16", "clip_vit_b16_coco": "images"}
    means = [
        read_tensors(ROOT / f"data/arrays/{file}.safetensors", name)[name].mean(axis=0, dtype=float)
        for file, name in files.items()
    ]
    published, own = (mean / np.linalg.norm(mean) for mean in means)
    assert published @ own == pytest.approx(0.983, abs=5e-4)
