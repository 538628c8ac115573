"""A process with portable kernels: what its libraries have chosen, and what torch then computes."""

import json
import os
import subprocess
import sys

from tests.reads import ROOT

CHOSEN = """
import json, sys
from interpreting_clip.kernels import use_kernels
use_kernels("portable")
import numpy as np, threadpoolctl, torch
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
    "torch": torch.backends.cpu.get_cpu_capability(),
    "product": np.array_equal((first @ second).detach(), first.numpy() @ second.detach().numpy()),
    "gradient": np.array_equal(weight.weight.grad, np.ones((32, 64), np.float32) @ first.numpy()),
    "attention": torch.backends.cuda.flash_sdp_enabled(),
    "norm": bool(images.grad.isfinite().all()),
}))
"""


def test_libraries_have_portable_kernels_whatever_the_user_has_asked_for():
    asked = {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "error::UserWarning", "-c", CHOSEN]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    chosen = json.loads(done.stdout)
    assert "X86_V3" in chosen["numpy"] and "X86_V4" not in chosen["numpy"]
    assert chosen["torch"] == "AVX2"
    assert chosen["blas"] and {tuple(one) for one in chosen["blas"]} == {("Haswell", 1)}
    # torch multiplies by OpenBLAS
    assert chosen["product"] and chosen["gradient"] and not chosen["attention"]
    assert chosen["norm"]
