"""Portable matrix products: torch's, computed by NumPy's OpenBLAS.

torch leaves products of matrices to MKL, whose kernels for AVX2 give other bits on AMD's processors
than on Intel's. The mode in which it gives the same bits on both, `MKL_CBWR=COMPATIBLE`, is slow.
OpenBLAS's kernels for Haswell run on all these processors and cost about what MKL's own do
(docs/reproducibility.md).
"""

from functools import cache

import numpy as np
import torch

from stages.runtime.environment import are_portable


def use_portable_products() -> None:
    """Let torch compute products on the CPU by OpenBLAS, if this process has portable kernels.

    What still goes through MKL, such as a product of vectors, gives the same bits too, more slowly.
    """
    if are_portable():
        register()


@cache
def register() -> torch.library.Library:
    """Replace torch's own products on the CPU, as long as the result is kept.

    Autograd is not affected: it calls these for the products of gradients, too.
    """
    # By default, attention multiplies inside one kernel, which calls MKL.
    torch.backends.cuda.enable_flash_sdp(False)
    library = torch.library.Library("aten", "IMPL")
    for name in ("mm", "bmm"):
        library.impl(name, product, "CPU", allow_override=True)
    for name in ("addmm", "baddbmm"):
        library.impl(name, sum_with_product, "CPU", allow_override=True)
    return library


def product(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the product of two matrices, or of two batches of matrices."""
    return torch.from_numpy(np.matmul(as_array(first), as_array(second))).to(first.dtype)


def sum_with_product(
    term: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
) -> torch.Tensor:
    """Return `beta * term + alpha * first @ second`; as in torch, a beta of 0 ignores NaN."""
    result = product(first, second)
    if alpha != 1:
        result.mul_(alpha)
    return result.add_(term, alpha=beta) if beta else result


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array that shares its memory; half precision becomes single."""
    half = tensor.dtype in (torch.bfloat16, torch.float16)
    return (tensor.float() if half else tensor).detach().numpy()
