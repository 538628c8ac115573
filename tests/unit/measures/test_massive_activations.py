import math

import numpy as np
import pytest

from interpreting_clip.measures.massive_activations import isotropic_ratio, massive_activations

RNG = np.random.default_rng(5)
TOKENS = RNG.normal(size=(7, 10, 6))


def test_one_large_value_is_so_many_times_the_others():
    activations = np.full((4, 9), -2.0)
    activations[:, 5] = 4000.0
    found = massive_activations(activations)
    assert found.ratio is not None and found.ratio.ends == (2000.0, 2000.0)
    assert (found.largest.value, found.median.value) == (4000.0, 2.0)
    assert (found.massive.value, found.feature, found.feature_share) == (1.0, 5, 1.0)


def test_scale_sign_and_order_change_no_ratio():
    first, order = massive_activations(TOKENS), RNG.permutation(10)
    other = massive_activations(-4 * TOKENS[:, order])
    assert first.ratio is not None and other.ratio is not None
    assert other.ratio.ends == pytest.approx(first.ratio.ends)
    assert other.feature == first.feature


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_agrees_with_a_loop_over_images(axis):
    found = massive_activations(TOKENS, feature_axis=axis, magnitude=2.0, times=4.0)
    assert found.ratio is not None
    ratios, massive, features = [], 0, []
    for image in TOKENS:
        values = sorted(abs(float(value)) for value in image.ravel())
        median = (values[29] + values[30]) / 2
        ratios.append(values[-1] / median)
        massive += values[-1] > 2 and values[-1] >= 4 * median
        place = next(p for p, value in np.ndenumerate(image) if abs(value) == values[-1])
        features.append(place[1 if axis == -1 else axis - 1])
    assert found.ratio.value == pytest.approx(np.mean(ratios))
    assert found.massive.value == pytest.approx(massive / 7) and 0 < massive < 7
    assert found.per_image_feature.tolist() == features
    assert found.features == TOKENS.shape[axis] and found.values == 60


@pytest.mark.parametrize("values", [3, 4, 16, 101])
def test_noise_has_the_ratio_of_chance(values):
    found = massive_activations(RNG.normal(size=(40_000, values)), resamples=100)
    assert found.ratio is not None
    draws = found.per_image_largest / found.per_image_median
    error = draws.std() / math.sqrt(len(draws))
    assert found.isotropic == isotropic_ratio(values)
    assert abs(found.ratio.value - found.isotropic) < 4 * error
    # As in the other measures, a tenth would be a wrong chance level.
    assert error < 0.02 * found.isotropic


def test_chance_of_one_and_of_two_values_is_known():
    assert isotropic_ratio(1) == 1
    # 2 max / (max + min) of two, whose angle is uniform.
    assert isotropic_ratio(2) == pytest.approx(1 + 2 * math.log(2) / math.pi, rel=1e-5)


def test_rectified_features_may_have_no_ratio_and_a_note_says_so():
    activations = np.abs(RNG.normal(size=(5, 9)))
    activations[2, :5] = 0
    activations[2, 8] = 5000
    found = massive_activations(activations)
    assert found.ratio is None and found.zero_medians == 1
    assert found.massive.value == 0
    assert any("median of 1 images is 0" in note for note in found.notes)


@pytest.mark.parametrize(
    ("activations", "keywords", "said"),
    [
        (TOKENS, {"feature_axis": 3}, r"feature_axis: .*1 to 2.*got 3"),
        (TOKENS, {"feature_axis": 0}, "feature_axis"),
        (TOKENS, {"times": 0.0}, "times"),
        ([[1.0, math.nan]], {}, "image 0 holds NaN"),
        (np.empty((0, 3)), {}, "activations: expected"),
    ],
)
def test_what_has_no_extremes_is_refused(activations, keywords, said):
    with pytest.raises(ValueError, match=said):
        massive_activations(activations, **keywords)
