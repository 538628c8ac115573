"""A training step and a measure have the bytes of this processor on one of another maker."""

import json
import os
import subprocess
import sys

from interpreting_clip.kernels import PORTABLE
from tests.reads import ROOT
from tests.stress.test_emulated_study import OTHER, QEMU, needs_qemu

pytestmark = needs_qemu


def computed(*emulator: str, **variables: str) -> dict[str, str]:
    """Return the digests of the results, with these variables for the numerical libraries."""
    done = subprocess.run(
        [*emulator, sys.executable, "-m", "tests.stress.emulated_step"],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_step_and_a_measure_are_the_same_on_another_processor():
    own, emulated = computed(**PORTABLE), computed(QEMU, "-cpu", OTHER, **PORTABLE)
    assert own.keys() == emulated.keys() and len(own) > 50
    assert [name for name in own if own[name] != emulated[name]] == []
    # The test could fail: the kernels that libraries choose themselves give other bytes.
    assert computed() != own
