"""Environment variables that change what is computed: some are refused, the others recorded.

They make the numerical libraries choose other kernels or another precision, and DVC does not see
them. docs/recompute.md lists what each of them changes.
"""

import os

from stages.runtime.errors import InputError

LOWER_PRECISION = {
    "DNNL_DEFAULT_FPMATH_MODE": "STRICT",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "NVIDIA_TF32_OVERRIDE": "0",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "0",
    "PYTORCH_MPS_FAST_MATH": "0",
}
"""Variables that let a library compute float32 in fewer bits, and the value that forbids it."""

KERNELS = (
    *("ATEN_CPU_CAPABILITY", "GLIBC_TUNABLES"),
    *("DNNL_CPU_ISA_HINTS", "DNNL_MAX_CPU_ISA", "ONEDNN_CPU_ISA_HINTS", "ONEDNN_MAX_CPU_ISA"),
    *("MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_VML_MODE"),
    *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES"),
    *("NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_DISABLE_JIT", "NUMBA_OPT"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),
)
"""Variables that make a library compute as on another processor: last digits differ."""


def kernel_settings() -> list[str]:
    """Return those of `KERNELS` that are set, as `name=value`."""
    return [f"{name}={value}" for name in KERNELS if (value := os.environ.get(name))]


def require_full_precision() -> None:
    """Refuse to compute if a library has been told to use fewer bits than float32 has.

    Raises
    ------
    InputError
        Names the variable.
    """
    for name, harmless in LOWER_PRECISION.items():
        value = os.environ.get(name) or harmless
        if value.upper() != harmless:
            raise InputError(
                f"environment variable {name}: expected {harmless} or nothing, got {value}, with "
                "which results lose digits and DVC does not see it; unset it"
            )
