import numpy as np
import pytest
import torch

from interpreting_clip.statistics.grams import (
    FEATURES_AT_A_TIME,
    OutlierLimits,
    gram,
    minibatch_grams,
    outlier_columns,
    u_center,
)

EPS = float(np.finfo(np.float32).eps)
LIMITS = OutlierLimits(6.0, 0.5)
WIDTHS = 3, 100, 2 * FEATURES_AT_A_TIME + 5


@pytest.fixture(params=[np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def kind(request):
    """What makes an array of the kind that is tested."""
    return request.param


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def assert_close(rows, found, eps=EPS):
    """Compare a Gram matrix and its U-centred form with those of one product in float64."""
    rows, found = np.asarray(rows, np.float64), np.asarray(found)
    rows = rows - rows.mean(axis=0)
    exact = rows @ rows.T
    norms = np.sqrt(np.diag(exact))
    # An error of a dot product is relative to the norms of its two rows.
    near = 16 * eps * np.maximum(np.outer(norms, norms), np.mean(norms**2))
    assert found.dtype == np.float64 and np.array_equal(found, found.T)
    assert (np.abs(found - exact) <= near).all()
    assert (np.abs(u_center(found) - u_center(exact)) <= near).all()


def test_two_blocks_by_hand_are_summed_in_double_precision(kind):
    # One block gives 8192, the other 2^-12: single precision would lose the smaller.
    row = np.ones(FEATURES_AT_A_TIME + 1, np.float32)
    row[-1] = 2.0**-6
    total = FEATURES_AT_A_TIME + 2.0**-12
    found = np.asarray(gram(kind(np.stack([row, -row]))))
    assert np.array_equal(found, total * np.array([[1.0, -1], [-1, 1]]))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0.0), (1.0, 1e3), (1e6, 1.0)])
def test_agrees_with_the_definition_for_all_and_some_features(kind, width, scale, offset):
    rows = np.float32(scale) * (normal(20, width) + np.float32(offset))
    assert_close(rows, gram(kind(rows)))
    left_out = np.arange(width) % 10 == 1
    rows[:, left_out] *= 1e6
    assert_close(rows[:, ~left_out], gram(kind(rows), kind(left_out)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_precision_is_that_of_the_rows_or_the_given_one(dtype):
    rows = torch.from_numpy(normal(6, 50)).to(dtype)
    compute = torch.promote_types(dtype, torch.float32)
    assert_close(rows.double(), gram(rows, dtype=compute), float(torch.finfo(compute).eps))


@pytest.mark.parametrize("value", [0.1, 3e18])
def test_images_that_are_all_the_same_give_exactly_zero_and_no_outlier(kind, value):
    rows = np.repeat(np.float32(value) * np.abs(normal(1, 100)), 7, axis=0)
    assert not np.asarray(gram(kind(rows))).any()
    assert found(kind(np.full_like(rows, value))) == []


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e25])
def test_refuses_what_is_not_finite_and_fewer_than_four_images(value):
    rows = normal(5, 8)
    rows[2, 3] = value
    with pytest.raises(ValueError, match="expected finite features"):
        minibatch_grams(torch.from_numpy(rows), LIMITS)
    with pytest.raises(ValueError, match="3 images: HSIC_1 needs at least 4"):
        minibatch_grams(rows[:3, :3], LIMITS)


def found(rows, limits=LIMITS):
    return np.flatnonzero(outlier_columns(rows, limits)).tolist()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("sigma", "share"), [(1.0, 0.1), (2.0, 0.29), (4.0, 0.5), (6.0, 0.1)])
def test_outliers_agree_with_their_definition(kind, width, sigma, share):
    generator = np.random.default_rng(0)
    scale = generator.lognormal(sigma=1.5, size=width) * generator.lognormal(size=(10, 1))
    rows = (normal(10, width) * scale + 100).astype(np.float32)
    exact = rows.astype(np.float64)
    far = np.abs(exact - exact.mean(axis=1)[:, None]) > sigma * exact.std(axis=1)[:, None]
    expected = np.flatnonzero(far.mean(axis=0) >= share).tolist()
    assert found(kind(rows), OutlierLimits(sigma, share)) == expected
