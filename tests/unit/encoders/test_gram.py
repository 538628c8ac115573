import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreting_clip.encoders.gram import FEATURES_AT_A_TIME, gram, in_memory_order
from interpreting_clip.measures.u_centring import u_center

EPS = float(np.finfo(np.float32).eps)


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def by_definition(features):
    """Return the centred Gram matrix from one product in double precision."""
    rows = features.flatten(1).double().numpy()
    rows = rows - rows.mean(axis=0)
    return rows @ rows.T


def largest_error(found, exact, norms):
    """Return the largest error of a dot product, relative to the norms of its two rows."""
    scale = np.maximum(np.outer(norms, norms), np.mean(norms**2))
    return np.max(np.abs(found - exact) / scale)


def assert_close(features, eps=EPS):
    """Compare the Gram matrix and its U-centred form with those of the definition."""
    exact, found = by_definition(features), gram(features)
    norms = np.sqrt(np.diag(exact))
    assert np.array_equal(found, found.T)
    assert largest_error(found, exact, norms) < 16 * eps
    assert largest_error(u_center(found), u_center(exact), norms) < 16 * eps


def test_two_blocks_by_hand_are_summed_in_double_precision():
    # One block gives 8192, the other 2^-12: single precision would lose the smaller.
    row = torch.ones(FEATURES_AT_A_TIME + 1)
    row[-1] = 2.0**-6
    total = FEATURES_AT_A_TIME + 2.0**-12
    assert np.array_equal(gram(torch.stack([row, -row])), total * np.array([[1.0, -1], [-1, 1]]))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    images=st.integers(4, 40),
    width=st.sampled_from([1, 3, 100, FEATURES_AT_A_TIME, 2 * FEATURES_AT_A_TIME + 5]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    offset=st.sampled_from([0.0, 1.0, 1e3]),
    seed=st.integers(0, 2**31),
)
def test_agrees_with_the_definition_in_double_precision(images, width, scale, offset, seed):
    generator = torch.Generator().manual_seed(seed)
    features = scale * (torch.randn(images, width, generator=generator) + offset)
    assert_close(features)


@pytest.mark.parametrize("image", [0, 5])
def test_an_image_far_from_the_others_does_not_drown_their_differences(image):
    features = normal(16, 300)
    features[image] *= 100
    exact = u_center(by_definition(features))
    error = np.linalg.norm(u_center(gram(features)) - exact)
    assert error < 1e-4 * np.linalg.norm(exact)  # less than the first image's features: 5e-4


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_an_image_is_read_as_it_lies_in_memory(layout):
    features = normal(4, 3, 5, 6).contiguous(memory_format=layout)
    rows = in_memory_order(features)
    assert rows.data_ptr() == features.data_ptr()
    assert rows.is_contiguous()
    assert_close(features)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_half_precision_is_multiplied_in_single_and_double_in_double(dtype):
    features = normal(6, 50).to(dtype)
    assert_close(features, float(torch.finfo(torch.promote_types(dtype, torch.float32)).eps))


@pytest.mark.parametrize("value", [0.1, 1e6, 3e18])
def test_images_that_are_all_the_same_give_exactly_zero(value):
    features = torch.rand(1, 100).mul(value).expand(7, 100)
    assert not gram(features).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e25])
def test_what_is_not_finite_stays_so(value):
    features = normal(5, 8)
    features[2, 3] = value
    assert not np.isfinite(gram(features)).all()


@pytest.mark.parametrize(
    ("matrix", "message"),
    [(np.eye(3), "3 images: HSIC_1 needs at least 4"), (np.full((5, 5), np.inf), "overflowed")],
)
def test_refuses_to_centre_what_is_too_small_or_not_finite(matrix, message):
    with pytest.raises(ValueError, match=message):
        u_center(matrix)
