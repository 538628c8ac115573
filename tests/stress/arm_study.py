"""Every stage of a small study on this processor, from the inputs that another one computed.

    python -m tests.stress.arm_study

The folder has the study with all its results, and the same results again in `own`. Each stage's
outputs move to `arm`, and those of `own` take their place: so they differ by what this stage rounds
otherwise, and not by what an earlier training has amplified. What is in `arm` is not computed
again, so that a run which the emulator ended can go on.
"""

import shutil
from pathlib import Path

from runner.graph import StageEntry
from tests.stress.emulated_study import run_stages

ARM, OWN = Path("arm"), Path("own")


def put_aside(entry: StageEntry) -> None:
    """Move a stage's outputs to `arm`, and put the other processor's in their place."""
    for out in entry.outs:
        (ARM / out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).rename(ARM / out)
        copy = shutil.copytree if (OWN / out).is_dir() else shutil.copy
        copy(OWN / out, out)


if __name__ == "__main__":
    run_stages(ARM, put_aside)
