"""`python -m stages <stage> [key]` runs a stage, as dvc.yaml does.

A stage's module is imported after its kernels are chosen: numerical libraries choose theirs when
they are loaded.
"""

import importlib
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from interpreting_clip.config.params import Params
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.kernels import Kernels, require_full_precision, use_kernels
from runner.fingerprint import BRANCHES, COMPUTES_NOTHING, require_fingerprint
from runner.launcher import LAUNCHED, compute_alone, launcher, run_elsewhere
from runner.process import DEBUG, explained, leave, require_arguments, set_up

SECONDS = Path(".scratch/seconds")
"""The folder that says of each stage how many seconds its last run took on this machine."""


def main(*words: str) -> None:
    """Run a stage, here or through the launcher that the machine has for it.

    Raises
    ------
    InputError
        There is no such stage.
    """
    began = time.perf_counter()
    stage, *given = [word for word in words if word not in (DEBUG, LAUNCHED)] or [""]
    launched = LAUNCHED in words
    one_of_several = "TORCHELASTIC_RUN_ID" in os.environ  # their parent does what they skip here
    known = [file.stem for file in Path("stages").glob("[!_]*.py")]
    if stage not in known:
        raise InputError(
            f"expected the name of a stage, got {stage!r}; {close_names(stage, known)}"
        )
    if not (one_of_several or launched) and (launching := launcher(stage)):
        sys.exit(run_elsewhere(launching, "-m", "stages", *words))
    if stage not in COMPUTES_NOTHING:
        use_kernels(Params().read("kernels", Kernels))
    module = importlib.import_module(f"stages.{stage}")
    require_arguments(module.main, given)
    name = "@".join([stage, *given])
    if not one_of_several:
        compute_alone(name, launched)
    require_full_precision()
    if stage not in BRANCHES:  # these check for themselves, once they know their branch
        require_fingerprint(stage)
    module.main(*given)
    if one_of_several:
        leave()
    if stage not in COMPUTES_NOTHING:
        record_seconds(name, time.perf_counter() - began)


def record_seconds(name: str, seconds: float) -> None:
    """Note how long a stage took here, so that `make repro` can say how long a rerun would take."""
    with suppress(OSError):
        SECONDS.mkdir(parents=True, exist_ok=True)
        (SECONDS / name).write_text(f"{seconds:.1f}\n")


if __name__ == "__main__":
    set_up()
    words = sys.argv[1:]
    given = [word for word in words if word not in (DEBUG, LAUNCHED)]
    with explained(" ".join(["python -m stages", *given]), DEBUG in words):
        main(*words)
