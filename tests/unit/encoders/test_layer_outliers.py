import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreting_clip.encoders.gram import FEATURES_AT_A_TIME, gram, in_memory_order
from interpreting_clip.encoders.layer_outliers import OutlierLimits, outlier_columns
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations, outlier_features

LIMITS = OutlierLimits(6.0, 0.5)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def found(features, limits=LIMITS):
    return outlier_columns(features, limits).tolist()


@pytest.mark.parametrize(("features", "expected"), [(30, []), (45, [7])])
def test_one_feature_of_n_reaches_the_root_of_n_less_one(features, expected):
    values = torch.zeros(4, features)
    values[:, 7] = 3.0
    assert found(values) == expected


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    width=st.sampled_from([5, 100, FEATURES_AT_A_TIME, FEATURES_AT_A_TIME + 3]),
    sigma=st.sampled_from([1.0, 2.0, 4.0, 6.0]),
    share=st.sampled_from([0.1, 0.29, 0.5, 1.0]),
    offset=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 2**31),
)
def test_agrees_with_the_measure_of_activations(width, sigma, share, offset, seed):
    generator = np.random.default_rng(seed)
    scale = generator.lognormal(sigma=1.5, size=width) * generator.lognormal(size=(10, 1))
    values = (generator.standard_normal((10, width)) * scale + offset).astype(np.float32)
    _, deviations = kurtosis_and_deviations(values, sigma)
    expected = outlier_features(deviations, share).feature
    limits = OutlierLimits(sigma, share)
    assert found(torch.from_numpy(values), limits) == sorted(expected.tolist())


def test_scale_and_offset_of_an_image_change_nothing():
    values = normal(12, 400)
    values[:, 5] += 40
    values[:7, 9] -= 30
    moved = values * torch.linspace(0.1, 50, 12)[:, None] + torch.linspace(-9, 9, 12)[:, None]
    assert found(values) == found(moved) == [5, 9]


def test_features_without_a_dominant_one_have_no_outlier_and_equal_ones_neither():
    assert found(normal(64, 2000)) == []
    assert found(torch.full((4, FEATURES_AT_A_TIME + 5), 0.1)) == []


def test_a_channel_that_is_extreme_everywhere_is_found_at_every_position_in_memory_order():
    values = normal(4, 200, 2, 3)
    values[:, 11] += 60
    assert found(values) == list(range(11 * 6, 12 * 6))
    channels_last = values.contiguous(memory_format=torch.channels_last)
    assert found(channels_last) == list(range(11, 6 * 200, 200))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    width=st.sampled_from([6, 100, FEATURES_AT_A_TIME, 2 * FEATURES_AT_A_TIME + 5]),
    seed=st.integers(0, 2**31),
)
def test_the_matrix_without_features_is_that_of_the_others(width, seed):
    generator = np.random.default_rng(seed)
    columns = np.sort(generator.choice(width, min(width, 40) // 2, replace=False))
    values = normal(9, width, seed=seed).double()
    values[:, torch.from_numpy(columns)] *= 1e6
    others = torch.from_numpy(np.delete(values.numpy(), columns, axis=1))
    rest = gram(values, left_out=torch.from_numpy(columns))
    np.testing.assert_allclose(rest, gram(others), rtol=1e-12, atol=1e-12 * width)


def test_columns_are_those_of_the_matrix_whatever_the_layout():
    values = normal(4, 50, 2, 2).contiguous(memory_format=torch.channels_last)
    values[:, 3, 0, 1] += 90
    outliers = outlier_columns(values, LIMITS)
    others = np.delete(in_memory_order(values).numpy(), outliers, axis=1)
    assert others.shape == (4, 199)
    rest = gram(values, left_out=outliers)
    np.testing.assert_allclose(rest, gram(torch.from_numpy(others)), rtol=1e-4, atol=1e-3)
