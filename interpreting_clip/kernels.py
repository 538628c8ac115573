"""Environment variables that change results: a stage sets, clears or refuses them.

They make the numerical libraries choose other kernels or another precision, and DVC does not see
them. So only the study's `kernels` choose: a stage clears these variables, and sets them
itself for `portable`, if the processor can run such kernels (docs/guarantees.md).
"""

import os
import platform
import re
import sys
from pathlib import Path
from typing import Literal

from interpreting_clip.errors import InputError

Kernels = Literal["portable", "native"]
"""Kernels that give the same bytes on every x86-64 processor with AVX2, or the fastest ones.

Any other processor only has native kernels.
"""

LOWER_PRECISION = {
    "DNNL_DEFAULT_FPMATH_MODE": "STRICT",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "NVIDIA_TF32_OVERRIDE": "0",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "0",
    "PYTORCH_MPS_FAST_MATH": "0",
}
"""Variables that let a library compute float32 in fewer bits, and the value that forbids it."""

KERNELS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_CPU_ISA_HINTS",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_CPU_ISA_HINTS",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_VML_MODE",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)
"""Variables that make a library compute as on another processor: last digits differ."""

PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",
    # Its AVX2 kernels differ between Intel's processors and AMD's. Few products are left to MKL:
    # see interpreting_clip/encoders/portable.py.
    "MKL_CBWR": "COMPATIBLE",
    # log, exp, power and the order of ties in argsort differ; NumPy ignores names that it does not
    # know, so these have to be the locked version's names.
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",  # another number adds in another order
}
"""Variables with which libraries compute the same on every x86-64 processor with AVX2 and FMA.

Each library reads its variables when it is loaded.
"""

ONE_THREAD = {"MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""The threads of BLAS and OpenMP, which by default use one per core: another number adds in another
order. Trainings and forward passes set the study's number in torch, which overrides these."""

THREADS = (
    # torch asks for a number of threads and waits for all of them: with fewer, it never ends.
    "OMP_DYNAMIC",
    "OMP_MAX_ACTIVE_LEVELS",
    "OMP_NESTED",
    "OMP_THREAD_LIMIT",
    "KMP_ALL_THREADS",
    "KMP_DEVICE_THREAD_LIMIT",
    "KMP_DYNAMIC_MODE",
    "KMP_LIBRARY",
    "OMP_NUM_TEAMS",
    "OMP_TEAMS_THREAD_LIMIT",
    "KMP_TEAMS_THREAD_LIMIT",
    # These divide loops and sums differently.
    "OMP_SCHEDULE",
    "KMP_SCHEDULE",
    "KMP_DETERMINISTIC_REDUCTION",
    "KMP_FORCE_REDUCTION",
    # These override the number of threads of one library.
    "BLIS_NUM_THREADS",
    "MKL_DOMAIN_NUM_THREADS",
    "MKL_DYNAMIC",
    "MKL_NUM_STRIPES",
)
"""Variables that override the number of threads a library was set to use; KMP is Intel's and LLVM's
OpenMP, which torch has on macOS and from conda."""

PROCESSOR = Path("/proc/cpuinfo")
"""Where Linux lists the processor's instructions."""


def use_kernels(kernels: Kernels) -> None:
    """Let numerical libraries, none of which may be loaded yet, choose the kernels of a study.

    They compute with one thread, unless torch is set otherwise. A processor that cannot run
    portable kernels gets its native ones.
    """
    if loaded := sorted(sys.modules.keys() & {"numpy", "torch"}):
        raise RuntimeError(f"kernels have to be chosen before {loaded[0]} is imported")
    clear()
    os.environ.update(ONE_THREAD)
    if kernels == "portable" and not unportable_processor():
        os.environ.update(PORTABLE)


def restart_with_kernels(kernels: Kernels) -> None:
    """Start this program again with the kernels of a study, unless it has them.

    For tools, which import numerical libraries before they read the study.
    """
    if kernels == "portable" and not are_portable() and not unportable_processor():
        clear()
        os.environ.update(PORTABLE)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # this program itself


def unportable_processor() -> str:
    """Return this processor's kind, such as "aarch64 (Linux)", if it has no portable kernels."""
    machine = platform.machine()
    if machine != "x86_64" or not PROCESSOR.exists():
        return f"{machine} ({platform.system()})"
    match = re.search(r"^flags\s*:(.*)$", PROCESSOR.read_text(), re.MULTILINE)
    flags = match[1].split() if match else []
    lacking = " and ".join(name for name in ("avx2", "fma") if name not in flags)
    return lacking and f"{machine} without {lacking}"


def clear() -> None:
    """Unset every variable that chooses kernels or limits threads."""
    for name in (*KERNELS, *THREADS):
        os.environ.pop(name, None)


def are_portable() -> bool:
    """Return whether this process computes with portable kernels."""
    return all(os.environ.get(name) == value for name, value in PORTABLE.items())


def require_full_precision() -> None:
    """Refuse to compute if a library has been told to use fewer bits than float32 has."""
    for name, harmless in LOWER_PRECISION.items():
        value = os.environ.get(name) or harmless
        if value.upper() != harmless:
            raise InputError(
                f"environment variable {name}: expected {harmless} or nothing, got {value}, with "
                "which results lose digits and DVC does not see it; unset it"
            )
