"""The number of cores and of the user's threads, which change no result with any kernels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interpreting_clip.kernels import ONE_THREAD, THREADS
from tests.reads import ROOT, folder_digests

TWO_THREADS = """
import hashlib
from interpreting_clip.kernels import use_kernels
use_kernels("native")
import torch
torch.set_num_threads(2)
torch.manual_seed(0)
images, weight = torch.randn(32, 3, 32, 32), torch.randn(64, 3, 3, 3, requires_grad=True)
torch.nn.functional.conv2d(images, weight).square().sum().backward()
features = torch.randn(300, 900)
for found in (weight.grad, features @ features.T, features.sum(), features.softmax(1)):
    print(hashlib.md5(found.numpy().tobytes()).hexdigest())
"""


def environment(**asked: str) -> dict[str, str]:
    mine = (*ONE_THREAD, *THREADS)
    return {name: value for name, value in os.environ.items() if name not in mine} | asked


@pytest.mark.usefixtures("study")
def test_the_number_of_threads_changes_no_bit_with_native_kernels():
    """One thread and two multiply the activations and the head in another order."""
    command = [sys.executable, "-m", "stages", "directions", "rn_untrained"]
    found = []
    for asked in ({}, {"OMP_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}):
        subprocess.run(command, env=environment(**asked), check=True)
        found.append(folder_digests(Path("data/directions/rn_untrained")))
    assert found[0] and found == [found[0]] * 3


def computed(**asked: str) -> str:
    """Return what torch computes with two threads in a process of its own."""
    command = [sys.executable, "-c", TWO_THREADS]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(**asked),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def test_no_variable_changes_what_torch_computes_with_two_threads():
    """With each of the first three alone, it would never end."""
    hanging = {"OMP_DYNAMIC": "true", "OMP_MAX_ACTIVE_LEVELS": "0", "OMP_THREAD_LIMIT": "1"}
    values = {"KMP_LIBRARY": "serial", "MKL_DOMAIN_NUM_THREADS": "MKL_DOMAIN_ALL=2"}
    plain = computed()
    assert len(set(plain.split())) == 4
    for name, value in hanging.items():
        assert computed(**{name: value}) == plain, name
    assert computed(**dict.fromkeys(THREADS, "1") | values | hanging) == plain
