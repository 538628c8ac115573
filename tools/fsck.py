"""`make fsck`: which of DVC's files are rotten, what they are for, and how to mend them.

    python -m tools.fsck [--mend]

It reads every byte of the cache and ends with 0 when all is whole, with 1 otherwise. It changes
nothing, unless `--mend` says to delete what is rotten: DVC never replaces a file that is there.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from psutil import pid_exists

from stages.runtime.errors import InputError
from stages.runtime.launch import launch
from tools.cache import (
    LOCK,
    Cache,
    Output,
    content_md5,
    empty_runs,
    files_below,
    is_whole_run,
    locked_outputs,
    members,
    open_cache,
    rotten_objects,
    stored_objects,
)

WHOLE, OTHER = "whole", "other bytes"


@dataclass(frozen=True)
class Use:
    """An output that an object is for, or a file in it, and the state of the workspace's copy."""

    stage: str
    path: str
    copy: str


@dataclass(frozen=True)
class Fault:
    """A file that is damaged or not there, or an empty folder; only an object has `uses`."""

    file: Path
    what: str
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All faults, what copies that were broken off have left, and how much was looked at."""

    root: Path
    faults: list[Fault]
    leftovers: list[Path]
    objects: int
    runs: int

    def rotten_files(self) -> list[Path]:
        """Return what has to go before DVC puts something in its place."""
        rotten = [fault.file for fault in self.faults if fault.file.exists()]
        copies = [self.root / use.path for use in self.uses() if use.copy == OTHER]
        return list(dict.fromkeys([*rotten, *(file for file in copies if file.is_file())]))

    def uses(self) -> Iterator[Use]:
        """Yield what the faulty objects are for."""
        return (use for fault in self.faults for use in fault.uses)

    def lost(self) -> list[str]:
        """Return the stages that have to be pulled or run again."""
        return sorted({use.stage for use in self.uses() if use.copy != WHOLE})

    def kept(self) -> list[str]:
        """Return the stages of whose faulty objects the workspace has whole copies."""
        return sorted({use.stage for use in self.uses()} - {*self.lost()})


def look(root: Path) -> Findings:
    """Return all that is wrong with the cache, the lock file and the list of processes.

    Raises
    ------
    InputError
        `root` is no DVC repository.
    """
    cache = open_cache(root)
    outputs, faults = read_lock(root)
    objects, leftovers = stored_objects(cache)
    runs = list(files_below(cache.runs))
    faults += object_faults(root, cache, objects, outputs)
    faults += [Fault(run, run_fault(run)) for run in runs if not is_whole_run(run)]
    faults += [Fault(run, "empty: what a stage gave is not in it") for run in empty_runs(cache)]
    if cache.processes.exists() and not is_json(cache.processes):
        faults.append(Fault(cache.processes, "cut short: the list of DVC's processes"))
    return Findings(root, faults, leftovers, len(objects), len(runs))


def read_lock(root: Path) -> tuple[list[Output], list[Fault]]:
    """Return the outputs in the lock file, or that it is damaged."""
    try:
        return locked_outputs(root), []
    except InputError:
        return [], [Fault(root / LOCK, "cut short: DVC was ended while it wrote the lock file")]


def run_fault(run: Path) -> str:
    """Say what is wrong with an entry of the run cache: DVC takes the newest, whatever its name."""
    if run.suffix == ".tmp":
        return "cut short: DVC was ended while it wrote down what a stage gave"
    return "rotten: what a stage gave once"


def object_faults(
    root: Path, cache: Cache, objects: dict[str, Path], outputs: Iterable[Output]
) -> list[Fault]:
    """Return the objects that are rotten, and those that a folder has and the cache has not."""
    uses, inside = used(cache, outputs)
    faults = [
        Fault(objects[md5], "rotten: its bytes have another MD5", states(root, uses.get(md5, ())))
        for md5 in rotten_objects(objects)
    ]
    missing = sorted(inside - objects.keys())
    return faults + [
        Fault(cache.file(md5), "missing: its folder is there", states(root, uses[md5]))
        for md5 in missing
    ]


def used(cache: Cache, outputs: Iterable[Output]) -> tuple[dict[str, list[Output]], set[str]]:
    """Return what each MD5 is for, and the MD5s of files in folders that the cache has."""
    uses: dict[str, list[Output]] = {}
    inside: set[str] = set()
    for output in outputs:
        uses.setdefault(output.md5, []).append(output)
        for name, md5 in members(cache.file(output.md5)).items():
            file = Output(output.stage, f"{output.path}/{name}", md5)
            uses.setdefault(md5, []).append(file)
            inside.add(md5)
    return uses, inside


def states(root: Path, outputs: Iterable[Output]) -> tuple[Use, ...]:
    """Return outputs with the state of what the workspace has in their place."""
    return tuple(
        Use(output.stage, output.path, state(root / output.path, output.md5)) for output in outputs
    )


def state(path: Path, md5: str) -> str:
    """Say how a file or folder of the workspace compares to its MD5."""
    if not path.exists():
        return "not there"
    return WHOLE if content_md5(path) == md5 else OTHER


def is_json(file: Path) -> bool:
    """Say whether a file holds JSON."""
    try:
        json.loads(file.read_bytes())
    except ValueError:
        return False
    return True


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
        prog="python -m tools.fsck",
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
