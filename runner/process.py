"""How a process of ours, a stage or a tool, starts and ends."""

import ctypes
import errno
import gc
import json
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import NoReturn

from interpreting_clip.errors import InputError, one_line, without_logins, without_urls
from interpreting_clip.kernels import require_full_precision

DEBUG = "--debug"
"""The argument of any stage or tool that shows the traceback of an unknown error."""

ADVICE = {
    errno.ENOSPC: "free the disk",
    errno.EDQUOT: "free the disk or have the quota raised",
    errno.EMFILE: "raise the limit with `ulimit -n 4096`",
    errno.ENOENT: "put it there, or let `dvc checkout` or `dvc repro` make it",
    errno.EROFS: "mount {place} for writing, or use a folder elsewhere",
    errno.EACCES: "give yourself access (`chmod u+rwX {place}`), or use a folder elsewhere",
}
"""What to do about an error of the system, by number; `place` is the nearest path that exists."""


def launch(main: Callable[..., None], *arguments: str) -> None:
    """Run a program of ours, explain errors in one line, and end it with its parent."""
    set_up()
    words = list(arguments or sys.argv[1:])
    command = str(getattr(sys.modules["__main__"].__spec__, "name", "")) or "-c"
    command = command.removesuffix(".__main__")
    given = [word for word in words if word != DEBUG]
    with explained(" ".join(["python -m", command, *given]), DEBUG in words):
        require_full_precision()
        main(*given)


def set_up() -> None:
    """Prepare this process; a stage that needs torch imports it after these settings."""
    die_with_parent()
    keep_memory()
    set_variables()
    # Imports create many objects and no garbage. Collecting garbage less often here, and not at all
    # at exit (`gc.freeze` below), reduces the miniature's `extract` from 2.7 s of processor time to
    # 1.8 s.
    gc.set_threshold(200_000, 50, 50)
    sys.stdout.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def explained(command: str, debug: bool) -> Iterator[None]:
    """End with one line and status 1 if the `with` block fails, or with `debug` the traceback."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        # without the folder in which an output is written, which is removed if its stage fails
        partial = r"([^/\s]+)\.partial(/\1(?=[:;,' ]|$))?"
        said = re.sub(partial, r"\1", explanation(error, command))
        # the error comes from one of a stage's processes
        if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
            facts = {"message": said, "extraInfo": {"timestamp": int(time.time())}}
            Path(file).write_text(json.dumps({"message": facts}))
            leave(1)
        sys.exit(f"error: {said}")
    finally:
        gc.freeze()


def note_once(name: str, text: str) -> None:
    """Write a note to stderr once per study; `.scratch/<name>` marks that it was written."""
    marker = Path(".scratch") / name
    if not marker.exists():
        sys.stderr.write(f"note: {text}\n")
        with suppress(OSError):
            marker.parent.mkdir(exist_ok=True)
            marker.touch()


def leave(status: int = 0) -> NoReturn:
    """End a process of a stage after it has written its results or its error.

    Normal interpreter exit sometimes crashes such a process: a thread of the connection may outlive
    what it uses.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def explanation(error: BaseException, command: str) -> str:
    """Explain an error and its remedy in one line; several problems take several lines."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; run it again to continue"
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        # pyarrow has the path in its text only
        named = error.filename or "".join(re.findall("'(.+?)'", str(error.strerror))[:1])
        file = Path(str(named))
        place = next(path for path in (file, *file.parents) if os.access(path, os.F_OK))
        if error.errno == errno.EACCES and named and is_locked(place):
            return one_line(
                f"dvc.yaml: the stage opens {os.path.relpath(file)} and does not list it; add it "
                "under the stage's `deps`, or under `outs` if the stage writes it"
            )
        advice = ADVICE.get(error.errno, "").format(place=place)
        shown = without_logins(str(named or command))
        return one_line(
            f"{shown}: {error.strerror}; nothing was kept; {advice}{', then ' if advice else ''}"
            "run it again"
        )
    if re.search("compiled with CUDA|NVIDIA driver|CUDA GPUs", str(error)):
        return one_line(
            f"`device`: torch finds no GPU here ({error}); set `device: cpu` in compute.yaml, or "
            "install a build of torch and a driver that fit the GPU"
        )
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if is_ours(Path(frame.filename))]
    frame = (ours or frames)[-1]
    what = ": ".join(filter(None, (type(error).__name__, without_urls(str(error)))))
    return one_line(
        f"{os.path.relpath(frame.filename)}, line {frame.lineno}: {what[:300]}. This is a "
        f"defect of the program, or the machine's: see more with `{command} {DEBUG}`, and report "
        "what it prints"
    )


def is_locked(place: Path) -> bool:
    """Say whether the runner's lock forbids access, not a mode: access(2) knows only the latter."""
    if os.access(place, os.W_OK):
        return True
    try:
        os.close(os.open(place, os.O_RDONLY))
    except PermissionError:
        return os.access(place, os.R_OK)
    return False


def is_ours(file: Path) -> bool:
    """Say whether a file is of this project."""
    folders = ("interpreting_clip", "page", "runner", "stages", "tools")
    return any(file.is_relative_to(Path.cwd() / folder) for folder in folders)


def set_variables() -> None:
    """Set what OpenMP and cuBLAS read when torch is imported, unless the user has set it."""
    # OpenMP's threads spin while they wait for each other, which costs most when processes share
    # cores: two forward passes of RN50 (32 images, two threads, a busy machine) take 6.7 to 8.1 s
    # of processor time, and 4.4 s with this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # cuBLAS repeats its results only with a workspace of fixed size. Where only deterministic
    # algorithms are allowed, torch refuses to multiply without it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def keep_memory() -> None:
    """Let glibc keep freed memory for the next tensor; other C libraries have no such function.

    By default it requests memory from the system for each tensor above 32 MiB and returns it at
    once, and the system clears every page again: two forward passes of RN50 (32 images) take 6.2 s
    of processor time, 1.7 s of it in the system, and 4.4 s with this.
    """
    if adjust := getattr(ctypes.CDLL(None), "mallopt", None):
        adjust(-4, 0)  # M_MMAP_MAX: map no block separately
        adjust(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: return no free memory


def die_with_parent() -> None:
    """End this process when its parent ends: Linux does it, and elsewhere a thread looks."""
    parent = os.getppid()
    if not sys.platform.startswith("linux"):
        Thread(target=end_after, args=(parent,), daemon=True).start()
        return
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def end_after(parent: int) -> None:
    """End this process when it has another parent than at its start."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
