"""`make fsck`: which of DVC's files are rotten, what they are for, and how to mend them.

    python -m stages.verification.fsck [--mend]

It reads every byte of the cache and ends with 0 when all is whole, with 1 otherwise. It changes
nothing, unless `--mend` says to delete what is rotten: DVC never replaces a file that is there.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from psutil import pid_exists

from stages.storage.errors import InputError
from stages.storage.launch import launch
from stages.verification.cache import open_cache
from stages.verification.faults import Findings, look


def main(*arguments: str) -> None:
    """Look through the cache and say what is wrong; with `--mend`, delete what is rotten."""
    asked = parser().parse_args(arguments)
    root = Path.cwd()
    with alone(root) if asked.mend else nullcontext():
        found = look(root)
        sys.stdout.write("".join(f"{line}\n" for line in page(found, root)))
        rotten = found.rotten_files()
        for file in rotten if asked.mend else ():
            delete(file)
    if found.faults:
        sys.stdout.write("".join(f"{line}\n" for line in advice(found, root, asked.mend)))
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        prog="python -m stages.verification.fsck",
        description="Read every byte of DVC's cache; name what is rotten and how to mend it.",
    )
    line.add_argument("--mend", action="store_true", help="delete what is rotten")
    return line


def delete(path: Path) -> None:
    """Delete a file and the folder that it leaves empty, or a folder that is: DVC fails at one."""
    folder = path
    if not path.is_dir():
        path.unlink()
        folder = path.parent
    if not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold DVC's lock, so that nothing is deleted under a command of DVC's.

    Raises
    ------
    InputError
        One is at work here.
    """
    from dvc.lock import LockError
    from dvc.repo import Repo

    cache = open_cache(root)
    with Repo(str(root)) as repo:
        try:
            repo.lock.lock()
        except LockError:
            raise InputError(f"{root}: a command of DVC's is at work; wait for its end") from None
        try:
            if busy := running(cache.processes):
                raise InputError(
                    f"{root}: a stage of DVC's process {busy[0]} is running; wait for its end"
                )
            yield
        finally:
            repo.lock.unlock()


def running(processes: Path) -> list[int]:
    """Return which of the processes in DVC's list still run; it lets its lock go during a stage."""
    try:
        lists = json.loads(processes.read_bytes())
        used = [info for infos in lists["read"].values() for info in infos]
        pids = {int(info["pid"]) for info in [*used, *lists["write"].values()]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []
    return sorted(pid for pid in pids if pid_exists(pid))


def page(found: Findings, root: Path) -> Iterator[str]:
    """Yield the lines that name every fault, and the sum of them."""
    for fault in found.faults:
        yield f"{shown(fault.file, root)}: {fault.what}"
        yield from (
            f"    {use.path} of {use.stage}; in the workspace: {use.copy}" for use in fault.uses
        )
    for file in found.leftovers:
        yield f"{shown(file, root)}: left by a copy that was broken off; it harms nothing"
    yield f"{found.objects} objects and {found.runs} runs: {len(found.faults) or 'no'} faults"


def advice(found: Findings, root: Path, mended: bool) -> Iterator[str]:
    """Yield the commands that mend all faults."""
    yield "To mend:"
    if not mended and (rotten := found.rotten_files()):
        yield "    make fsck MEND=1    deletes what is rotten:"
        yield from (f"        {shown(file, root)}" for file in rotten)
    if kept := found.kept():
        yield f"    dvc commit {' '.join(kept)}    puts the workspace's whole copies back"
    yield "    dvc pull            brings the rest from a remote, where there is one"
    yield "    dvc repro           makes what no remote has; nothing, where all is there"


def shown(file: Path, root: Path) -> str:
    """Return a file's path as a user would type it."""
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


if __name__ == "__main__":
    launch(main)
