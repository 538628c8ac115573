"""Stages that compute on another host, through a launcher of `compute.yaml` such as `srun`.

DVC starts a process here, which waits for the one that the launcher starts there and passes its
output and exit status on. Neither outlives the other for long, and no two processes compute the
same stage:

* The launcher's input is a pipe that ends when the process here does. The stage reads it, and ends
  as well. Where a launcher passes no input on, or was killed, the stage goes on at first.
* A stage holds a lock of the shared file system while it computes. Another one for the same outputs
  writes its name into the lock's file and waits; who reads another name there ends.
"""

import fcntl
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import msgspec

from stages.runtime.errors import InputError, close_names

SETTINGS = Path("compute.yaml")
"""How this machine runs a study."""

OTHERS = "others"
"""The launcher of the stages that have none of their own."""

AT_HOME = ("code", "study")
"""Stages that take no time; `others` does not mean them."""

LAUNCHED = "--launched"
"""The argument of a stage that a launcher has started. The environment may not reach that host."""

LOCKS = Path(".scratch/locks")
"""The folder of the locks of stages that a launcher has started."""

INTERVAL = 5.0
"""Seconds after which a stage sees that another has taken its place."""


class Launchers(msgspec.Struct):
    """The setting that is read before a stage starts; `Machine` has the others."""

    launchers: dict[str, str] = {}


def launcher(stage: str) -> list[str]:
    """Return the words of a stage's launcher in `compute.yaml`, none where it computes here.

    Raises
    ------
    InputError
        The setting is no mapping of stages to commands.
    """
    try:
        text = SETTINGS.read_bytes()
    except FileNotFoundError:
        return []
    if b"launchers" not in text:  # most often; a parser of YAML takes 10 to 20 ms to import
        return []
    import shlex

    try:
        given = msgspec.yaml.decode(text, type=Launchers).launchers
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"{SETTINGS}: {error}") from None
    legal = {OTHERS, *(file.stem for file in Path("stages").glob("[!_]*.py"))}
    for name in sorted(given.keys() - legal):
        raise InputError(
            f"{SETTINGS}: 'launchers.{name}': there is no such stage; {close_names(name, legal)}"
        )
    command = launching_command(given, stage)
    try:
        return shlex.split(command)
    except ValueError as error:
        raise InputError(f"{SETTINGS}: 'launchers': {command!r}: {error}") from None


def launching_command(launchers: Mapping[str, str], stage: str) -> str:
    """Return the command that runs a stage on another host, "" where it computes here."""
    return launchers.get(stage, "" if stage in AT_HOME else launchers.get(OTHERS, ""))


def run_elsewhere(launcher: Sequence[str], *arguments: str) -> int:
    """Run `python <arguments>` through a launcher and return the exit status.

    Raises
    ------
    InputError
        There is no such program.
    """
    import subprocess

    command = [*launcher, sys.executable, *arguments, LAUNCHED]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)
    except OSError as error:
        raise InputError(
            f"{SETTINGS}: 'launchers': {launcher[0]}: {error.strerror}; expected a program that "
            "runs the words after it on another host and waits"
        ) from None
    with process:
        with suppress(BrokenPipeError):
            process.stdin.write(b"+")  # pyright: ignore[reportOptionalMemberAccess]
        status = process.wait()
    return status if status >= 0 else 128 - status


def compute_alone(name: str, launched: bool) -> None:
    """Wait until no other process computes what `name` stands for, and keep others from it.

    Where no launcher has ever started it from this folder, no other process can be left.

    Raises
    ------
    InputError
        The file system has no locks.
    """
    file = LOCKS / name
    if launched:
        LOCKS.mkdir(parents=True, exist_ok=True)
    try:
        lock = os.open(file, os.O_RDWR | (os.O_CREAT if launched else 0), 0o666)
    except FileNotFoundError:
        return
    other = os.read(lock, 100).decode(errors="replace")
    own = f"process {os.getpid()} on {os.uname().nodename}"
    os.pwrite(lock, own.encode(), 0)
    os.truncate(lock, len(own.encode()))
    if launched:
        Thread(target=end_with_launcher, args=(file, own), daemon=True).start()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"{name}: waiting for the end of {other}, which still computes it\n")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(
            f"{file}: {error.strerror}: expected a file system with locks that hold between hosts, "
            "else two of them could write one output; see docs/scale.md, or take `launchers` out "
            f"of {SETTINGS}"
        ) from None


def end_with_launcher(file: Path, own: str) -> None:
    """End this process when the one that launched it does, or when another takes its place."""
    pipes, connected = [0] if sys.stdin else [], False
    while not is_taken(file, own):
        if select.select(pipes, [], [], INTERVAL)[0]:
            if os.read(0, 1):
                connected = True
            elif connected:
                break
            else:  # the launcher passes no input on
                pipes = []
    os.kill(os.getpid(), signal.SIGKILL)


def is_taken(file: Path, own: str) -> bool:
    """Say whether another process has written its name into a lock's file, or that is gone."""
    try:
        return file.read_text() not in ("", own)
    except FileNotFoundError:
        return True
    except OSError:  # of the network; it may come back
        return False
