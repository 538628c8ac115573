"""The operations that portable kernels replace compute what torch's own do."""

import pytest
import torch
from torch.testing import assert_close

from interpreting_clip.encoders.portable import batch_norm_gradients, product, sum_with_product


@pytest.fixture
def drawn():
    """Return a function that draws a tensor of a shape, the same for every test."""
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator)


@pytest.mark.parametrize("shapes", [((5, 7), (7, 3)), ((4, 5, 7), (4, 7, 3)), ((5, 0), (0, 3))])
def test_a_product_is_torchs(drawn, shapes):
    first, second = (drawn(*shape) for shape in shapes)
    assert_close(product(first, second), first @ second)
    flipped = first.mT.contiguous().mT  # not contiguous
    assert_close(product(flipped, second), first @ second)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.int64])
def test_a_product_keeps_its_type(drawn, dtype):
    first, second = (4 * drawn(6, 8)).to(dtype), (4 * drawn(8, 3)).to(dtype)
    assert_close(product(first, second), first @ second)


@pytest.mark.parametrize("factors", [{}, {"beta": 0.5, "alpha": 2}, {"beta": 0}])
def test_a_sum_with_a_product_is_torchs(drawn, factors):
    for term, batch in ((drawn(3), ()), (drawn(5, 3), ()), (drawn(4, 5, 3), (4,))):
        first, second = drawn(*batch, 5, 7), drawn(*batch, 7, 3)
        add = torch.baddbmm if batch else torch.addmm
        assert_close(
            sum_with_product(term, first, second, **factors), add(term, first, second, **factors)
        )


def test_a_beta_of_0_ignores_nan(drawn):
    term = torch.full((5, 3), torch.nan)
    assert sum_with_product(term, drawn(5, 7), drawn(7, 3), beta=0).isfinite().all()


@pytest.mark.parametrize("channels", [3, 4, 8])
@pytest.mark.parametrize("training", [True, False])
def test_the_gradients_of_a_batch_norm_are_torchs(drawn, channels, training):
    images = drawn(6, channels, 5, 5).contiguous(memory_format=torch.channels_last)
    gradient, gain = drawn(6, channels, 5, 5), drawn(channels)
    mean, variance = drawn(channels), drawn(channels).square()
    _, *saved = torch.ops.aten.native_batch_norm(
        images, gain, gain, mean.clone(), variance.clone(), training, 0.1, 1e-5
    )
    rest = (gain, mean, variance, *saved, training, 1e-5, [True, True, True])
    found = batch_norm_gradients(gradient, images, *rest)
    expected = torch.ops.aten.native_batch_norm_backward(gradient, images, *rest)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)
