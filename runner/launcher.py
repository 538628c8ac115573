"""Stages that compute on another host, through a launcher of `compute.yaml` such as `srun`.

DVC starts a process here, which waits for the process that the launcher starts on the other host,
and passes on its output and exit status. Neither outlives the other for long, and no two processes
compute the same stage:

* The launcher's input is a pipe that closes when the process here ends. The stage reads it and then
  ends too. If a launcher does not pass on its input, or was killed, the stage continues for now.
* A stage holds a lock of the shared file system while it computes. A second process for the same
  outputs writes its own name into the lock's file and waits; the first ends when it reads that
  name.
"""

import fcntl
import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from interpreting_clip.errors import InputError, close_names
from runner.machine_settings import SETTINGS, SHARED_BY, MachineSettings

LAUNCHED = "--launched"
"""The argument that tells a stage that a launcher started it; the environment may not reach that
host."""

LOCKS = Path(".scratch/locks")
"""The folder of the locks of stages that a launcher has started."""

INTERVAL = 5.0
"""How often, in seconds, a stage checks whether another has taken its place."""


def launcher(machine: MachineSettings, stage: str) -> list[str]:
    """Return the words of a stage's launcher, or none if it computes here."""
    given = machine.launchers
    legal = {"others", *(file.stem for file in Path("stages").glob("[!_]*.py"))}
    for name in sorted(given.keys() - legal):
        raise InputError(
            f"{SETTINGS}: 'launchers.{name}': there is no such stage; {close_names(name, legal)}"
        )
    try:
        return shlex.split(launching_command(given, stage))
    except ValueError as error:
        # not the command, which may have a login
        raise InputError(
            f"{SETTINGS}: 'launchers': expected closed quotes in the command for {stage}, got one "
            f"that cannot be split into words: {error}"
        ) from None


def launching_command(launchers: Mapping[str, str], stage: str) -> str:
    """Return the command that runs a stage on another host, or "" if it computes here."""
    # `others` does not include the stages that take no time
    return launchers.get(stage, "" if stage in {"code", "study"} else launchers.get("others", ""))


def run_elsewhere(launcher: Sequence[str], *arguments: str) -> int:
    """Run `python <arguments>` through a launcher and return the exit status."""
    command = [*launcher, sys.executable, *arguments, LAUNCHED]
    # srun passes on the environment; the other host's processors are the launcher's to share.
    there = {name: value for name, value in os.environ.items() if name != SHARED_BY}
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0, env=there)
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
    """Wait until no other process computes the stage `name`, and keep others from starting it.

    If no launcher has ever started it from this folder, no other process can be left.
    """
    file = LOCKS / name
    if launched:
        LOCKS.mkdir(parents=True, exist_ok=True)
    try:
        lock = os.open(file, os.O_RDWR | (os.O_CREAT if launched else 0), 0o666)
    except FileNotFoundError:
        return
    other = os.read(lock, 100).decode(errors="replace")
    holder = f"process {os.getpid()} on {os.uname().nodename}"
    os.pwrite(lock, holder.encode(), 0)
    os.truncate(lock, len(holder.encode()))
    if launched:
        Thread(target=end_with_launcher, args=(file, holder), daemon=True).start()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"{name}: waiting for the end of {other}, which still computes it\n")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(
            f"{file}: {error.strerror}: expected a file system with locks that hold between hosts, "
            "else two of them could write one output; see docs/tutorial_cluster.md, or take "
            f"`launchers` out of {SETTINGS}"
        ) from None


def end_with_launcher(file: Path, holder: str) -> None:
    """End this process when its launcher's process ends, or when another takes its place."""
    pipes, connected = [0] if sys.stdin else [], False
    while not was_superseded(file, holder):
        if select.select(pipes, [], [], INTERVAL)[0]:
            if os.read(0, 1):
                connected = True
            elif connected:
                break
            else:  # the launcher does not pass on its input
                pipes = []
    os.kill(os.getpid(), signal.SIGKILL)


def was_superseded(file: Path, holder: str) -> bool:
    """Say whether another process has written its name into a lock's file, or the file is gone."""
    try:
        return file.read_text() not in ("", holder)
    except FileNotFoundError:
        return True
    except OSError:  # a network error; the file may come back
        return False
