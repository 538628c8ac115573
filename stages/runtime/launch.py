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
    """Run a stage: end with its parent, explain bad input, start and leave quickly.

    It computes with the code and the versions of packages that its results are kept under, or not
    at all.

    A stage that needs torch imports it in `main`, after what is set here. DVC is killed, its child
    is not: the kernel is asked for a signal when the shell above dies. The garbage collector finds
    nothing in the thousands of objects that an import makes: when it looks less often, and not at
    all at the end, a process with torch in it is 0.4 s shorter.
    """
    die_with_parent()
    wait_passively()
    keep_memory()
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
    """Let threads that wait for each other sleep, unless the user has chosen otherwise.

    By default they spin, and where another process takes one of their cores a training on two
    threads becomes twenty times slower. libgomp reads this once, when torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_memory() -> None:
    """Let memory that is freed be used again, in place of going back to the system until the end.

    glibc asks the system for each tensor above 32 MiB anew and hands it back at once, so a forward
    pass touches thousands of new pages that the system first has to clear: an eighth of its time
    beside threads that decode, since pages come to one thread at a time. Other libraries than
    glibc have no such call.
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
