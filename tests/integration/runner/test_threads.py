"""The number of cores and of the user's threads, which change no result with any kernels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reads import folder_digests

THREADS = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@pytest.mark.usefixtures("study")
def test_the_number_of_threads_changes_no_bit_with_native_kernels():
    """One thread and two multiply the activations and the head in another order."""
    kept = {name: value for name, value in os.environ.items() if name not in THREADS}
    command = [sys.executable, "-m", "stages", "directions", "rn_untrained"]
    found = []
    for asked in ({}, {"OMP_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}):
        subprocess.run(command, env=kept | asked, check=True)
        found.append(folder_digests(Path("data/directions/rn_untrained")))
    assert found[0] and found == [found[0]] * 3
