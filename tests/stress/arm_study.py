"""Every stage of a small study on this processor, from the inputs that another one computed.

    python -m tests.stress.arm_study

The folder has the study with all its results, and the same results again in `own`. Each stage's
outputs move to `arm`, and those of `own` take their place: so they differ by what this stage rounds
otherwise, and not by what an earlier training has amplified. What is in `arm` is not computed
again, so that a run which the emulator ended can go on.
"""

import shutil
import sys
import time
from pathlib import Path

from interpreting_clip.config.params import Params
from interpreting_clip.kernels import use_kernels
from runner.graph import StageEntry, loop_entries, read_entry
from runner.run import compute
from tests.reads import GRAPH
from tests.stress.emulated_study import order

ARM, OWN = Path("arm"), Path("own")


def main() -> None:
    """Run the stages, and print what each takes."""
    study = Params()
    use_kernels(study.tree["kernels"])
    for stage in order():
        began = time.perf_counter()
        for key in loop_entries(GRAPH[stage], study.tree):
            entry = read_entry(stage, key, study.tree)
            if not all((ARM / out).exists() for out in entry.outs):
                compute(entry, study)
                put_aside(entry)
        sys.stdout.write(f"{stage} {time.perf_counter() - began:.1f} s\n")
        sys.stdout.flush()


def put_aside(entry: StageEntry) -> None:
    """Move a stage's outputs to `arm`, and put the other processor's in their place."""
    for out in entry.outs:
        (ARM / out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).rename(ARM / out)
        copy = shutil.copytree if (OWN / out).is_dir() else shutil.copy
        copy(OWN / out, out)


if __name__ == "__main__":
    main()
