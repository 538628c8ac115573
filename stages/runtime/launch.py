"""How a stage's process starts and ends."""

import ctypes
import gc
import inspect
import os
import signal
import sys
from collections.abc import Callable

from stages.runtime.errors import InputError
from stages.runtime.fingerprint import BRANCHES, require_fingerprint

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""mallopt(3): how much free memory at the end goes back; how many pieces are mapped alone."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent dies."""

ADVICE = "nothing was kept; free the disk or mend the file, then run `dvc repro` again"


def launch(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage: check its fingerprint, explain bad input in one line, end with its parent.

    A stage that needs torch imports it in `main`, after the settings that are made here.
    """
    die_with_parent()
    wait_passively()
    keep_memory()
    # Imports make many objects and no garbage. Collecting less often here, and not at all at exit
    # (`gc.freeze` below), takes `extract` of the miniature from 2.7 s of processor time to 1.8 s.
    gc.set_threshold(200_000, 50, 50)
    stage = stage_name()
    given = arguments or sys.argv[1:]
    try:
        inspect.signature(main).bind(*given)
    except TypeError:
        names = " ".join(inspect.signature(main).parameters)
        sys.exit(
            f"error: expected the arguments {names or 'none'}, got {' '.join(given) or 'none'}"
        )
    try:
        if stage not in BRANCHES:  # those look themselves, once they know their branch
            require_fingerprint(stage)
        main(*given)
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno is None:
            raise
        sys.exit(f"error: {error.filename or 'writing'}: {error.strerror}; {ADVICE}")
    finally:
        gc.freeze()


def stage_name() -> str:
    """Return the name of the stage that `python -m stages.<name>` runs."""
    return str(getattr(sys.modules["__main__"].__spec__, "name", "")).removeprefix("stages.")


def wait_passively() -> None:
    """Let OpenMP's threads sleep while they wait for each other, unless the user says otherwise.

    By default they spin, which costs most where processes share cores: two forward passes of RN50
    (32 images, two threads, a busy machine) take 6.7 to 8.1 s of processor time, and 4.4 s with
    this. libgomp reads the variable once, when torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_memory() -> None:
    """Let glibc keep freed memory for the next tensor; other C libraries have no such call.

    By default it asks the system anew for each tensor above 32 MiB and hands it back at once, and
    the system clears every page again: two forward passes of RN50 (32 images) take 6.2 s of
    processor time, 1.7 s of it in the system, and 4.4 s with this.
    """
    if adjust := getattr(ctypes.CDLL(None), "mallopt", None):
        adjust(M_MMAP_MAX, 0)
        adjust(M_TRIM_THRESHOLD, 2**31 - 1)


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends; elsewhere there is no such call."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
