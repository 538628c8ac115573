"""The processes that tests start, and what they wait for."""

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 60.0
"""Seconds until a process that should have ended counts as one that goes on."""


def processes(folder: Path) -> dict[int, bytes]:
    """Return the command lines of the processes that work in a folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink().is_relative_to(folder):
                found[int(entry.name)] = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended, or is somebody else's
    return {pid: command for pid, command in found.items() if command}


def wait_for(happens: Callable[[], object]) -> bool:
    end = time.monotonic() + PATIENCE
    while not (happened := happens()) and time.monotonic() < end:
        time.sleep(0.01)
    return bool(happened)
