"""A process with portable kernels: what its libraries have chosen, and what torch then computes."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.reads import ROOT

CHOSEN = """
import json, sys
from interpreting_clip.kernels import use_kernels
use_kernels("portable")
import numba.core.config, numpy as np, threadpoolctl, torch
from numba.core.registry import cpu_target
from interpreting_clip.encoders.portable import use_portable_operations
use_portable_operations()
blas = [one for one in threadpoolctl.threadpool_info() if one["internal_api"] == "openblas"]
first, second = torch.randn(64, 96), torch.randn(96, 32, requires_grad=True)
weight = torch.nn.Linear(96, 32)
weight(first).sum().backward()
images = torch.randn(8, 4, 6, 6).contiguous(memory_format=torch.channels_last)
norm = torch.nn.BatchNorm2d(4)
norm(images.requires_grad_()).square().sum().backward()
print(json.dumps({
    "numpy": [name for name, has in np._core._multiarray_umath.__cpu_features__.items() if has],
    "blas": [(one["architecture"], one["num_threads"]) for one in blas],
    "numba": cpu_target.target_context.codegen().magic_tuple()[1:],
    "torch": torch.backends.cpu.get_cpu_capability(),
    "product": np.array_equal((first @ second).detach(), first.numpy() @ second.detach().numpy()),
    "gradient": np.array_equal(weight.weight.grad, np.ones((32, 64), np.float32) @ first.numpy()),
    "attention": torch.backends.cuda.flash_sdp_enabled(),
    "norm": bool(images.grad.isfinite().all()),
}))
"""


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """Return what such a process says, if the user's environment asks for something else."""
    asked = {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2", "NUMBA_CPU_NAME": "skx"}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", CHOSEN],
        cwd=ROOT,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_every_library_stays_below_avx_512(chosen):
    assert "X86_V3" in chosen["numpy"] and "X86_V4" not in chosen["numpy"]
    assert chosen["numba"] == ["haswell", ""]
    assert chosen["torch"] == "AVX2"


def test_openblas_has_one_kind_of_kernel_and_one_thread(chosen):
    assert chosen["blas"] and {tuple(one) for one in chosen["blas"]} == {("Haswell", 1)}


def test_torch_multiplies_by_openblas(chosen):
    assert chosen["product"] and chosen["gradient"] and not chosen["attention"]
    assert chosen["norm"]
