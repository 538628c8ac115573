"""torch's operations that environment variables do not make portable: products and batch norms.

torch leaves products of matrices to MKL, whose kernels for AVX2 give other bits on AMD's processors
than on Intel's. The mode in which it gives the same bits on both, `MKL_CBWR=COMPATIBLE`, is slow.
OpenBLAS's kernels for Haswell run on all these processors, and cost about what MKL's own do
(docs/guarantees.md).
"""

import warnings
from functools import cache

import numpy as np
import torch

from interpreting_clip.kernels import are_portable

LANES = 8
"""The float32 numbers in a register of AVX2."""


def use_portable_operations() -> None:
    """Replace these operations of torch on the CPU, if this process has portable kernels.

    What still goes through MKL, such as a product of vectors, gives the same bits too, more slowly.
    Autograd is not affected: it calls these operations for gradients as well.
    """
    if are_portable():
        register()


# The cache keeps the library alive: torch takes its operations back when it is collected.
@cache
def register() -> torch.library.Library:
    """Replace them in torch's table of operations, for as long as the result is kept."""
    # By default, attention multiplies inside one kernel, which calls MKL.
    torch.backends.cuda.enable_flash_sdp(False)
    library = torch.library.Library("aten", "IMPL")
    operations = {
        "mm": product,
        "bmm": product,
        "addmm": sum_with_product,
        "baddbmm": sum_with_product,
        "native_batch_norm_backward": batch_norm_gradients,
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*other operators may also be overridden")
        for name, function in operations.items():
            library.impl(name, function, "CPU", allow_override=True)
    return library


def product(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the product of two matrices, or of two batches of matrices."""
    return torch.from_numpy(np.matmul(as_array(first), as_array(second))).to(first.dtype)


def sum_with_product(
    term: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    beta: int | float = 1,
    alpha: int | float = 1,
) -> torch.Tensor:
    """Return `beta * term + alpha * first @ second`; as in torch, a beta of 0 ignores NaN."""
    result = product(first, second)
    if alpha != 1:
        result.mul_(alpha)
    return result.add_(term, alpha=beta) if beta else result


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array that shares its memory; half precision becomes single."""
    # NumPy has no bfloat16, and multiplies float16 without BLAS.
    half = tensor.dtype in (torch.bfloat16, torch.float16)
    return (tensor.float() if half else tensor).detach().numpy()


def batch_norm_gradients(
    gradient: torch.Tensor, images: torch.Tensor, *rest: object
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of a batch norm's input, gain and bias."""
    # If channels come last and do not fill registers, torch computes the rest in a loop that each
    # compiler translates in its own way: 2.13.0+cpu and 2.13.0+cu130 differ there, and nowhere else
    # in the miniature.
    if images.shape[1] % LANES:
        gradient, images = gradient.contiguous(), images.contiguous()
    unused = images.new_empty(0)  # what cuDNN keeps from the forward pass
    return torch.ops.aten.batch_norm_backward(gradient, images, *rest, unused)
